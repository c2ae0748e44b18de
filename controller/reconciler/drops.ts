/**
 * Why frames vanished on a host, from the counters of its drop flows: the reason is in the cookie, the port in the
 * provenance. What a meter counts is taken from the meter, since flows behind check_pkt_larger count both branches.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { flowKey } from '../../southbound/openflow/flow.ts'
import { ALL_METERS } from '../../southbound/openflow/meter.ts'
import { allFlows } from '../../southbound/openflow/multipart.ts'
import { dropCookie, reasonOf } from '../compiler/cookie.ts'
import { flowItemId } from '../compiler/items.ts'
import type { DropReason } from '../compiler/reason.ts'
import type { DropCount } from '../northbound/realization.ts'
import type { Desired } from './flow-channel.ts'

const METERED: DropReason = 'mtu_exceeded'

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
    const owner = desired
      .lookup(flowItemId(flowKey(flow)))
      ?.from.find((intent) => intent.startsWith('port/'))
    drops.push({ reason, packets, ...(owner ? { port: owner.slice('port/'.length) } : {}) })
  }
  for (const { packet_in_count } of meters) {
    if (packet_in_count > 0n) drops.push({ reason: METERED, packets: Number(packet_in_count) })
  }
  return drops
}
