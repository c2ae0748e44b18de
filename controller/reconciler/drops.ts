/**
 * Why frames vanished on a host, from the counters of its drop flows: the reason is in the cookie, the port or network in
 * the provenance.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { flowKey } from '../../southbound/openflow/flow.ts'
import { allFlows } from '../../southbound/openflow/multipart.ts'
import { dropCookie, reasonOf } from '../compiler/cookie.ts'
import { flowItemId } from '../compiler/items.ts'
import type { DropCount } from '../northbound/realization.ts'
import type { Desired } from './flow-channel.ts'

/** Counts since each flow was made; one entry a flow, zero counts left out. */
export async function readDrops(
  connection: Connection,
  desired: Desired,
  signal: AbortSignal,
): Promise<DropCount[]> {
  const { cookie, mask: cookie_mask } = dropCookie
  const body = allFlows({ cookie, cookie_mask })
  const flows = await connection.multipart({ kind: 'flow', body }, { signal })
  const drops: DropCount[] = []
  for (const flow of flows) {
    const reason = reasonOf(flow.cookie)
    const packets = Number(flow.packet_count)
    if (!reason || packets === 0) continue
    const [port, network] = (['port', 'network'] as const).map((collection) =>
      ownerOf(desired, flowItemId(flowKey(flow)), collection),
    )
    drops.push({ reason, packets, ...(port ? { port } : {}), ...(network ? { network } : {}) })
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
