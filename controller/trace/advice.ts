/**
 * What would let a frame pass that is dropped: for each reason the smallest change of the model, tried on a copy of the site
 * before it is told. Neighbour: trace.ts.
 */
import { collections, splitKey } from '../model/collections.ts'
import { ModelError } from '../model/errors.ts'
import type { Declared, Edit, Objects } from '../model/schema.ts'
import { specOf } from '../model/spec-of.ts'
import type { TraceSite } from './site.ts'
import type { Fault, TraceRequest } from './trace.ts'

export interface Advice {
  readonly says: string
  /** The site was compiled with it, and the frame walked again: it arrives. Otherwise nobody has tried. */
  readonly proven: boolean
}

interface Cure {
  readonly says: string
  readonly edits: readonly Edit[]
}

/** @param isCured whether the frame arrives with these edits. @throws ModelError when the model refuses them */
export function adviceOn(
  site: TraceSite,
  request: TraceRequest,
  fault: Fault,
  isCured: (edits: readonly Edit[]) => boolean,
): Advice[] {
  const advice: Advice[] = []
  for (const { says, edits } of curesOf(site, request, fault)) {
    try {
      if (edits.length === 0) advice.push({ says, proven: false })
      else if (isCured(edits)) advice.push({ says, proven: true })
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
      advice.push({ says: `${says}; which the site refuses: ${error.message}`, proven: false })
    }
  }
  return advice
}

function curesOf(site: TraceSite, request: TraceRequest, { reason, host }: Fault): Cure[] {
  const { from, to, packetBytes = 0 } = request
  const { snapshot } = site
  const [sender, receiver] = [snapshot.get('port', from), snapshot.get('port', to)]
  if (!sender || !receiver) return []
  const networkOf = ({ tenant, network }: Objects['port']) => `${tenant}/${network}`
  const network = snapshot.get('network', networkOf(sender))
  switch (reason) {
    case 'port_unplaced':
      return [{ says: `plug ${from} in: weft attach ${from}`, edits: [] }]
    case 'arp_unknown':
    case 'nd_unknown':
    case 'mac_unknown':
    case 'not_there':
      if (networkOf(sender) !== networkOf(receiver))
        return [
          {
            says: `${from} is in network ${networkOf(sender)} and ${to} in ${networkOf(receiver)}, which do not reach each other: give one of them a port in the network of the other`,
            edits: [],
          },
        ]
      if (!site.placement(to))
        return [{ says: `plug ${to} in, which is nowhere: weft attach ${to}`, edits: [] }]
      return []
    case 'mtu_exceeded':
      if (!network) return []
      return [
        {
          says: `set mtuBytes of network ${networkOf(sender)} to ${packetBytes}, now ${network.mtuBytes}`,
          edits: [changed(site, 'network', networkOf(sender), { mtuBytes: packetBytes })],
        },
      ]
    case 'underlay_mtu_exceeded':
      return [
        {
          says: `let the underlay of ${host} carry more, or send packets of at most ${network?.mtuBytes} bytes`,
          edits: [],
        },
      ]
    default:
      return []
  }
}

/** The edit that puts an object as it is but for these properties. */
function changed(
  { snapshot }: TraceSite,
  collection: Declared,
  key: string,
  properties: object,
): Edit {
  const object = snapshot.get(collection, key)
  if (!object) throw new Error(`${collections[collection].plural} ${splitKey(key).id} is not there`)
  return { collection, key, spec: { ...specOf(collection, object), ...properties } } as Edit
}
