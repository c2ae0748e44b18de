/**
 * The cables of a lab to physical networks: every uplink of a bridge that the document declares for one ends in a segment
 * that all hosts on it share. Neighbours: memory/lab.ts has a hub for it, netns/wiring.ts a bridge of the kernel.
 */
import type { Specs } from '../../controller/model/schema.ts'
import type { LabDocument } from './lab.ts'

export interface Uplink {
  readonly hostId: string
  /** Name of the interface on the host: `eth1`. */
  readonly device: string
  readonly physicalNetwork: string
  /** Bytes of IP packet that the cable takes, without a tag: as the bridge says, else its physical network. */
  readonly mtuBytes: number
}

const DEFAULT_MTU_BYTES = 1500

/** Of a document that was parsed; one made by hand has none, and whoever made it wires it. */
export function uplinksOf({ edits = [], hosts }: LabDocument): Uplink[] {
  const physical = new Map<string, number>()
  for (const { collection, key, spec } of edits)
    if (collection === 'physicalNetwork') physical.set(key, spec?.mtuBytes ?? DEFAULT_MTU_BYTES)
  return edits.flatMap(({ collection, key, spec }) => {
    const [hostId = ''] = key.split('/')
    if (collection !== 'bridge' || hosts[hostId] === undefined) return []
    const { uplinks = [], physicalNetwork, mtuBytes } = spec as Specs['bridge']
    if (physicalNetwork === undefined) return []
    const carried = mtuBytes ?? physical.get(physicalNetwork) ?? DEFAULT_MTU_BYTES
    return uplinks.map((device) => ({ hostId, device, physicalNetwork, mtuBytes: carried }))
  })
}
