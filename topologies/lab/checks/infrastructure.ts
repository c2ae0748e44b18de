/**
 * Row: a tenant's guest gets no frame to the controller or to a VTEP, neither ARP (`arp_unknown`) nor
 * TCP straight to the MAC (`mac_unknown`).
 */
import { formatIpv4 } from '../../../southbound/wire/address.ts'
import type { Lab, Workload } from '../lab.ts'
import { arpAnswered } from './arp.ts'
import { arrow, type Claims, type Delivery, type Refusal, unicast } from './claims.ts'
import { markedArp, markedSyn, type Station } from './frames.ts'
import { peersOf, type Sample, type Site } from './site.ts'

/** VTEPs that one sender tries: its own host's and the next. */
const VTEPS = 2

export function infrastructureClaims({ lab, samples }: Site): Claims {
  return {
    refusals: samples.flatMap((sample) => {
      const [first] = peersOf(sample)
      if (first === undefined) return []
      return targets(lab, sample).flatMap((to) => refusals(sample.sender, first.peer, to))
    }),
  }
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
    return vtep === undefined ? [] : [{ name: `the VTEP of ${hostId}`, ...vtep }]
  })
  const mac = lab.controllerMac ?? own?.mac
  if (mac === undefined) return vteps
  return [{ name: 'the controller', address: lab.controllerAddress, mac }, ...vteps]
}

function refusals(sender: Workload, peer: Workload, to: Target): Refusal[] {
  const { hostId } = sender
  return [
    {
      what: `ARP request ${arrow(sender, to)} (${formatIpv4(to.address)})`,
      control: arpAnswered(sender, peer),
      frame: (mark) => markedArp(mark, sender, to.address),
      hostId,
      reason: 'arp_unknown',
    },
    {
      what: `TCP ${arrow(sender, to)} (${formatIpv4(to.address)})`,
      control: tcp(sender, peer),
      frame: (mark) => markedSyn(mark, sender, to),
      hostId,
      reason: 'mac_unknown',
    },
  ]
}

/** The same segment to a peer arrives there. */
function tcp(sender: Workload, peer: Workload): Delivery {
  const { what, ...rest } = unicast(sender, peer)
  return { ...rest, what: `TCP ${what}`, frame: (mark) => markedSyn(mark, sender, peer) }
}
