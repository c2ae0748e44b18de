/**
 * What `weft/lab` gives a test, as types, and the matchers as vitest's `expect` knows them. Neighbours: lab.ts (what is imported),
 * site.ts and matchers.ts (how it works).
 */
import type { Lab } from '../lab/lab.ts'

export interface LabOptions {
  /** Default memory: in this process, without root. netns: real Open vSwitch and kernel bridges in namespaces, as root. */
  readonly backend?: 'memory' | 'netns'
  /**
   * Of the memory lab, 0 to 2^32 − 1: the same seed is the same run, frame by frame, in virtual time. Default: WEFT_SEED of the
   * environment, else 1.
   */
  readonly seed?: number
  /** Ends the bring-up, and what a test waits for: `test('…', async ({ signal }) => …)`. */
  readonly signal?: AbortSignal
}

/** A site that is up: all hosts connected, all guests plugged in, all ports realized. */
export interface Site extends AsyncDisposable {
  /** By its name among the `workloads` of the document: 'h1.web'. @throws Error that names those there are */
  guest(name: string): Guest
  /** What is to be sent; each expectation sends it anew. @throws Error for a guest that is not there */
  frame(of: PacketOptions | RawOptions): Frame
  /** What can go wrong with a host. @throws Error for one that is not there, or on a back end that cannot do it */
  host(id: string): Host
  /** What can go wrong with the controller. @throws Error on a back end that cannot do it */
  readonly controller: Power
  /** Resolves when every port that has a guest is realized, as when the lab came up. Rejects with what is missing. */
  realized(timeoutMs?: number): Promise<void>
  /** REST of the site's controller: `path` from '/v1/…'. */
  fetch: Lab['fetch']
  /** Lets time of the site pass: at once where it is virtual. */
  sleep(ms: number): Promise<void>
  /** Everything else that a lab offers. */
  readonly lab: Lab
  /** Of the memory lab. */
  readonly seed: number | undefined
  /** Ends all of it, as `await using` does; a second call does nothing. */
  close(): Promise<void>
}

/** Each resolves when it is done, not when the site has got over it. */
export interface Power {
  /** Of a host with all that it knew, its database too; of the controller: its store is kept. */
  off(): Promise<void>
  on(): Promise<void>
}

export interface Host extends Power {
  /** Its cable to the underlay. */
  linkDown(): Promise<void>
  linkUp(): Promise<void>
  /** Its way to the controller; it goes on forwarding. */
  controlDown(): Promise<void>
  controlUp(): Promise<void>
  /** What it and the controller say to each other is under way for so long, each way; 0: no longer. */
  delay(ms: number): Promise<void>
}

/** A guest on a host, with an interface and an IP stack behind it. */
export interface Guest {
  /** As in the document: 'h1.web'. */
  readonly name: string
  readonly host: string
  /** `tenant/port`, as REST has it. */
  readonly port: string
  /** '02:00:00:00:00:11'. */
  readonly mac: string
  /** Its first of IPv4. */
  readonly address: string
  /** Of its network, bytes of IP. */
  readonly mtuBytes: number
}

/** A packet from one guest to another: UDP, TCP, or ICMP when neither is said. */
export interface PacketOptions {
  readonly from: string | Guest
  /** Whose addresses it is for. */
  readonly to: string | Guest
  /** Destination port. */
  readonly udp?: number
  /** Destination port; a SYN. */
  readonly tcp?: number
  /** Length of the IP packet; 'mtu': that of the sender's network. Default 84; 64 at least. */
  readonly bytes?: number | 'mtu'
}

/** An Ethernet frame without FCS, exactly as it is. */
export interface RawOptions {
  readonly from: string | Guest
  readonly raw: Uint8Array
}

export interface Frame {
  /** 'UDP to 10.0.0.12 port 53, 9,000 bytes of IP'. */
  readonly what: string
  readonly from: Guest
  readonly to?: Guest
}

export interface ReachOptions {
  /** Length of the IP packet; 'mtu': that of the network. Default 84. */
  readonly bytes?: number | 'mtu'
  /** Of the site's time. Default 2000. */
  readonly timeoutMs?: number
}

interface LabMatchers {
  /**
   * Of a guest: a ping of its own IP stack is answered by that of the other one, ARP included, DF set.
   * `.not`: no answer comes, or it is that of somebody else who has the address.
   */
  toReach(guest: string | Guest, options?: ReachOptions): Promise<void>
  /**
   * Of a guest: nothing that one of the two sends is ever seen by the other: packets to its MAC, to a MAC that nobody has, to
   * everybody, ARP. Before that both are shown to be alive, or the matcher throws, also with `.not`: a lab where nothing
   * arrives is broken, not isolated.
   * `.not`: something is seen.
   */
  toBeIsolatedFrom(guest: string | Guest): Promise<void>
  /**
   * Of a frame: it arrives at this guest, or on this physical network, byte for byte, once, and nowhere else.
   * `.not`: it is not seen there.
   */
  toArriveAt(place: string | Guest): Promise<void>
}

declare module 'vitest' {
  // The type parameters are those that vitest declares: both become one interface.
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown>
    extends LabMatchers {}
}
