/**
 * What one host says of one object: realized, pending, failed or away, in a word of `../northbound/conditions.ts` and in a
 * sentence, and what it goes without. Neighbours: `concern.ts`, `apart.ts` and `segment-status.ts` (parts of it), `status.ts`.
 */
import { joinersLeft } from '../model/quarantine.ts'
import type { Declared, Objects } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { ConditionReason } from '../northbound/conditions.ts'
import type { HostState } from '../northbound/realization.ts'
import { apartFrom, hostsApart, portsApart } from './apart.ts'
import { type Concern, intentsOfHost, networkOf } from './concern.ts'
import type { Reconciler } from './reconciler.ts'
import { segmentFault } from './segment-status.ts'

export interface HostAnswer {
  readonly state: HostState
  readonly word: ConditionReason
  readonly reason?: string
  /** Of what is realized: 'no_common_family (h2)', 'anti_spoofing_unenforced'. */
  readonly without: readonly string[]
}

const AWAY = 'the host is not connected; it keeps what it had'
const NO_BRIDGE =
  'its database is connected, its br-int has not dialled OpenFlow (ovs-vswitchd, datapath_type?)'

const disconnected = (reason: string): HostAnswer => ({
  ...{ state: 'disconnected', word: 'disconnected', reason, without: [] },
})
const failed = (word: ConditionReason, reason: string): HostAnswer => ({
  ...{ state: 'failed', word, reason, without: [] },
})

/** Answers for hosts of one object. */
export function hostAnswers(
  snapshot: Snapshot,
  reconciler: Reconciler,
  { collection, object, concern }: About,
): (hostId: string) => HostAnswer {
  const network = networkOf(snapshot, concern)
  const isAlone = network?.type !== 'vxlan' || concern.hosts.size < 2
  const apart =
    isAlone && collection !== 'port'
      ? () => []
      : whatIsApart(snapshot, reconciler, { collection, object, concern, network })
  return (hostId) => {
    const answer = answerOf(snapshot, reconciler, hostId, concern, network)
    if (answer.state !== 'realized') return answer
    const without = apart(hostId)
    return without.length === 0 ? answer : { ...answer, without: [...answer.without, ...without] }
  }
}

interface About {
  readonly collection: Declared
  readonly object: Objects[Declared]
  readonly concern: Concern
}

/** What of its network the object does not reach from a host, though all is realized there. */
function whatIsApart(
  snapshot: Snapshot,
  { compiler }: Reconciler,
  { collection, object, concern, network }: About & { readonly network: Network },
): (hostId: string) => string[] {
  if (!network) return () => []
  const apart = hostsApart(snapshot, network, concern.hosts)
  const reasons = (others: readonly string[], ports: readonly string[] = []) =>
    [apartFrom('no_common_family', others), apartFrom('same_trunk', ports)].filter(
      (reason) => reason !== undefined,
    )
  if (collection !== 'port') return (hostId) => reasons(apart(hostId))
  const port = object as Objects['port']
  const home = compiler.placement(`${port.tenant}/${port.id}`)?.hostId
  return (hostId) =>
    hostId === home
      ? reasons(
          apart(hostId),
          portsApart(snapshot, port, (key) => compiler.placement(key)),
        )
      : reasons(apart(hostId).filter((other) => other === home))
}

type Network = Objects['network'] | undefined

function answerOf(
  snapshot: Snapshot,
  reconciler: Reconciler,
  hostId: string,
  concern: Concern,
  network: Network,
): HostAnswer {
  const session = reconciler.session(hostId)
  const { intent } = concern
  const isVtep = snapshot.get('host', hostId)?.kind === 'vtep'
  if (isVtep && session?.kind !== 'vtep') return disconnected(AWAY)
  if (session?.kind === 'vtep') {
    const intents = intentsAt(hostId, concern)
    const fault = session.objection(intents)
    if (fault !== undefined) return failed('device_fault', fault)
    const still = ofNetwork(snapshot, reconciler, hostId, network)
    if (still) return still
    const answer = confirmed(reconciler, hostId, concern)
    if (answer.state !== 'realized') return answer
    const without = session.degradation(intents)
    return without.length === 0 ? answer : { ...answer, without }
  }
  const objection = session?.objection
  if (objection?.state === 'failed') return failed('bridge_foreign', objection.reason)
  if (objection) return { ...objection, word: 'bridge_foreign', without: [] }
  const channel = reconciler.channel(hostId)
  if (!channel) return disconnected(session ? NO_BRIDGE : AWAY)
  for (const each of intentsOfHost(hostId, concern))
    for (const { reason } of channel.refused.of(each)) return failed('item_refused', reason)
  const bridge = intent.startsWith('bridge/') ? intent.slice('bridge/'.length) : undefined
  const state = bridge === undefined ? undefined : session?.bridgeState(bridge)
  if (state)
    return state.state === 'failed'
      ? failed('bridge_fault', state.reason)
      : { ...state, word: 'pending', without: [] }
  return ofNetwork(snapshot, reconciler, hostId, network) ?? confirmed(reconciler, hostId, concern)
}

/** Those whose faults on a device are the object's too, its own first. */
export const intentsAt = (hostId: string, { intent, network = intent }: Concern): string[] => [
  ...[intent, network, `host/${hostId}`],
]

/** What is against the network's place on a physical network; undefined: nothing. */
function ofNetwork(
  snapshot: Snapshot,
  reconciler: Reconciler,
  hostId: string,
  network: Network,
): HostAnswer | undefined {
  if (!network) return undefined
  const fault = segmentFault(snapshot, network, hostId, reconciler.session(hostId))
  if (fault !== undefined)
    return failed(
      fault.startsWith('vid_not_carried') ? 'vid_not_carried' : 'physical_network_missing',
      fault,
    )
  // Another that may still join it to its VLAN.
  if (network.extension?.hostId !== hostId) return undefined
  const left = joinersLeft(snapshot, network)
  const away = left.find((other) => !reconciler.session(other))
  if (away !== undefined) return failed('still_joined', `still joined at ${away}, which is away`)
  return left.length > 0
    ? { state: 'pending', word: 'still_joined', reason: `still joined at ${left[0]}`, without: [] }
    : undefined
}

const realized: HostAnswer = { state: 'realized', word: 'confirmed', without: [] }

function confirmed(reconciler: Reconciler, hostId: string, { revision }: Concern): HostAnswer {
  const confirmed = reconciler.confirmed(hostId)
  if (confirmed !== undefined && confirmed >= revision) return realized
  const reason =
    confirmed === undefined
      ? 'its rows are not as they should be yet'
      : `confirmed up to revision ${confirmed} of ${revision}`
  return { state: 'pending', word: 'pending', reason, without: [] }
}
