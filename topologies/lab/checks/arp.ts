/**
 * Row: a broadcast ARP request for an address that the network knows is answered on the sender's own
 * host. The answer comes out of the request itself, so that its padding, and the mark in it, come back.
 */
import { formatIpv4, formatMac } from '../../../southbound/wire/address.ts'
import { ARP_REPLY, arp } from '../../../southbound/wire/arp.ts'
import { ETH_TYPE, ethernet } from '../../../southbound/wire/ethernet.ts'
import type { Lab } from '../lab.ts'
import { arrow, type Claims, type Delivery, unicast, workloadSender } from './claims.ts'
import { markedArp, type Station } from './frames.ts'
import { flooded, leftOut, mannersOf, noteOf } from './manners.ts'
import { type Pair, peersOf, type Site } from './site.ts'

/**
 * A request of `sender` for the peer's address. On a host of flows the answer is seen at the sender, and nothing else is. A
 * bridge shows the request to the members on the host as well, and to all of them when it is one of its own guests that is
 * asked for; its answer is a frame of its own, without the mark. A device that knows no ARP shows it to all of them.
 */
export function arpAnswered(lab: Lab, { network, sender, peer }: Pair): Delivery {
  const { floods, floodsFar = false } = mannersOf(lab, sender.hostId)
  if (floods) {
    const isOwn = peer.hostId === sender.hostId
    const near = isOwn ? 'floods ARP for its own guests' : 'shows ARP to the members on the host'
    return {
      what: `ARP request ${arrow(sender, peer)}`,
      from: workloadSender(sender),
      frame: (mark) => markedArp(mark, sender, peer.address),
      ...flooded(network, sender, isOwn || floodsFar),
      tolerated: [sender.name],
      outcome: 'ARP requests seen by their own network only',
      note: noteOf(lab, sender.hostId, floodsFar ? 'floods ARP to all hosts' : near),
    }
  }
  return {
    what: `ARP request ${arrow(sender, peer)}`,
    from: workloadSender(sender),
    frame: (mark) => markedArp(mark, sender, peer.address),
    to: [sender.name],
    crossesUnderlay: false,
    outcome: 'ARP requests answered on the host',
    complaint: (arrived) => complaint(arrived, sender, peer),
  }
}

/** With each request, a packet to the same peer shows that the underlay is being watched. */
export function arpClaims({ lab, samples }: Site): Claims {
  const pairs = samples.flatMap((sample) => peersOf(sample))
  const flooding = samples.filter(({ sender }) => mannersOf(lab, sender.hostId).floodsFar)
  const hosts = new Set(flooding.map(({ sender }) => sender.hostId))
  return {
    leftOut: [...hosts].map((hostId) => leftOut(lab, hostId, 'whether it answers ARP itself')),
    deliveries: pairs.flatMap((pair) => [unicast(pair.sender, pair.peer), arpAnswered(lab, pair)]),
  }
}

function complaint(arrived: Uint8Array, sender: Station, peer: Station): string | undefined {
  if (ethernet.get.type(arrived, 0) !== ETH_TYPE.arp) return 'what came back is no ARP'
  const { op, sha, spa, tha, tpa } = arp.read(arrived, ethernet.size)
  const wanted = [ARP_REPLY, peer.mac, peer.address, sender.mac, sender.address]
  const right = [op, sha, spa, tha, tpa].every((value, at) => value === wanted[at])
  if (right && ethernet.get.dst(arrived, 0) === sender.mac) return undefined
  return `the answer was op ${op}, ${formatIpv4(spa)} is at ${formatMac(sha)}`
}
