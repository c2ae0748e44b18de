/**
 * What hosts do differently where the promise is the same: a host of flows drops and counts what a host of bridges floods to
 * the members of the network on it, or drops without a count. One row for each realizer; the rows of the checks claim
 * accordingly and say so.
 */
import { type Realizer, realizerOf, switchNames } from '../host-switch.ts'
import type { Lab, Workload } from '../lab.ts'
import { type Claims, type Delivery, workloadSender } from './claims.ts'
import type { SiteNetwork } from './site.ts'

interface Manners {
  /** It is a bridge: unknown unicast goes to the members on the host, ARP that nobody answers to all members. */
  readonly floods: boolean
  /** Reasons that it drops for without telling how often. */
  readonly uncounted: Readonly<Record<string, string>>
  /** Between guests of one host the MTU of their interfaces decides, not that of the network. */
  readonly ownMtu: boolean
}

const NO_VNI = 'nothing listens for a VNI that no network has'

const MANNERS: Readonly<Record<Realizer, Manners>> = {
  'open-vswitch': { floods: false, uncounted: {}, ownMtu: false },
  'weft-switch': { floods: false, uncounted: {}, ownMtu: false },
  'weft-vtep': { floods: true, uncounted: { vni_unknown: NO_VNI }, ownMtu: false },
  'linux-bridge': {
    floods: true,
    uncounted: {
      vni_unknown: NO_VNI,
      mtu_exceeded: 'the kernel drops in silence, or tells the sender by ICMP',
    },
    ownMtu: true,
  },
  'ovs-vtep': {
    floods: true,
    uncounted: { vni_unknown: NO_VNI, mtu_exceeded: 'Open vSwitch drops in silence' },
    ownMtu: true,
  },
}

export const mannersOf = (lab: Pick<Lab, 'backend' | 'document'>, hostId: string): Manners =>
  MANNERS[realizerOf(lab, hostId)]

/** `h3 (weft agent with kernel bridges): WHAT`. */
export const noteOf = (
  lab: Pick<Lab, 'backend' | 'document'>,
  hostId: string,
  what: string,
): string => `${hostId} (${switchNames[realizerOf(lab, hostId)]}): ${what}`

/** Why the host does not count drops of this reason, as a note; undefined when it does. */
export function uncounted(lab: Lab, hostId: string, reason: string): string | undefined {
  const why = mannersOf(lab, hostId).uncounted[reason]
  return why && noteOf(lab, hostId, `${reason} not counted, ${why}`)
}

/** Members of the network that see what `sender` floods: those on its host, or all. */
export function flooded(
  { workloads }: SiteNetwork,
  sender: Workload,
  everywhere: boolean,
): Pick<Delivery, 'to' | 'crossesUnderlay'> {
  const others = workloads.filter((workload) => workload !== sender)
  const here = others.filter(({ hostId }) => hostId === sender.hostId)
  const seen = everywhere ? others : here
  return { to: seen.map(({ name }) => name), crossesUnderlay: seen.length > here.length }
}

/**
 * A frame that is for nobody in its network. A host of flows drops and counts it; on a host of bridges it is seen by
 * members of the network and by nobody else, which is all that is promised.
 */
export function forNobody(
  lab: Lab,
  network: SiteNetwork,
  sender: Workload,
  claim: {
    readonly what: string
    readonly control: Delivery
    readonly reason: 'mac_unknown' | 'arp_unknown'
    frame(mark: Uint8Array): Uint8Array
  },
): Claims {
  const { hostId } = sender
  const { what, control, reason, frame } = claim
  if (!mannersOf(lab, hostId).floods)
    return { refusals: [{ what, control, frame, hostId, reason }] }
  const isArp = reason === 'arp_unknown'
  const flood: Delivery = {
    what,
    frame: (mark) => frame(mark),
    from: workloadSender(sender),
    ...flooded(network, sender, isArp),
    outcome: 'for nobody, seen by their own network only',
    note: noteOf(
      lab,
      hostId,
      isArp ? 'floods ARP for unknown addresses' : 'floods unknown MACs on the host',
    ),
  }
  return { deliveries: [control, flood] }
}

/** All of them as one. */
export function together(claims: readonly Claims[]): Claims {
  return {
    deliveries: claims.flatMap(({ deliveries = [] }) => deliveries),
    refusals: claims.flatMap(({ refusals = [] }) => refusals),
  }
}
