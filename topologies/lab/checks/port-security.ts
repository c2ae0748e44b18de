/**
 * Row: a guest sends under its own MAC and IP address only. Each variant of a lie goes to a peer on
 * another host and to one on the same host, from every sampled sender.
 */
import { unlike } from '../addresses.ts'
import type { Lab, Workload } from '../lab.ts'
import { arpAnswered } from './arp.ts'
import { arrow, type Claims, type Delivery, type Refusal, unicast } from './claims.ts'
import { markedArp, markedPacket, type Station } from './frames.ts'
import { leftOut, mannersOf } from './manners.ts'
import { type Pair, peersOf, type Sample, type Site } from './site.ts'

/** An identity that is not the sender's. */
interface Foreigner extends Station {
  readonly whose: string
}

/** Sender, peer and an identity that is not the sender's -> a frame that lies. */
interface Lie {
  readonly what: string
  readonly control: (lab: Lab, pair: Pair) => Delivery
  frame(mark: Uint8Array, sender: Workload, peer: Workload, foreign: Station): Uint8Array
}

const LIES: readonly Lie[] = [
  {
    what: 'foreign source MAC',
    control: (_, { sender, peer }) => unicast(sender, peer),
    frame: (mark, sender, peer, foreign) =>
      markedPacket(mark, { ...sender, mac: foreign.mac }, peer),
  },
  {
    what: 'foreign source IP',
    control: (_, { sender, peer }) => unicast(sender, peer),
    frame: (mark, sender, peer, foreign) =>
      markedPacket(mark, { ...sender, address: foreign.address }, peer),
  },
  {
    what: 'foreign ARP sender IP',
    control: arpAnswered,
    frame: (mark, sender, peer, foreign) =>
      markedArp(mark, sender, peer.address, { mac: sender.mac, address: foreign.address }),
  },
  {
    what: 'foreign ARP sender MAC',
    control: arpAnswered,
    frame: (mark, sender, peer, foreign) =>
      markedArp(mark, sender, peer.address, { mac: foreign.mac, address: sender.address }),
  },
]

export function portSecurityClaims({ lab, samples }: Site): Claims {
  const isTrusted = ({ sender }: Sample) => mannersOf(lab, sender.hostId).trusts === true
  const trusting = new Set(samples.filter(isTrusted).map(({ sender }) => sender.hostId))
  const fenced = samples.filter((sample) => !isTrusted(sample))
  const refusals = fenced.flatMap((sample) =>
    peersOf(sample).flatMap((pair) =>
      foreigners(sample, pair.peer).flatMap((foreign) =>
        LIES.map((lie) => refusal(lab, lie, pair, foreign)),
      ),
    ),
  )
  return {
    refusals,
    leftOut: [...trusting].map((id) => leftOut(lab, id, 'under which addresses guests send')),
  }
}

function refusal(lab: Lab, lie: Lie, pair: Pair, foreign: Foreigner): Refusal {
  const { sender, peer } = pair
  return {
    what: `${arrow(sender, peer)} with ${lie.what} (${foreign.whose})`,
    control: lie.control(lab, pair),
    frame: (mark) => lie.frame(mark, sender, peer, foreign),
    hostId: sender.hostId,
    reason: 'port_security',
  }
}

/** Whose identity is borrowed: another guest's of the same network if there is one, and nobody's. */
function foreigners({ network, sender }: Sample, peer: Workload): Foreigner[] {
  const addresses = new Set(network.workloads.map(({ address }) => address))
  const nobody = {
    whose: "nobody's",
    mac: unlike(sender.mac, network.macs),
    address: unlike(sender.address, addresses),
  }
  const third = network.workloads.find((workload) => workload !== sender && workload !== peer)
  if (third === undefined) return [nobody]
  const { name, mac, address } = third
  return [{ whose: `${name}'s`, mac, address }, nobody]
}
