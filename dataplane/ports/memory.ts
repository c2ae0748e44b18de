/**
 * In-process ports: two ends of one cable, as a veth pair is. What one end transmits arrives at
 * the listeners of the other, copied, in order, in the next turn of the event loop: never inside
 * transmit(), so that a loop of switches cannot recurse. hub.ts joins many of them to a segment;
 * underlay.ts and bridge.ts sit on one end each.
 */
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import {
  type FrameListener,
  type FramePort,
  listeners,
  newPortCounters,
  type PortCounters,
} from './frame-port.ts'

export interface MemoryPort extends FramePort {
  readonly counters: Readonly<PortCounters>
  /** Sends a copy of a whole frame. */
  send(frame: Uint8Array): void
  /** Calls with every frame that was sent by this end and is under way; returns how to stop. */
  onTransmit(listener: FrameListener): () => void
  /** Calls with an own copy of every frame that arrives; returns how to stop. */
  onFrame(listener: (frame: Uint8Array) => void): () => void
  setMtu(bytes: number): void
  /** Joins this end to another; both are up from now on. Throws when one is taken. */
  connect(peer: MemoryPort): void
  /** Unplugs both ends. */
  disconnect(): void
}

export interface MemoryPortOptions {
  readonly name: string
  readonly mac?: number
  /** Default 65,535: whatever fits. */
  readonly mtuBytes?: number
}

/** Frames under way to one end, at most; further ones are dropped and counted at the sender. */
const QUEUE_LENGTH = 4096

export const memoryPort = (options: MemoryPortOptions): MemoryPort => new End(options)

class End implements MemoryPort {
  readonly name: string
  readonly mac: number
  readonly counters = newPortCounters()
  readonly #receivers = listeners<FrameListener>()
  readonly #senders = listeners<FrameListener>()
  readonly #watchers = listeners<() => void>()
  #mtuBytes: number
  #peer: End | undefined
  #queue: Uint8Array[] = []

  constructor({ name, mac = 0, mtuBytes = 65_535 }: MemoryPortOptions) {
    this.name = name
    this.mac = mac
    this.#mtuBytes = mtuBytes
  }

  get mtuBytes(): number {
    return this.#mtuBytes
  }

  get up(): boolean {
    return this.#peer !== undefined
  }

  transmit(bytes: Uint8Array, start: number, end: number): void {
    const peer = this.#peer
    if (peer === undefined || !peer.#arrive(bytes.slice(start, end))) {
      this.counters.txDropped++
      return
    }
    this.counters.txFrames++
    this.counters.txBytes += end - start
    for (const sent of this.#senders.list) sent(bytes, start, end)
  }

  send(frame: Uint8Array): void {
    this.transmit(frame, 0, frame.length)
  }

  onReceive(listener: FrameListener): () => void {
    return this.#receivers.add(listener)
  }

  onTransmit(listener: FrameListener): () => void {
    return this.#senders.add(listener)
  }

  onFrame(listener: (frame: Uint8Array) => void): () => void {
    return this.onReceive((bytes, start, end) => listener(bytes.slice(start, end)))
  }

  onState(listener: () => void): () => void {
    return this.#watchers.add(listener)
  }

  setMtu(bytes: number): void {
    this.#mtuBytes = bytes
    this.#changed()
  }

  connect(other: MemoryPort): void {
    if (!(other instanceof End)) throw new TypeError(`${other.name} is no memory port`)
    if (this.up || other.up) {
      throw new Error(`${this.name} or ${other.name} is already connected`)
    }
    this.#link(other)
    other.#link(this)
  }

  disconnect(): void {
    const other = this.#peer
    this.#link(undefined)
    if (other) other.#link(undefined)
  }

  #link(peer: End | undefined): void {
    if (this.#peer === peer) return
    this.#peer = peer
    this.#changed()
  }

  #changed(): void {
    for (const watch of this.#watchers.list) watch()
  }

  #arrive(frame: Uint8Array): boolean {
    if (this.#queue.length >= QUEUE_LENGTH) return false
    if (this.#queue.push(frame) === 1) setImmediate(() => this.#deliver())
    return true
  }

  #deliver(): void {
    const batch = this.#queue
    this.#queue = []
    for (const frame of batch) {
      if (frame.length > maxFrameSize(frame, this.#mtuBytes)) {
        this.counters.rxOversize++
        continue
      }
      this.counters.rxFrames++
      this.counters.rxBytes += frame.length
      for (const receive of this.#receivers.list) receive(frame, 0, frame.length)
    }
  }
}

/** Two connected ends, as `ip link add A type veth peer name B`. */
export function memoryPair(a: MemoryPortOptions, b: MemoryPortOptions): [MemoryPort, MemoryPort] {
  const pair: [MemoryPort, MemoryPort] = [memoryPort(a), memoryPort(b)]
  pair[0].connect(pair[1])
  return pair
}

/** An 802.1Q tag rides on top of the MTU, as Linux counts. */
function maxFrameSize(frame: Uint8Array, mtuBytes: number): number {
  const tagged = frame.length >= ethernet.size && ethernet.get.type(frame, 0) === ETH_TYPE.vlan
  return mtuBytes + ethernet.size + (tagged ? vlan.size : 0)
}
