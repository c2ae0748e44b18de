/**
 * Raw Ethernet frames on an interface of another namespace: AF_PACKET sockets (packet(7)) that are opened
 * inside the namespace and used from here. A sender takes frames as they are; a tap reads what arrives.
 * workload.ts and underlay.ts build on both.
 *
 * The kernel takes the outermost VLAN tag out of an arriving frame and hands it over beside it
 * (PACKET_AUXDATA); the tap puts it back, so that a listener sees the frame as it was on the wire.
 */
import koffi from 'koffi'
import { NetnsError } from './error.ts'
import { addressOf, LibcError, libc } from './libc.ts'
import { inNamespace } from './namespace.ts'

export const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_NONBLOCK_CLOEXEC = 0o2004000
const SOL_SOCKET = 1
const SO_RCVBUFFORCE = 33
const SOL_PACKET = 263
const PACKET_AUXDATA = 8
const PACKET_IGNORE_OUTGOING = 23
const ETH_P_ALL = 0x0003
const TP_STATUS_VLAN_VALID = 1 << 4
const TP_STATUS_VLAN_TPID_VALID = 1 << 6
const TPID_8021Q = 0x8100

/** Bytes of frames that may wait in the kernel; 3,000 jumbo frames and their bookkeeping. */
const RECEIVE_BUFFER_BYTES = 64 * 1024 * 1024
const MAX_FRAME_BYTES = 65_535
/** Frames read in one turn of the event loop. */
const BATCH = 256

/** Where a socket is opened. */
export interface Place {
  readonly namespace: string
  readonly device: string
}

/** struct sockaddr_ll. Protocol 0 receives nothing. */
function linkAddress(protocol: number, interfaceIndex: number): Uint8Array {
  const address = Buffer.alloc(20)
  address.writeUInt16LE(AF_PACKET, 0)
  address.writeUInt16BE(protocol, 2)
  address.writeInt32LE(interfaceIndex, 4)
  return address
}

function indexOf(place: Place): number {
  const index = libc().interfaceIndex(place.device)
  if (index === 0)
    throw new NetnsError(`no interface ${place.device} in namespace ${place.namespace}`)
  return index
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer)
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
  const open = (): number =>
    inNamespace(place.namespace, () => {
      const opened = libc().socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, 0)
      libc().bind(opened, linkAddress(0, indexOf(place)))
      return opened
    })
  return {
    send(frame) {
      fd ??= open()
      try {
        libc().send(fd, frame)
      } catch (error) {
        const where = `${place.device} in ${place.namespace}`
        if (!(error instanceof LibcError)) throw error
        const what = `a frame of ${frame.length} bytes cannot leave by ${where}`
        throw new NetnsError(what, { cause: error })
      }
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
  const listeners = new Set<(frame: Uint8Array) => void>()
  let stop: (() => void) | undefined

  const open = (): (() => void) => {
    const indexes = new Set<number>()
    const fd = inNamespace(namespace, () => {
      for (const device of devices) indexes.add(indexOf({ namespace, device }))
      return openTap(indexes.size === 1 ? ([...indexes][0] ?? 0) : 0)
    })
    // Closed by a listener in the middle of a batch: the number may already be another socket's.
    let isOpen = true
    const handle = koffi.node.poll(fd, { readable: true }, () => {
      for (let count = 0; count < BATCH && isOpen; count++) {
        const received = receiveFrame(fd)
        if (received === undefined) return
        if (indexes.has(received.interfaceIndex)) {
          for (const listener of [...listeners]) listener(received.frame)
        }
      }
    })
    handle.unref()
    return () => {
      isOpen = false
      handle.close()
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

/** Opened without a protocol, bound last: no frame from before, none from another interface. */
function openTap(interfaceIndex: number): number {
  const fd = libc().socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, 0)
  libc().setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(1))
  libc().setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, int32(1))
  growReceiveBuffer(fd)
  libc().bind(fd, linkAddress(ETH_P_ALL, interfaceIndex))
  return fd
}

/** Gives a socket room for bursts, whatever the machine's limit (root). */
export function growReceiveBuffer(fd: number): void {
  libc().setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(RECEIVE_BUFFER_BYTES))
}

/** The structures of one recvmsg(2), shared by all taps: they are read and done within one call. */
interface ReceiveArea {
  readonly message: Buffer
  readonly address: Buffer
  readonly control: Buffer
  readonly frame: Buffer
}

let area: ReceiveArea | undefined

/** struct msghdr, its iovec, sockaddr_ll and control bytes; x86-64 and arm64 lay them out alike. */
function makeReceiveArea(): ReceiveArea {
  const message = Buffer.alloc(128)
  const address = Buffer.alloc(128)
  const control = Buffer.alloc(128)
  const frame = Buffer.alloc(MAX_FRAME_BYTES + 1)
  const iovecAt = 64
  message.writeBigUInt64LE(addressOf(address), 0)
  message.writeBigUInt64LE(addressOf(message) + BigInt(iovecAt), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(addressOf(control), 32)
  message.writeBigUInt64LE(addressOf(frame), iovecAt)
  message.writeBigUInt64LE(BigInt(frame.length), iovecAt + 8)
  return { message, address, control, frame }
}

/** The next waiting frame (a copy), undefined when there is none. */
function receiveFrame(fd: number): { frame: Uint8Array; interfaceIndex: number } | undefined {
  area ??= makeReceiveArea()
  const { message, address, control, frame } = area
  message.writeUInt32LE(20, 8)
  message.writeBigUInt64LE(BigInt(control.length), 40)
  const size = libc().receive(fd, message)
  if (size < 0) return undefined
  const controlSize = Number(message.readBigUInt64LE(40))
  const tag = vlanTag(control.subarray(0, controlSize))
  const bytes = new Uint8Array(size + tag.length)
  bytes.set(frame.subarray(0, Math.min(12, size)))
  bytes.set(tag, 12)
  if (size > 12) bytes.set(frame.subarray(12, size), 12 + tag.length)
  return { frame: bytes, interfaceIndex: address.readInt32LE(4) }
}

const NO_TAG = new Uint8Array()

/** The tag that the kernel took out: struct cmsghdr (16 bytes), then struct tpacket_auxdata. */
function vlanTag(control: Buffer): Uint8Array {
  if (control.length < 36 || control.readInt32LE(12) !== PACKET_AUXDATA) return NO_TAG
  const status = control.readUInt32LE(16)
  if ((status & TP_STATUS_VLAN_VALID) === 0) return NO_TAG
  const tpid = (status & TP_STATUS_VLAN_TPID_VALID) === 0 ? TPID_8021Q : control.readUInt16LE(34)
  const tci = control.readUInt16LE(32)
  return Uint8Array.of(tpid >>> 8, tpid & 255, tci >>> 8, tci & 255)
}
