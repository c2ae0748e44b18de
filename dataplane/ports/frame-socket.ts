/**
 * Packet sockets (packet(7)): how one is opened on a device of the current network namespace, and how
 * a frame is read off it. The kernel takes the outermost VLAN tag out of a frame and hands it over
 * beside it (PACKET_AUXDATA); here it is put back, so that a frame is as it was on the wire.
 * Neighbours: packet-socket.ts makes a port of two; libc.ts has the calls.
 */
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { LARGEST_FRAME } from './frame-port.ts'
import { addressOf, libc } from './libc.ts'

export const AF_PACKET = 17
const SOCK_RAW_NONBLOCK_CLOEXEC = 0o2004003
const ETH_P_ALL = 0x0003
export const SOL_SOCKET = 1
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
export const SOL_PACKET = 263
const PACKET_AUXDATA = 8
const PACKET_OUTGOING = 4
const PACKET_IGNORE_OUTGOING = 23
const MSG_TRUNC = 0x20
const TP_STATUS_VLAN_VALID = 1 << 4
const TP_STATUS_VLAN_TPID_VALID = 1 << 6
const TPID_8021Q = 0x8100

/** What setsockopt(2) is to set. */
export type SocketOption = readonly [level: number, option: number, value: Uint8Array]

export const int32 = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer)

/** Bytes of frames that may wait in the kernel, whatever the machine's limit; needs CAP_NET_ADMIN. */
export const receiveBuffer = (bytes: number): SocketOption => [
  SOL_SOCKET,
  SO_RCVBUFFORCE,
  int32(bytes),
]
export const sendBuffer = (bytes: number): SocketOption => [
  SOL_SOCKET,
  SO_SNDBUFFORCE,
  int32(bytes),
]

/**
 * A socket that receives what comes in by a device, or by all of them (0), and not what leaves.
 * @returns a file descriptor that does not block; receiveArea() reads it. @throws LibcError
 */
export function openReceiver(index: number, options: readonly SocketOption[]): number {
  return openSocket(ETH_P_ALL, index, [
    [SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(1)],
    [SOL_PACKET, PACKET_AUXDATA, int32(1)],
    ...options,
  ])
}

/** Of openReceiver: what leaves by the device, too. */
export const WITH_OUTGOING: SocketOption = [SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(0)]

/** A socket that sends by a device and receives nothing: a file descriptor. @throws LibcError */
export function openSender(index: number, options: readonly SocketOption[]): number {
  return openSocket(0, index, options)
}

/** Opened without a protocol, bound last: no frame from before, none from another device. */
function openSocket(protocol: number, index: number, options: readonly SocketOption[]): number {
  const fd = libc().socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0)
  try {
    for (const option of options) libc().setsockopt(fd, ...option)
    libc().bind(fd, linkAddress(protocol, index))
    return fd
  } catch (error) {
    libc().close(fd)
    throw error
  }
}

/** struct sockaddr_ll. */
function linkAddress(protocol: number, index: number): Uint8Array {
  const address = Buffer.alloc(20)
  address.writeUInt16LE(AF_PACKET, 0)
  address.writeUInt16BE(protocol, 2)
  address.writeInt32LE(index, 4)
  return address
}

/** Where one frame after the other is read to; done with before the next one is. */
export interface ReceiveArea {
  readonly bytes: Uint8Array
  /** Where frames are read to in `bytes`; before it stand the header and room for a tag. */
  readonly offset: number
  /** What the socket puts in front of a frame. */
  readonly header: Buffer
  /** Index of the device that the frame came in by. */
  readonly interfaceIndex: number
  /** It left by the device; of a socket that was told to receive those, too. */
  readonly isOutgoing: boolean
  /** The size of the next frame without header, more than LARGEST_FRAME when it was cut; below 0: none waits. */
  receive(fd: number): number
  /** Puts back the tag that the kernel took out, over the header; where the frame begins then. */
  restoreTag(size: number): number
}

/**
 * The structures of one recvmsg(2): struct msghdr, its iovec, address and control bytes. x86-64 and
 * arm64 lay them out alike.
 * @param headerSize of what the socket puts in front of each frame
 */
export function receiveArea(headerSize: number): ReceiveArea {
  const offset = vlan.size + headerSize
  const message = Buffer.alloc(128)
  const address = Buffer.alloc(128)
  const control = Buffer.alloc(128)
  const bytes = new Uint8Array(offset + LARGEST_FRAME)
  const messageAddress = addressOf(message)
  const iovecAt = 64
  message.writeBigUInt64LE(BigInt(addressOf(address)), 0)
  message.writeBigUInt64LE(BigInt(messageAddress + iovecAt), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(BigInt(addressOf(control)), 32)
  message.writeBigUInt64LE(BigInt(addressOf(bytes) + vlan.size), iovecAt)
  message.writeBigUInt64LE(BigInt(headerSize + LARGEST_FRAME), iovecAt + 8)
  return {
    bytes,
    offset,
    header: Buffer.from(bytes.buffer, vlan.size, headerSize),
    get interfaceIndex() {
      return address.readInt32LE(4)
    },
    get isOutgoing() {
      return address[10] === PACKET_OUTGOING
    },
    receive(fd) {
      message.writeUInt32LE(address.length, 8)
      message.writeUInt32LE(control.length, 40)
      return libc().receiveMessage(fd, messageAddress, MSG_TRUNC) - headerSize
    },
    restoreTag(size) {
      // struct cmsghdr (16 bytes), then struct tpacket_auxdata.
      if (message.readUInt32LE(40) < 36 || control.readInt32LE(12) !== PACKET_AUXDATA) return offset
      const status = control.readUInt32LE(16)
      if ((status & TP_STATUS_VLAN_VALID) === 0 || size < ethernet.size) return offset
      const known = (status & TP_STATUS_VLAN_TPID_VALID) !== 0
      const tpid = known ? control.readUInt16LE(34) : TPID_8021Q
      const tci = control.readUInt16LE(32)
      const start = offset - vlan.size
      bytes.copyWithin(start, offset, offset + 12)
      bytes[start + 12] = tpid >>> 8
      bytes[start + 13] = tpid
      bytes[start + 14] = tci >>> 8
      bytes[start + 15] = tci
      return start
    },
  }
}
