/**
 * What switches on a host of a lab: what the document says of the netns lab, our own switch of the host's kind on the memory
 * lab. Checks and scenarios ask it where hosts of one kind differ.
 */
import { type LabSwitch, labSwitches } from '../../controller/model/lab-schema.ts'
import type { Lab, LabDocument } from './lab.ts'

export type { LabSwitch }

/** On the netns lab. Throws for a host that the document does not have. */
export function switchOf({ hosts, lab }: LabDocument, hostId: string): LabSwitch {
  const host = hosts[hostId]
  if (host === undefined) throw new Error(`no host ${hostId}`)
  return lab?.hosts[hostId]?.switch ?? labSwitches[host.kind][0]
}

/** What realizes a host, on either lab; `weft-vtep` is the back end of the agent in dataplane/vtep. */
export type Realizer = LabSwitch | 'weft-vtep'

export function realizerOf(
  { backend, document }: Pick<Lab, 'backend' | 'document'>,
  id: string,
): Realizer {
  if (backend !== 'memory') return switchOf(document, id)
  return document.hosts[id]?.kind === 'vtep' ? 'weft-vtep' : 'weft-switch'
}

/** For people. */
export const switchNames: Readonly<Record<Realizer, string>> = {
  'open-vswitch': 'Open vSwitch',
  'weft-switch': 'weft switch',
  'linux-bridge': 'weft agent with kernel bridges',
  'ovs-vtep': 'ovs-vtep',
  'weft-vtep': 'weft agent with weft switch',
}
