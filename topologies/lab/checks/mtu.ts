/**
 * Row: a packet one byte over the network's MTU is dropped where it is sent, between hosts and within
 * one alike, and each such packet is counted once. The control is a packet of exactly the MTU.
 */
import { alternatives, arrow, type Claims, thousands, unicast } from './claims.ts'
import { markedPacket } from './frames.ts'
import { peersOf, type Site } from './site.ts'

/** Bytes over the MTU. */
export const EXCESSES = [1, 100] as const

/** `9,001`, or all sizes where the networks' MTUs differ. */
export function oversizes({ samples }: Site, excess: number): string {
  return alternatives(samples.map(({ network }) => network.mtuBytes + excess))
}

export function mtuClaims({ samples }: Site): Claims {
  return {
    refusals: samples.flatMap((sample) =>
      peersOf(sample).flatMap(({ sender, peer }) =>
        EXCESSES.map((excess) => {
          const { mtuBytes } = sample.network
          const ipBytes = mtuBytes + excess
          return {
            what: `${arrow(sender, peer)} with ${thousands(ipBytes)} bytes of IP`,
            control: unicast(sender, peer, { ipBytes: mtuBytes }),
            frame: (mark: Uint8Array) => markedPacket(mark, sender, peer, { ipBytes }),
            hostId: sender.hostId,
            reason: 'mtu_exceeded',
          }
        }),
      ),
    ),
  }
}
