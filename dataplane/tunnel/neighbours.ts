/**
 * Who has which MAC on the underlay: ARP for IPv4 (RFC 826), asked when needed, answered for our
 * own address, with a bounded queue of frames for each address that is being asked for.
 * Neighbours: underlay.ts (sends what this makes), vxlan.ts (the headers kept per neighbour).
 */
import { ARP_REPLY, ARP_REQUEST, arp } from '../../southbound/wire/arp.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { arpFrame } from '../../southbound/wire/frame.ts'
import { DROP } from '../packet/drop.ts'
import type { Clock } from '../switch/clock.ts'
import { type Outer, outerHeaders } from './vxlan.ts'

/** A resolved neighbour. */
export interface Neighbour {
  readonly outer: Outer
  readonly mac: number
  checkedAt: number
}

export interface Neighbours {
  /** The neighbour, or undefined while it is being asked for. */
  find(address: number): Neighbour | undefined
  /** Keeps a copy of a frame until the address is known; false = the queue is full. */
  wait(address: number, bytes: Uint8Array, start: number, end: number, note: number): boolean
  /** Takes an ARP packet, its Ethernet header at `start`. */
  receive(bytes: Uint8Array, start: number): void
  close(): void
}

export interface NeighboursOptions {
  readonly mac: number
  readonly address: number
  readonly clock: Clock
  send(frame: Uint8Array): void
  drop(reason: number): void
  /** A frame that waited may go now; `note` as it was given. */
  resume(neighbour: Neighbour, frame: Uint8Array, note: number): void
}

/** Frames that wait for one address, and addresses that are being asked for. */
const QUEUE_LENGTH = 64
const MAX_PENDING = 1024
const MAX_KNOWN = 65_536
const ASK_AGAIN_MS = 500
const MAX_ASKED = 4
/** After this time a neighbour in use is asked again, by unicast. */
const FRESH_MS = 30_000

interface Pending {
  readonly queue: { readonly frame: Uint8Array; readonly note: number }[]
  asked: number
  cancel: () => void
}

export function neighbours(options: NeighboursOptions): Neighbours {
  const { mac, address: own, clock } = options
  const known = new Map<number, Neighbour>()
  const pending = new Map<number, Pending>()

  const request = (tpa: number, eth_dst?: number) =>
    options.send(arpFrame({ op: ARP_REQUEST, sha: mac, spa: own, tha: 0, tpa, eth_dst }))

  const ask = (address: number, entry: Pending) => {
    if (entry.asked++ >= MAX_ASKED) {
      pending.delete(address)
      known.delete(address)
      for (const _ of entry.queue) options.drop(DROP.underlay_unresolved)
      return
    }
    request(address, entry.asked === 1 ? known.get(address)?.mac : undefined)
    entry.cancel = clock.after(ASK_AGAIN_MS, () => ask(address, entry))
  }

  const begin = (address: number): Pending | undefined => {
    const already = pending.get(address)
    if (already) return already
    if (pending.size >= MAX_PENDING) return undefined
    const entry: Pending = { queue: [], asked: 0, cancel: () => {} }
    pending.set(address, entry)
    ask(address, entry)
    return entry
  }

  const learn = (address: number, peer: number) => {
    let neighbour = known.get(address)
    if (!neighbour && known.size >= MAX_KNOWN) return
    if (neighbour?.mac === peer) neighbour.checkedAt = clock.now()
    else {
      const outer = outerHeaders({ eth_src: mac, eth_dst: peer, src: own, dst: address })
      neighbour = { outer, mac: peer, checkedAt: clock.now() }
      known.set(address, neighbour)
    }
    const entry = pending.get(address)
    if (!entry) return
    pending.delete(address)
    entry.cancel()
    for (const { frame, note } of entry.queue) options.resume(neighbour, frame, note)
  }

  return {
    find(address) {
      const neighbour = known.get(address)
      if (neighbour && clock.now() - neighbour.checkedAt > FRESH_MS) begin(address)
      return neighbour
    },
    wait(address, bytes, start, end, note) {
      const entry = begin(address)
      if (!entry || entry.queue.length >= QUEUE_LENGTH) return false
      entry.queue.push({ frame: bytes.slice(start, end), note })
      return true
    },
    receive(bytes, start) {
      const at = start + ethernet.size
      if (bytes.length - at < arp.size) return options.drop(DROP.underlay_malformed)
      const { hardware, protocol, op, sha, spa, tpa } = arp.read(bytes, at)
      if (hardware !== 1 || protocol !== ETH_TYPE.ipv4) return options.drop(DROP.underlay_malformed)
      // Unasked replies teach nothing; a peer that asks for us is about to be needed.
      const asked = op === ARP_REPLY && pending.has(spa)
      if (tpa === own && spa !== 0 && (asked || op === ARP_REQUEST)) learn(spa, sha)
      if (op === ARP_REQUEST && tpa === own) {
        options.send(arpFrame({ op: ARP_REPLY, sha: mac, spa: own, tha: sha, tpa: spa }))
      }
    },
    close() {
      for (const entry of pending.values()) entry.cancel()
      pending.clear()
    },
  }
}
