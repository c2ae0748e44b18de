/**
 * What the switch needs of any device that carries frames, and the counters that all of them keep.
 * A port never throws out of transmit() or into the event loop: what fails is counted.
 * Neighbours: memory.ts, stream.ts, patch.ts, packet-socket.ts, tap.ts, pcap.ts are such devices;
 * capture.ts wraps one; switch/bridge-port.ts makes one a port of a bridge.
 */

/**
 * Bytes of a frame, borrowed: valid until the call returns, copy what must live longer. Never a Buffer,
 * whose slice() does not copy.
 */
export type FrameListener = (bytes: Uint8Array, start: number, end: number) => void

/** Counters of one port; frames and bytes, from the view of who holds this end. */
export interface PortCounters {
  rxFrames: number
  rxBytes: number
  /** Frames too long for this end's MTU: lost on arrival in silence, as at a veth. */
  rxOversize: number
  /** Frames that the device or the kernel lost for want of room. */
  rxDropped: number
  /** What arrived and could not be a frame: too long, cut short, a stream out of step. */
  rxErrors: number
  txFrames: number
  txBytes: number
  /** Frames lost because nobody was connected or the queue was full. */
  txDropped: number
  /** Frames that the device refused: too long, gone. */
  txErrors: number
}

export function newPortCounters(): PortCounters {
  return {
    rxFrames: 0,
    rxBytes: 0,
    rxOversize: 0,
    rxDropped: 0,
    rxErrors: 0,
    txFrames: 0,
    txBytes: 0,
    txDropped: 0,
    txErrors: 0,
  }
}

export interface FramePort {
  readonly name: string
  /** Of a device of the kernel: its number there. */
  readonly index?: number
  /** Address of the device, a number below 2^48; 0 = none of its own. */
  readonly mac: number
  /** Largest payload behind Ethernet header and VLAN tag, bytes. */
  readonly mtuBytes: number
  /** True while a peer is connected. */
  readonly up: boolean
  /** The device was taken away: this port is down for good, and who wants one opens another. */
  readonly gone?: boolean
  readonly counters?: Readonly<PortCounters>
  /** Sends bytes[start, end); borrows them for the call. Never throws. */
  transmit: FrameListener
  /** Calls for every frame that arrives; returns how to stop. */
  onReceive(listener: FrameListener): () => void
  /** Calls when `up` or `mtuBytes` changed; returns how to stop. */
  onState(listener: () => void): () => void
  /** Absent on devices whose MTU is set elsewhere. What the device refuses stays as it was. */
  setMtu?(bytes: number): void
  /** Absent on devices that live as long as the process. */
  close?(): void
}

/** A port that somebody opened and has to close. */
export interface OpenPort extends FramePort {
  readonly counters: Readonly<PortCounters>
  close(): void
}

/** The port cannot be opened; `cause` is what the machine said. */
export class PortError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PortError'
  }
}

/** The largest frame that any port carries, bytes: what a 2-byte length can say. */
export const LARGEST_FRAME = 65_535
/** The largest MTU behind an Ethernet header that fits LARGEST_FRAME. */
export const LARGEST_MTU = 65_521

/** The same bytes as no Buffer. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Listeners in order of arrival; the same function may be added twice. */
export interface Listeners<T extends (...of: never[]) => void> {
  add(listener: T): () => void
  /** Borrowed for iteration, by index. */
  readonly list: readonly T[]
  clear(): void
}

export const listeners = <T extends (...of: never[]) => void>(): Listeners<T> => new List<T>()

const NOBODY: readonly never[] = []

/** A class: objects with getters of their own take a kilobyte each, and every port has three. */
class List<T extends (...of: never[]) => void> implements Listeners<T> {
  list: readonly T[] = NOBODY

  /** May be called by itself. */
  readonly add = (listener: T): (() => void) => {
    this.list = [...this.list, listener]
    let added = true
    return () => {
      const at = added ? this.list.indexOf(listener) : -1
      added = false
      if (at >= 0) this.list = this.list.toSpliced(at, 1)
    }
  }

  clear(): void {
    this.list = NOBODY
  }
}
