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

interface End extends MemoryPort {
  arrive(frame: Uint8Array): boolean
  link(peer: End | undefined): void
}

export function memoryPort(options: MemoryPortOptions): MemoryPort {
  const receivers = listeners<FrameListener>()
  const senders = listeners<FrameListener>()
  const watchers = listeners<() => void>()
  const counters = newPortCounters()
  let mtuBytes = options.mtuBytes ?? 65_535
  let peer: End | undefined
  let queue: Uint8Array[] = []

  const deliver = () => {
    const batch = queue
    queue = []
    for (const frame of batch) {
      if (frame.length > maxFrameSize(frame, mtuBytes)) {
        counters.rxOversize++
        continue
      }
      counters.rxFrames++
      counters.rxBytes += frame.length
      for (const receive of receivers.list) receive(frame, 0, frame.length)
    }
  }
  const changed = () => {
    for (const watch of watchers.list) watch()
  }

  const port: End = {
    name: options.name,
    mac: options.mac ?? 0,
    counters,
    get mtuBytes() {
      return mtuBytes
    },
    get up() {
      return peer !== undefined
    },
    transmit(bytes, start, end) {
      if (peer?.arrive(bytes.slice(start, end))) {
        counters.txFrames++
        counters.txBytes += end - start
        for (const sent of senders.list) sent(bytes, start, end)
      } else {
        counters.txDropped++
      }
    },
    send(frame) {
      port.transmit(frame, 0, frame.length)
    },
    onReceive: receivers.add,
    onTransmit: senders.add,
    onFrame(listener) {
      return port.onReceive((bytes, start, end) => listener(bytes.slice(start, end)))
    },
    onState: watchers.add,
    setMtu(bytes) {
      mtuBytes = bytes
      changed()
    },
    connect(other) {
      const end = other as End
      if (peer !== undefined || end.up) {
        throw new Error(`${port.name} or ${end.name} is already connected`)
      }
      port.link(end)
      end.link(port)
    },
    disconnect() {
      const other = peer
      port.link(undefined)
      other?.link(undefined)
    },
    arrive(frame) {
      if (queue.length >= QUEUE_LENGTH) return false
      if (queue.push(frame) === 1) setImmediate(deliver)
      return true
    },
    link(end) {
      if (peer === end) return
      peer = end
      changed()
    },
  }
  return port
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
