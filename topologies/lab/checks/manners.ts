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
  /** Unknown unicast and ARP go to the members on other hosts too: a device knows of no flood list for broadcasts alone. */
  readonly floodsFar?: true
  /** It lets guests send under any MAC and address. */
  readonly trusts?: true
  /** Reasons that it drops for without telling how often. */
  readonly uncounted: Readonly<Record<string, string>>
  /** Between guests of one host the MTU of their interfaces decides, not that of the network. */
  readonly ownMtu: boolean
}

const NO_VNI = 'nothing listens for a VNI that no network has'
const SILENT = 'Open vSwitch drops in silence'

const MANNERS: Readonly<Record<Realizer, Manners>> = {
  'open-vswitch': { floods: false, uncounted: {}, ownMtu: false },
  'weft-switch': { floods: false, uncounted: {}, ownMtu: false },
  'weft-vtep': { floods: true, uncounted: { vni_unknown: NO_VNI }, ownMtu: false },
  'linux-bridge': { floods: true, uncounted: { vni_unknown: NO_VNI }, ownMtu: false },
  'ovs-vtep': {
    floods: true,
    floodsFar: true,
    trusts: true,
    uncounted: { vni_unknown: NO_VNI, vtep_unknown: SILENT, mtu_exceeded: SILENT },
    ownMtu: true,
  },
}

export const mannersOf = (lab: Pick<Lab, 'backend' | 'document'>, hostId: string): Manners =>
  MANNERS[realizerOf(lab, hostId)]

/**
 * Why a guest's priority-tagged frames are lost at the host, as a note; undefined when they pass, as they should. weft agent has
 * nftables take the tag off, which a kernel before 6.2 remembers as a tag of no type: that of the virtual machines is 6.1.
 */
export function losesPriorityTags(
  lab: Pick<Lab, 'backend' | 'document'>,
  hostId: string,
): string | undefined {
  const isOld = lab.backend === 'vagrant' && realizerOf(lab, hostId) === 'linux-bridge'
  return isOld ? noteOf(lab, hostId, 'priority tags, lost with a kernel before 6.2') : undefined
}

/** `h3 (weft agent with kernel bridges): WHAT`. */
export const noteOf = (
  lab: Pick<Lab, 'backend' | 'document'>,
  hostId: string,
  what: string,
): string => `${hostId} (${switchNames[realizerOf(lab, hostId)]}): ${what}`

/** That nothing is promised of it there. */
export const leftOut = (
  lab: Pick<Lab, 'backend' | 'document'>,
  hostId: string,
  what: string,
): string => noteOf(lab, hostId, `${what}, the device decides`)

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

/** Of a sender whose host floods unknown MACs to all VTEPs: members on hosts that flood in turn. */
function unknownFar(lab: Lab, network: SiteNetwork, sender: Workload): ReturnType<typeof flooded> {
  const workloads = network.workloads.filter(({ hostId }) => mannersOf(lab, hostId).floods)
  return { ...flooded({ ...network, workloads }, sender, true), crossesUnderlay: true }
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
  const { floods, floodsFar = false } = mannersOf(lab, hostId)
  if (!floods) return { refusals: [{ what, control, frame, hostId, reason }] }
  const isArp = reason === 'arp_unknown'
  const flood: Delivery = {
    what,
    frame: (mark) => frame(mark),
    from: workloadSender(sender),
    ...(floodsFar && !isArp ? unknownFar(lab, network, sender) : flooded(network, sender, isArp)),
    outcome: 'for nobody, seen by their own network only',
    note: noteOf(
      lab,
      hostId,
      isArp
        ? 'floods ARP for unknown addresses'
        : `floods unknown MACs ${floodsFar ? 'to all hosts' : 'on the host'}`,
    ),
  }
  return { deliveries: [control, flood] }
}

/** All of them as one. */
export function together(claims: readonly Claims[]): Claims {
  return {
    deliveries: claims.flatMap(({ deliveries = [] }) => deliveries),
    refusals: claims.flatMap(({ refusals = [] }) => refusals),
    leftOut: [...new Set(claims.flatMap(({ leftOut = [] }) => leftOut))],
  }
}
