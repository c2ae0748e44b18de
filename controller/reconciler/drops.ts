/**
 * Why frames vanished on a host, from the counters of its drop flows: the reason is in the cookie, the port in the
 * provenance. What a meter counts is taken from the meter, since flows behind check_pkt_larger count both branches.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { flowKey } from '../../southbound/openflow/flow.ts'
import { ALL_METERS } from '../../southbound/openflow/meter.ts'
import { allFlows } from '../../southbound/openflow/multipart.ts'
import { dropCookie, reasonOf } from '../compiler/cookie.ts'
import { flowItemId, meterItemId } from '../compiler/items.ts'
import type { DropReason } from '../compiler/reason.ts'
import { PROBE_METER, SAMPLE_METER } from '../compiler/stages.ts'
import type { DropCount } from '../northbound/realization.ts'
import type { Desired } from './flow-channel.ts'

const METERED: DropReason = 'mtu_exceeded'
/** These bound what comes to the controller, and count no drops. */
const bounding = new Set([PROBE_METER, SAMPLE_METER])

/** Counts since each flow or meter was made; one entry a flow or meter, zero counts left out. */
export async function readDrops(
  connection: Connection,
  desired: Desired,
  signal: AbortSignal,
): Promise<DropCount[]> {
  const { cookie, mask: cookie_mask } = dropCookie
  const [flows, meters] = await Promise.all([
    connection.multipart({ kind: 'flow', body: allFlows({ cookie, cookie_mask }) }, { signal }),
    connection.multipart({ kind: 'meter', body: { meter_id: ALL_METERS } }, { signal }),
  ])
  const drops: DropCount[] = []
  for (const flow of flows) {
    const reason = reasonOf(flow.cookie)
    const packets = Number(flow.packet_count)
    if (!reason || reason === METERED || packets === 0) continue
    const port = ownerOf(desired, flowItemId(flowKey(flow)), 'port')
    drops.push({ reason, packets, ...(port ? { port } : {}) })
  }
  for (const { meter_id, packet_in_count } of meters) {
    if (packet_in_count === 0n || bounding.has(meter_id)) continue
    const network = ownerOf(desired, meterItemId(meter_id), 'network')
    const packets = Number(packet_in_count)
    drops.push({ reason: METERED, packets, ...(network ? { network } : {}) })
  }
  return drops
}

/** Key of the object of this collection that an item is made from; undefined when it is made from none. */
function ownerOf(
  desired: Desired,
  itemId: string,
  collection: 'port' | 'network',
): string | undefined {
  const intent = desired.lookup(itemId)?.from.find((from) => from.startsWith(`${collection}/`))
  return intent?.slice(collection.length + 1)
}
