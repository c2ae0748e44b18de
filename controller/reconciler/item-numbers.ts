/**
 * How many items of one object a host should have, how many of these it has confirmed, and which it refuses. Costs by what
 * its hosts have of their own, so it is asked of single objects alone. Neighbours: `object-status.ts`; `../compiler/engine.ts` finds items.
 */
import type { Compiler } from '../compiler/compiler.ts'
import type { Item } from '../compiler/program.ts'
import { block } from '../compiler/stages.ts'
import type { Network } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { type FailedItem, type ItemNumbers, MOST_FAILED } from '../northbound/conditions.ts'
import { type Concern, intentsOfHost, networkOf } from './concern.ts'
import { intentsAt } from './host-answer.ts'
import { itemText } from './item-text.ts'
import type { Reconciler } from './reconciler.ts'

/** Hosts that are counted for one object, beside the one that a port is on. */
const MOST_HOSTS = 100

/** Of one object, for host after host: what hosts share is looked through once. Undefined: that is one host too many. */
export function numbersOf(
  snapshot: Snapshot,
  reconciler: Reconciler,
  concern: Concern,
): (hostId: string) => ItemNumbers | undefined {
  const { compiler } = reconciler
  const seen: Parameters<Compiler['itemsOf']>[1]['seen'] = new Map()
  const network = networkOf(snapshot, concern)
  const home = homeOf(compiler, concern)
  let counted = 0
  return (hostId) => {
    if (hostId !== home && ++counted > MOST_HOSTS) return undefined
    const intents = intentsOfHost(hostId, concern)
    const among = blocksOf(compiler, concern, network, hostId)
    const items = compiler.itemsOf(hostId, { intents, among, seen })
    return numbersAt(reconciler, hostId, concern, items)
  }
}

function numbersAt(
  reconciler: Reconciler,
  hostId: string,
  concern: Concern,
  items: readonly Item[],
): ItemNumbers {
  const session = reconciler.session(hostId)
  const device = session?.kind === 'vtep' ? session : undefined
  const channel = device ? undefined : reconciler.channel(hostId)
  const refusalOf = ({ id }: Item): Omit<FailedItem, 'item'> | undefined => {
    const refused = channel?.refused.get(id)
    if (refused) return { error: refused.error, revision: refused.revision }
    const why = device?.whyBlocked(id)
    return why === undefined ? undefined : { error: why, revision: reconciler.revision }
  }
  const [, bridge] = /^bridge\/(.+)$/.exec(concern.intent) ?? []
  if (bridge !== undefined && session?.kind !== 'vtep') {
    // Its rows are no items: it is one itself.
    const { state, reason = '' } = (channel && session?.bridgeState(bridge)) ?? {}
    const { revision } = reconciler
    const isFailed = state === 'failed'
    return {
      ...{ desired: 1, acked: channel && state === undefined ? 1 : 0 },
      failed: isFailed ? [{ item: `Bridge ${bridge}`, error: reason, revision }] : [],
    }
  }
  const failed: FailedItem[] = []
  let acked = 0
  for (const item of items) {
    if ((channel ?? device)?.isConfirmed(item.id)) acked++
    const error = failed.length < MOST_FAILED ? refusalOf(item) : undefined
    if (error) failed.push({ item: itemText(item), ...error })
  }
  // What a device says is of ports and switches of its own, not of single rows.
  const fault = failed.length === 0 ? device?.objection(intentsAt(hostId, concern)) : undefined
  if (fault !== undefined) {
    const revision = device?.confirmed ?? 0
    failed.push({ item: `rows of ${concern.intent}`, error: fault, revision })
  }
  return { desired: items.length, acked, failed }
}

/** Where a port is. */
function homeOf(compiler: Compiler, { intent }: Concern): string | undefined {
  const [, key] = /^port\/(.+)$/.exec(intent) ?? []
  return key === undefined ? undefined : compiler.placement(key)?.hostId
}

/**
 * In which blocks a host may have items of an object. Of a network and what is in it: in those of the network; of a port in what
 * a host shares with no other only where the port is, unless frames come in from outside, for whoever joins the network looks
 * at what they claim.
 */
export function blocksOf(
  compiler: Compiler,
  concern: Concern,
  network: Network | undefined,
  hostId: string,
): (id: string) => boolean {
  if (!network) return () => true
  const { intent } = concern
  const isInside = network.type === 'vxlan' && !network.extension
  const hasOwn = !intent.startsWith('port/') || !isInside || hostId === homeOf(compiler, concern)
  const end = `/${network.tenant}/${network.id}`
  return (id) => {
    if (block.hostOf(id) !== undefined) return hasOwn
    return id.endsWith(end) || id.startsWith(block.physical(''))
  }
}
