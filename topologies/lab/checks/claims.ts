/**
 * Claims: what a row says must be seen, as values. Two kinds:
 *   Delivery  this marked frame is seen at exactly these ports (and crosses the underlay, or does not);
 *   Refusal   after its control, a Delivery of the same frame made valid, was seen to arrive, this one is
 *             sent several times: nobody sees it anywhere, and the counter of `reason` on the host rises
 *             by exactly that number.
 * The rows make them (one file each), prove.ts sends what they say, evidence.ts judges what was seen.
 */
import type { Underlay, Workload } from '../lab.ts'
import { markedPacket } from './frames.ts'

export interface Sender {
  readonly name: string
  send(frame: Uint8Array): void
}

export interface Delivery {
  /** `h1.acme-vm1 -> h2.acme-vm2, 9,000 bytes of IP`: who sends what to whom. */
  readonly what: string
  readonly from: Sender
  frame(mark: Uint8Array): Uint8Array
  /** Names of all workloads that see it, in any order. */
  readonly to: readonly string[]
  readonly crossesUnderlay: boolean
  /** What it is one of when it went well: `valid frames arrived`. */
  readonly outcome: string
  /** Where it may be seen too: an answer that carries the mark back. */
  readonly tolerated?: readonly string[]
  /** What the host of the sender does differently from others, for the table. */
  readonly note?: string | undefined
  /** A sentence when what arrived is not what should have. */
  complaint?(arrived: Uint8Array): string | undefined
}

export interface Refusal {
  readonly what: string
  readonly control: Delivery
  frame(mark: Uint8Array): Uint8Array
  /** The host whose counter rises. */
  readonly hostId: string
  readonly reason: string
  /** Where parts of it may come back: an ICMP error quotes it. */
  readonly tolerated?: readonly string[]
  /** Why the host does not count it; absent: it does. */
  readonly uncounted?: string | undefined
}

export interface Claims {
  readonly deliveries?: readonly Delivery[]
  readonly refusals?: readonly Refusal[]
  /** What nothing is claimed of, since a device decides it by itself: one clause each. */
  readonly leftOut?: readonly string[]
}

export function workloadSender(workload: Workload): Sender {
  return { name: workload.name, send: (frame) => workload.send(frame) }
}

export function underlaySender(underlay: Underlay): Sender {
  return { name: 'a stranger on the underlay', send: (frame) => underlay.inject(frame) }
}

/** A valid packet from one guest to another of its network: seen there and nowhere else. */
export function unicast(
  sender: Workload,
  peer: Workload,
  options: { readonly ipBytes?: number } = {},
): Delivery {
  return {
    what: arrow(sender, peer),
    from: workloadSender(sender),
    frame: (mark) => markedPacket(mark, sender, peer, options),
    to: [peer.name],
    crossesUnderlay: peer.hostId !== sender.hostId,
    outcome: 'valid frames arrived',
  }
}

export const arrow = (from: { name: string }, to: { name: string }): string =>
  `${from.name} -> ${to.name}`

/** Every three digits a comma, as the tables show sizes. */
export const thousands = (n: number): string => n.toLocaleString('en-US')

/** `1,372 or 1,422`: each size once, the smallest first. */
export const alternatives = (sizes: readonly number[]): string =>
  [...new Set(sizes)]
    .sort((a, b) => a - b)
    .map(thousands)
    .join(' or ')
