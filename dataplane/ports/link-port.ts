/**
 * A port over a network device of the kernel: what is the same whether frames go by sockets or by a
 * tap. Frames are read in batches when the event loop says that some wait.
 * Neighbours: packet-socket.ts and tap.ts are the two kinds; link.ts (MTU, state, address), libc.ts.
 */
import {
  type FrameListener,
  listeners,
  newPortCounters,
  type OpenPort,
  type PortCounters,
} from './frame-port.ts'
import { addresses, libc, whenReadable } from './libc.ts'
import type { Link } from './link.ts'

/** How frames come and go; errno() has the reason of a call that failed. */
export interface LinkPortOptions {
  readonly name: string
  readonly link: Link
  /** Polled for frames. */
  readonly fd: number
  /** Where read() puts frames, from `offset` on. */
  readonly bytes: Uint8Array
  readonly offset: number
  /** A longer frame is an error, bytes. */
  readonly largest: number
  /** The size of the next frame; below 0: none waits. */
  read(): number
  /** Mends the frame that was read; where it begins then. Default: at `offset`. */
  mend?(size: number): number
  /** The bytes sent, from an address in memory. */
  send(address: number, size: number): number
  /** Adds what the kernel has counted. */
  count?(counters: PortCounters): void
  /** Closes descriptors; the link is closed already. */
  close(): void
}

/** Frames read in one turn of the event loop. */
const BATCH = 256
const EAGAIN = 11
const ENOBUFS = 105
/** The queue of the device, not the frame, is the reason. */
const isFull = (errno: number) => errno === EAGAIN || errno === ENOBUFS

export function linkPort(options: LinkPortOptions): OpenPort {
  const { name, link, bytes: area, offset, largest } = options
  const receivers = listeners<FrameListener>()
  const watchers = listeners<() => void>()
  const counters = newPortCounters()
  const place = addresses()
  let isOpen = true

  const stop = whenReadable(options.fd, () => {
    for (let i = 0; i < BATCH && isOpen; i++) {
      const size = options.read()
      if (size < 0) return
      if (size > largest) {
        counters.rxErrors++
        continue
      }
      const start = options.mend?.(size) ?? offset
      const end = offset + size
      counters.rxFrames++
      counters.rxBytes += end - start
      for (const receive of receivers.list) receive(area, start, end)
    }
  })
  link.onChange(() => {
    for (const watch of watchers.list) watch()
  })
  return {
    name,
    index: link.index,
    get mac() {
      return link.mac
    },
    get mtuBytes() {
      return link.mtuBytes
    },
    get up() {
      return isOpen && link.up
    },
    get gone() {
      return link.gone
    },
    get counters() {
      if (isOpen) options.count?.(counters)
      return counters
    },
    transmit(bytes, start, end) {
      const size = end - start
      if (!isOpen) counters.txDropped++
      else if (options.send(place.of(bytes, start, end), size) === size) {
        counters.txFrames++
        counters.txBytes += size
      } else if (isFull(libc().errno())) counters.txDropped++
      else counters.txErrors++
    },
    onReceive: receivers.add,
    onState: watchers.add,
    setMtu: link.setMtu,
    close() {
      if (!isOpen) return
      isOpen = false
      receivers.clear()
      watchers.clear()
      stop()
      link.close()
      options.close()
    },
  }
}
