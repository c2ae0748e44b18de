/**
 * Raw Ethernet frames on an interface of another namespace: packet sockets that are opened inside the
 * namespace and used from here. A sender takes frames as they are; a tap reads what arrives, with the
 * VLAN tag that the kernel took out. workload.ts and underlay.ts build on both.
 */
import { LARGEST_FRAME } from '../../../dataplane/ports/frame-port.ts'
import {
  openReceiver,
  openSender,
  type ReceiveArea,
  receiveArea,
  receiveBuffer,
  WITH_OUTGOING,
} from '../../../dataplane/ports/frame-socket.ts'
import { addresses, LibcError, libc, whenReadable } from '../../../dataplane/ports/libc.ts'
import { NetnsError } from './error.ts'
import { inNamespace } from './namespace.ts'

/** For 3,000 jumbo frames and their bookkeeping. */
export const ROOM_FOR_BURSTS = receiveBuffer(64 * 1024 * 1024)
/** Frames read in one turn of the event loop. */
const BATCH = 256
const EAGAIN = 11
const ENETDOWN = 100

/** Where a socket is opened. */
export interface Place {
  readonly namespace: string
  readonly device: string
}

/** @throws NetnsError; to be called inside the namespace */
export function indexOf(place: Place): number {
  const index = libc().interfaceIndex(place.device)
  if (index === 0)
    throw new NetnsError(`no interface ${place.device} in namespace ${place.namespace}`)
  return index
}

/** Sends frames; the socket is opened by the first one. */
export interface FrameSender {
  /** Throws NetnsError (EMSGSIZE) for a frame over the interface's MTU + 14 bytes (+ 4 when tagged). */
  send(frame: Uint8Array): void
  close(): void
}

/** A sender on one interface. */
export function frameSender(place: Place): FrameSender {
  let fd: number | undefined
  const at = addresses()
  return {
    send(frame) {
      fd ??= inNamespace(place.namespace, () => openSender(indexOf(place), []))
      if (libc().send(fd, at.of(frame, 0, frame.length), frame.length) >= 0) return
      const cause = new LibcError('send', libc().errno())
      const where = `${place.device} in ${place.namespace}`
      throw new NetnsError(`a frame of ${frame.length} bytes cannot leave by ${where}`, { cause })
    },
    close() {
      if (fd !== undefined) libc().close(fd)
      fd = undefined
    },
  }
}

/** Reads frames that arrive; a socket is open only while somebody listens. */
export interface FrameTap {
  /** Frames that arrive after this call; the bytes are the listener's to keep. */
  onFrame(listener: (frame: Uint8Array) => void): () => void
  close(): void
}

/**
 * A tap on interfaces of one namespace. A frame is seen once, where it comes in from the wire, in the order
 * of arrival over all interfaces; what the namespace sends by them is not seen.
 */
export function frameTap(namespace: string, devices: readonly string[]): FrameTap {
  return tapOn(namespace, devices, false)
}

/** The same for what the namespace sends by them, and not for what arrives. */
export function leavingTap(namespace: string, devices: readonly string[]): FrameTap {
  return tapOn(namespace, devices, true)
}

function tapOn(namespace: string, devices: readonly string[], leaving: boolean): FrameTap {
  const listeners = new Set<(frame: Uint8Array) => void>()
  let stop: (() => void) | undefined

  const open = (): (() => void) => {
    const indexes = new Set<number>()
    const fd = inNamespace(namespace, () => {
      for (const device of devices) indexes.add(indexOf({ namespace, device }))
      const [index = 0] = indexes.size === 1 ? indexes : []
      return openReceiver(index, [ROOM_FOR_BURSTS, ...(leaving ? [WITH_OUTGOING] : [])])
    })
    // Closed by a listener in the middle of a batch: the number may already be another socket's.
    let isOpen = true
    const stopWaiting = whenReadable(fd, () => {
      for (let count = 0; count < BATCH && isOpen; count++) {
        const received = receiveFrame(fd)
        if (received === undefined) return
        if (indexes.has(received.interfaceIndex) && received.isOutgoing === leaving) {
          for (const listener of [...listeners]) listener(received.frame)
        }
      }
    })
    return () => {
      isOpen = false
      stopWaiting()
      libc().close(fd)
    }
  }
  const close = (): void => {
    listeners.clear()
    const end = stop
    stop = undefined
    end?.()
  }
  return {
    onFrame(listener) {
      // A function of its own, so that one listener may be added twice.
      const entry = (frame: Uint8Array): void => listener(frame)
      listeners.add(entry)
      stop ??= open()
      return () => {
        if (listeners.delete(entry) && listeners.size === 0) close()
      }
    },
    close,
  }
}

interface Received {
  readonly frame: Uint8Array
  readonly interfaceIndex: number
  readonly isOutgoing: boolean
}

/** Shared by all taps: a frame is read and copied within one call. */
let area: ReceiveArea | undefined

/** The next waiting frame (a copy), undefined when there is none. */
function receiveFrame(fd: number): Received | undefined {
  area ??= receiveArea(0)
  const size = area.receive(fd)
  if (size < 0) {
    const errno = libc().errno()
    if (errno === EAGAIN || errno === ENETDOWN) return undefined
    throw new LibcError('recvmsg', errno)
  }
  const start = area.restoreTag(size)
  const end = area.offset + Math.min(size, LARGEST_FRAME)
  const { interfaceIndex, isOutgoing } = area
  return { frame: area.bytes.slice(start, end), interfaceIndex, isOutgoing }
}
