/**
 * What carries tunnelled packets between hosts, in either of two ways: a raw port of the switch with
 * a VTEP of its own on it (raw-underlay.ts: everything that VXLAN can say, and nothing of the host's
 * network stack), or UDP sockets of the host (udp-underlay.ts: no rights needed).
 * Neighbours: open-underlay.ts, tunnel-port.ts sends, tunnel-table.ts says which port a packet that came in is for.
 */
import type { Clock } from '../../southbound/wire/clock.ts'
import type { Packet } from '../packet/packet.ts'
import type { FramePort } from '../ports/frame-port.ts'
import type { Outer } from './outer.ts'
import type { Route } from './routes.ts'

/**
 * A VTEP of the switch's own on a port of any kind, which nothing else uses: it answers and asks by
 * ARP and ND, and takes UDP to the ports that tunnels listen on.
 */
export interface RawUnderlayOptions {
  readonly port: FramePort
  /** Of the VTEP. On a device of the machine an address of its own, not the device's. */
  readonly mac: number
  /**
   * The VTEP's addresses, IPv4 and IPv6, each with the prefix of its link: `192.0.2.11/24`,
   * `2001:db8::11/64`. Without a prefix every address of that version is on the link. The first that
   * fits is sent from, unless a tunnel's local_ip says which.
   */
  readonly addresses: readonly string[]
  /** Gateways to what is not on the link. */
  readonly routes?: readonly Route[]
  /** Largest IP packet, bytes, if less than the port's MTU. */
  readonly mtuBytes?: number
}

/**
 * UDP sockets of the host, IPv4 and IPv6, on the ports that tunnels listen on. The host's stack does
 * the rest, so that some of what a tunnel may ask for is not to be had: udp-underlay.ts says what.
 */
export interface UdpUnderlayOptions {
  readonly kind: 'udp'
  /** Where to receive and to send from; `0.0.0.0`, `::`: wherever. Default: both of these. */
  readonly addresses?: readonly string[]
  /** Largest IP packet, bytes; longer ones are dropped, never cut. Default 1500. */
  readonly mtuBytes?: number
  /** UDP ports to send from, for flows to be told apart by; default 8, for each version of IP. */
  readonly sourcePorts?: number
}

export type UnderlayOptions = RawUnderlayOptions | UdpUnderlayOptions

/** Result of send() besides drop reasons. */
export const SENT = -1

export interface Underlay {
  /** In text; what local_ip may be. */
  readonly addresses: readonly string[]
  /** Largest IP packet, bytes. */
  readonly mtuBytes: number
  /**
   * Encapsulates and sends the packet as `outer` says: SENT (or on its way to be), or a drop reason.
   * Writes to the headroom in front of the packet, and to `outer.src` when that is none.
   */
  send(packet: Packet, outer: Outer): number
  /** A tunnel port listens on this UDP port from now on; returns how to stop. */
  listen(port: number): () => void
  close(): void
}

export interface UnderlayHost {
  readonly clock: Clock
  drop(reason: number): void
  /** An inner frame and what its outer headers said; both are borrowed for the call. */
  receive(bytes: Uint8Array, start: number, end: number, outer: Outer): void
  warn(fields: object, event: string): void
}
