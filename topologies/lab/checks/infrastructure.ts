/**
 * Row: a tenant's guest gets no frame to the controller or to a VTEP, neither ARP (`arp_unknown`) nor
 * TCP straight to the MAC (`mac_unknown`).
 */
import { formatIpv4 } from '../../../southbound/wire/address.ts'
import type { Lab, Workload } from '../lab.ts'
import { arpAnswered } from './arp.ts'
import { arrow, type Claims, type Delivery, unicast } from './claims.ts'
import { markedArp, markedSyn, type Station } from './frames.ts'
import { forNobody, together } from './manners.ts'
import { type Pair, peersOf, type Sample, type Site } from './site.ts'

/** VTEPs that one sender tries: its own host's and the next. */
const VTEPS = 2

export function infrastructureClaims({ lab, samples }: Site): Claims {
  const claims = samples.flatMap((sample) => {
    const [first] = peersOf(sample)
    if (first === undefined) return []
    return targets(lab, sample).flatMap((to) => claimsOf(lab, first, to))
  })
  return together(claims)
}

interface Target extends Station {
  readonly name: string
}

/** The controller has no MAC where host and controller share a process: a VTEP's stands for it. */
function targets({ underlay, ...lab }: Lab, { sender }: Sample): Target[] {
  const own = underlay.hosts[sender.hostId]
  const others = Object.keys(underlay.hosts).filter((hostId) => hostId !== sender.hostId)
  const vteps = [sender.hostId, ...others].slice(0, VTEPS).flatMap((hostId) => {
    const vtep = underlay.hosts[hostId]
    if (vtep?.address === undefined) return []
    return [{ name: `the VTEP of ${hostId}`, mac: vtep.mac, address: vtep.address }]
  })
  const mac = lab.controllerMac ?? own?.mac
  if (mac === undefined) return vteps
  return [{ name: 'the controller', address: lab.controllerAddress, mac }, ...vteps]
}

function claimsOf(lab: Lab, pair: Pair, to: Target): Claims[] {
  const { network, sender, peer } = pair
  return [
    forNobody(lab, network, sender, {
      what: `ARP request ${arrow(sender, to)} (${formatIpv4(to.address)})`,
      control: arpAnswered(lab, pair),
      frame: (mark) => markedArp(mark, sender, to.address),
      reason: 'arp_unknown',
    }),
    forNobody(lab, network, sender, {
      what: `TCP ${arrow(sender, to)} (${formatIpv4(to.address)})`,
      control: tcp(sender, peer),
      frame: (mark) => markedSyn(mark, sender, to),
      reason: 'mac_unknown',
    }),
  ]
}

/** The same segment to a peer arrives there. */
function tcp(sender: Workload, peer: Workload): Delivery {
  const { what, ...rest } = unicast(sender, peer)
  return { ...rest, what: `TCP ${what}`, frame: (mark) => markedSyn(mark, sender, peer) }
}
