/**
 * Row: what is sent to an address never reaches the guest of another tenant that has the same one. For
 * every other tenant's guest: where the sender's network has that address too, the frame is seen at its
 * own tenant's guest alone; where nobody there has that MAC, the frame is dropped `mac_unknown`. A
 * broadcast is seen by all of its own network and by nobody else.
 */
import { BROADCAST_MAC } from '../../../southbound/wire/address.ts'
import type { Lab, Workload } from '../lab.ts'
import { arrow, type Claims, type Delivery, unicast, workloadSender } from './claims.ts'
import { markedPacket } from './frames.ts'
import { forNobody, together } from './manners.ts'
import { peersOf, type Sample, type Site, type SiteNetwork, sharesAddress } from './site.ts'

/** Networks of other tenants that one network is held against, and guests in each. */
const NETWORKS = 3
const GUESTS = 4
const LIMITED_BROADCAST = 0xffff_ffff
const OWN_TENANT = 'frames seen at their own tenant only'

export function missingTenants({ networks, samples }: Site): string[] {
  if (new Set(networks.map(({ tenant }) => tenant)).size < 2) return ['fewer than two tenants']
  const shared = samples.some(({ network }) => networks.some(sharesAddress(network)))
  return shared ? [] : ['no two tenants have an address in common']
}

export function tenantClaims({ lab, samples, networks }: Site): Claims {
  const claims = samples.flatMap((sample) => {
    const others = othersOf(sample.network, networks).slice(0, NETWORKS)
    const targets = others.flatMap((other) => other.workloads.slice(0, GUESTS))
    const heard = others.length > 0 && peersOf(sample).length > 0
    return [
      ...targets.map((target) => claimTarget(lab, sample, target)),
      heard ? { deliveries: [broadcast(sample)] } : {},
    ]
  })
  return together(claims)
}

function claimTarget(lab: Lab, sample: Sample, target: Workload): Claims {
  const { network, sender } = sample
  const own = network.workloads.find(({ address }) => address === target.address)
  const seen =
    own !== undefined && own !== sender ? [{ ...unicast(sender, own), outcome: OWN_TENANT }] : []
  const [first] = peersOf(sample)
  if (network.macs.has(target.mac) || first === undefined) return { deliveries: seen }
  const refused = forNobody(lab, network, sender, {
    what: `${arrow(sender, target)} of ${target.tenant}`,
    control: unicast(sender, first.peer),
    frame: (mark) => markedPacket(mark, sender, target),
    reason: 'mac_unknown',
  })
  return together([{ deliveries: seen }, refused])
}

function broadcast({ network, sender }: Sample): Delivery {
  const members = network.workloads.filter((workload) => workload !== sender)
  const everybody = { mac: BROADCAST_MAC, address: LIMITED_BROADCAST }
  return {
    what: `${sender.name} -> broadcast in ${network.key}`,
    from: workloadSender(sender),
    frame: (mark) => markedPacket(mark, sender, everybody),
    to: members.map(({ name }) => name),
    crossesUnderlay: members.some(({ hostId }) => hostId !== sender.hostId),
    outcome: 'broadcasts seen by their own network only',
  }
}

/** Networks of other tenants, those that have an address in common with `network` first. */
function othersOf(network: SiteNetwork, networks: readonly SiteNetwork[]): SiteNetwork[] {
  const others = networks.filter(({ tenant }) => tenant !== network.tenant)
  const rank = (other: SiteNetwork) => (sharesAddress(network)(other) ? 0 : 1)
  return others.sort((a, b) => rank(a) - rank(b))
}
