/**
 * Row: guests of one network reach each other, by their own IP stacks, up to the last byte of the MTU.
 * The one row that uses ping instead of marked frames: ARP, both directions and DF are in it.
 */
import { icmpEcho } from '../../../southbound/wire/icmp.ts'
import { ipv4 } from '../../../southbound/wire/ipv4.ts'
import { alternatives, arrow, thousands } from './claims.ts'
import type { CheckContext, Proof } from './prove.ts'
import { peersOf, type Sample, type Site } from './site.ts'

export const SHORT_PING = 56
/** The first ping to a host may be lost while its VTEP's MAC is resolved. */
const ATTEMPTS = 4
const TIMEOUT_MS = 1_000

/** ICMP payload that fills the MTU of a network, bytes. */
export const fullPing = (mtuBytes: number): number => mtuBytes - ipv4.size - icmpEcho.size

/** `8,972`, or all sizes where the networks' MTUs differ. */
export function fullPings({ samples }: Site): string {
  return alternatives(samples.map(({ network }) => fullPing(network.mtuBytes)))
}

export async function provePings({ site, signal }: CheckContext): Promise<Proof> {
  const pings = site.samples.flatMap((sample) =>
    peersOf(sample).flatMap(({ peer, where }) =>
      [SHORT_PING, fullPing(sample.network.mtuBytes)].map((bytes) => ({
        ...sample,
        peer,
        where,
        bytes,
      })),
    ),
  )
  const results = await Promise.all(
    pings.map(async (ping) => ({ ...ping, attempts: await answered(ping, signal) })),
  )
  const lost = results.filter(({ attempts }) => attempts === 0)
  const again = results.filter(({ attempts }) => attempts > 1).length
  const counts = ['other host', 'same host'].flatMap((where) => {
    const there = results.filter((result) => result.where === where)
    const came = there.filter(({ attempts }) => attempts > 0).length
    return there.length === 0 ? [] : [`${where}: ${came} of ${there.length}`]
  })
  const late = again > 0 ? `, ${again} not at once` : ''
  return {
    seen: counts.length === 0 ? '' : `${counts.join(', ')} pings answered${late}`,
    problems: lost.map(
      ({ sender, peer, bytes }) => `ping ${arrow(sender, peer)}, ${thousands(bytes)} bytes: lost`,
    ),
  }
}

/** The attempt that was answered, from 1; 0 = none was. */
async function answered(
  { sender, peer, bytes }: Sample & { peer: Sample['sender']; bytes: number },
  signal: AbortSignal,
): Promise<number> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (await sender.ping(peer.address, { bytes, timeoutMs: TIMEOUT_MS, signal })) return attempt
  }
  return 0
}
