/**
 * Row: a packet one byte over the network's MTU is dropped where it is sent, between hosts and within
 * one alike, and each such packet is counted once. The control is a packet of exactly the MTU.
 */
import type { Lab } from '../lab.ts'
import { alternatives, arrow, type Claims, type Refusal, thousands, unicast } from './claims.ts'
import { markedPacket } from './frames.ts'
import { mannersOf, noteOf, together, uncounted } from './manners.ts'
import { type Pair, peersOf, type Site } from './site.ts'

/** Bytes over the MTU. */
export const EXCESSES = [1, 100] as const

/** `9,001`, or all sizes where the networks' MTUs differ. */
export function oversizes({ samples }: Site, excess: number): string {
  return alternatives(samples.map(({ network }) => network.mtuBytes + excess))
}

export function mtuClaims({ lab, samples }: Site): Claims {
  const pairs = samples.flatMap((sample) => peersOf(sample))
  return together(pairs.flatMap((pair) => EXCESSES.map((excess) => oversize(lab, pair, excess))))
}

/** A packet of this many bytes over the MTU, after one of exactly the MTU. */
export function oversize(
  lab: Lab,
  { network: { mtuBytes }, sender, peer }: Pair,
  excess: number,
): Claims {
  const { hostId } = sender
  const ipBytes = mtuBytes + excess
  const what = `${arrow(sender, peer)} with ${thousands(ipBytes)} bytes of IP`
  if (hostId === peer.hostId && mannersOf(lab, hostId).ownMtu) {
    const note = noteOf(lab, hostId, 'between its own guests the MTU of their interfaces decides')
    return { deliveries: [{ ...unicast(sender, peer, { ipBytes }), what, note }] }
  }
  const refusal: Refusal = {
    what,
    control: unicast(sender, peer, { ipBytes: mtuBytes }),
    frame: (mark: Uint8Array) => markedPacket(mark, sender, peer, { ipBytes }),
    hostId,
    reason: 'mtu_exceeded',
    uncounted: uncounted(lab, hostId, 'mtu_exceeded'),
    // A kernel tells the sender, and quotes the packet.
    tolerated: [sender.name],
  }
  return { refusals: [refusal] }
}
