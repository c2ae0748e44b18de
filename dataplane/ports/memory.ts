/**
 * In-process ports: two ends of one cable, as a veth pair is. What one end transmits arrives at
 * the listeners of the other, copied, in order, in the next turn of the event loop: never inside
 * transmit(), so that a loop of switches cannot recurse. hub.ts joins many of them to a segment;
 * underlay.ts and bridge.ts sit on one end each.
 */
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { vlan } from '../../southbound/wire/vlan.ts'

/** Bytes of a frame, borrowed: valid until the call returns, copy what must live longer. */
export type FrameListener = (bytes: Uint8Array, start: number, end: number) => void

/** Counters of one end; frames and bytes, from the view of who holds this end. */
export interface PortCounters {
  rxFrames: number
  rxBytes: number
  txFrames: number
  txBytes: number
  /** Frames too long for this end's MTU: lost on arrival in silence, as at a veth. */
  rxOversize: number
  /** Frames lost because nobody was connected or the queue was full. */
  txDropped: number
}

/** What the switch needs of any device that carries frames. */
export interface FramePort {
  readonly name: string
  /** Address of the device, a number below 2^48; 0 = none of its own. */
  readonly mac: number
  /** Largest payload behind Ethernet header and VLAN tag, bytes. */
  readonly mtuBytes: number
  /** True while a peer is connected. */
  readonly up: boolean
  /** Sends bytes[start, end); borrows them for the call. */
  transmit: FrameListener
  /** Calls for every frame that arrives; returns how to stop. */
  onReceive(listener: FrameListener): () => void
  /** Calls when `up` or `mtuBytes` changed; returns how to stop. */
  onState(listener: () => void): () => void
  /** Absent on devices whose MTU is set elsewhere. */
  setMtu?(bytes: number): void
}

export interface MemoryPort extends FramePort {
  readonly counters: Readonly<PortCounters>
  /** Sends a copy of a whole frame. */
  send(frame: Uint8Array): void
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
  const receivers = new Set<FrameListener>()
  const watchers = new Set<() => void>()
  const counters: PortCounters = {
    rxFrames: 0,
    rxBytes: 0,
    txFrames: 0,
    txBytes: 0,
    rxOversize: 0,
    txDropped: 0,
  }
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
      for (const receive of receivers) receive(frame, 0, frame.length)
    }
  }
  const changed = () => {
    for (const watch of watchers) watch()
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
      } else {
        counters.txDropped++
      }
    },
    send(frame) {
      port.transmit(frame, 0, frame.length)
    },
    onReceive(listener) {
      receivers.add(listener)
      return () => receivers.delete(listener)
    },
    onFrame(listener) {
      return port.onReceive((bytes, start, end) => listener(bytes.slice(start, end)))
    },
    onState(listener) {
      watchers.add(listener)
      return () => watchers.delete(listener)
    },
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
