/**
 * A network device of the machine as a port: AF_PACKET sockets (packet(7)) in promiscuous mode, read
 * in batches when the event loop says that frames wait. Linux; needs CAP_NET_RAW.
 *
 * Two things that the kernel leaves undone are done here: the outermost VLAN tag, which it hands over
 * beside the frame, is put back, and a checksum that a sender on this machine left to its card is
 * completed: a frame that comes over a veth pair was never on a wire, and whoever got it from us would
 * take it for damaged. One is not: TCP segments that such a sender left to a card to cut (TSO) arrive
 * whole, longer than the MTU, and are dropped as `port_mtu_exceeded` or `underlay_mtu_exceeded` where
 * they leave. `ethtool -K DEVICE tx off` at the sender ends both.
 * Neighbours: link.ts (MTU, state), pcap.ts (the same through libpcap, on other systems too).
 */
import { internetChecksum } from '../../southbound/wire/checksum.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import {
  type FrameListener,
  LARGEST_FRAME,
  listeners,
  newPortCounters,
  type OpenPort,
  PortError,
} from './frame-port.ts'
import { addresses, addressOf, LibcError, libc, whenReadable } from './libc.ts'
import { openLink } from './link.ts'

const AF_PACKET = 17
const SOCK_RAW_NONBLOCK_CLOEXEC = 0o2004003
const ETH_P_ALL = 0x0003
const SOL_SOCKET = 1
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SOL_PACKET = 263
const PACKET_ADD_MEMBERSHIP = 1
const PACKET_MR_PROMISC = 1
const PACKET_STATISTICS = 6
const PACKET_AUXDATA = 8
const PACKET_VNET_HDR = 15
const PACKET_IGNORE_OUTGOING = 23
const MSG_TRUNC = 0x20
const TP_STATUS_VLAN_VALID = 1 << 4
const TP_STATUS_VLAN_TPID_VALID = 1 << 6
const TPID_8021Q = 0x8100
/** struct virtio_net_hdr, in front of what is received. */
const VNET_SIZE = 10
const VNET_NEEDS_CSUM = 1

/** Bytes of frames that may wait in the kernel, each way. */
const BUFFER_BYTES = 16 << 20
/** Frames read in one turn of the event loop. */
const BATCH = 256
/** Bytes in front of the frame: of the header, and for a tag that is put back. */
const ROOM = vlan.size + VNET_SIZE

/** Rejects with PortError: no such device, no right to open it, not Linux. */
export async function openPacketPort(device: string): Promise<OpenPort> {
  try {
    return packetPort(device)
  } catch (cause) {
    if (cause instanceof PortError) throw cause
    const why = (cause as Error).message
    throw new PortError(`could not open network device ${device} (${why})`, { cause })
  }
}

function packetPort(device: string): OpenPort {
  const link = openLink(device)
  let fd = -1
  let out = -1
  try {
    fd = openSocket(link.index)
    out = openSender(link.index)
  } catch (error) {
    if (fd >= 0) libc().close(fd)
    link.close()
    throw error
  }
  const area = receiveArea()
  const receivers = listeners<FrameListener>()
  const watchers = listeners<() => void>()
  const counters = newPortCounters()
  const place = addresses()
  const statistics = Buffer.alloc(8)
  let isOpen = true

  const count = () => {
    if (!isOpen) return
    try {
      libc().getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics)
      counters.rxDropped += statistics.readUInt32LE(4) // since it was asked for last
    } catch (error) {
      if (!(error instanceof LibcError)) throw error
    }
  }
  const receive = () => {
    for (let i = 0; i < BATCH && isOpen; i++) {
      const size = area.receive(fd) - VNET_SIZE
      if (size < 0) return
      if (size > LARGEST_FRAME - vlan.size) {
        counters.rxErrors++
        continue
      }
      const start = area.restore(size)
      const end = ROOM + size
      counters.rxFrames++
      counters.rxBytes += end - start
      for (const receiver of receivers.list) receiver(area.frame, start, end)
    }
  }
  link.onChange(() => {
    for (const watch of watchers.list) watch()
  })
  const stop = whenReadable(fd, receive)

  return {
    name: device,
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
    get counters() {
      count()
      return counters
    },
    transmit(bytes, start, end) {
      if (!isOpen) {
        counters.txDropped++
        return
      }
      const size = end - start
      if (libc().send(out, place.of(bytes, start, end), size) === size) {
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
      libc().close(fd)
      libc().close(out)
    },
  }
}

const EAGAIN = 11
const ENOBUFS = 105
/** The queue of the device, not the frame, is the reason. */
const isFull = (errno: number) => errno === EAGAIN || errno === ENOBUFS

const int32 = (value: number) => new Uint8Array(Int32Array.of(value).buffer)

/** struct sockaddr_ll. */
function linkAddress(protocol: number, index: number): Uint8Array {
  const address = Buffer.alloc(20)
  address.writeUInt16LE(AF_PACKET, 0)
  address.writeUInt16BE(protocol, 2)
  address.writeInt32LE(index, 4)
  return address
}

/** Opened without a protocol, bound last: no frame from before, none from another device. */
function openSocket(index: number): number {
  const fd = libc().socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0)
  try {
    const set = (level: number, option: number, value: Uint8Array) =>
      libc().setsockopt(fd, level, option, value)
    set(SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(1))
    set(SOL_PACKET, PACKET_AUXDATA, int32(1))
    set(SOL_PACKET, PACKET_VNET_HDR, int32(1))
    set(SOL_SOCKET, SO_RCVBUFFORCE, int32(BUFFER_BYTES))
    // Promiscuous for as long as the socket is open, counted by the kernel.
    const membership = Buffer.alloc(16)
    membership.writeInt32LE(index, 0)
    membership.writeUInt16LE(PACKET_MR_PROMISC, 4)
    set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
    libc().bind(fd, linkAddress(ETH_P_ALL, index))
    return fd
  } catch (error) {
    libc().close(fd)
    throw error
  }
}

/** A socket of its own to send by: frames as they are, with no header in front, and none received. */
function openSender(index: number): number {
  const fd = libc().socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0)
  try {
    libc().setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, int32(BUFFER_BYTES))
    libc().bind(fd, linkAddress(0, index))
    return fd
  } catch (error) {
    libc().close(fd)
    throw error
  }
}

/**
 * The structures of one recvmsg(2): struct msghdr, its iovec, control bytes. x86-64 and arm64 lay
 * them out alike.
 */
function receiveArea() {
  const message = Buffer.alloc(128)
  const control = Buffer.alloc(128)
  const frame = new Uint8Array(ROOM + LARGEST_FRAME)
  const messageAddress = addressOf(message)
  const iovecAt = 64
  message.writeBigUInt64LE(BigInt(messageAddress + iovecAt), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(BigInt(addressOf(control)), 32)
  message.writeBigUInt64LE(BigInt(addressOf(frame) + vlan.size), iovecAt)
  message.writeBigUInt64LE(BigInt(VNET_SIZE + LARGEST_FRAME), iovecAt + 8)
  const vnet = Buffer.from(frame.buffer, vlan.size, VNET_SIZE)
  /** The field holds the sum of the pseudo header, which is summed with the rest. */
  const complete = (size: number) => {
    if ((vnet[0]! & VNET_NEEDS_CSUM) === 0) return
    const start = vnet.readUInt16LE(6)
    const at = start + vnet.readUInt16LE(8)
    if (at + 2 > size) return
    const sum = internetChecksum(frame, ROOM + start, ROOM + size)
    // 0 would say of a UDP packet that it has none; to TCP both are the same.
    frame[ROOM + at] = (sum || 0xffff) >>> 8
    frame[ROOM + at + 1] = sum || 0xffff
  }
  return {
    frame,
    /** The size of the next frame with its header, longer than the buffer when it was cut; −1 = none waits. */
    receive(fd: number): number {
      message.writeUInt32LE(control.length, 40)
      return libc().receiveMessage(fd, messageAddress, MSG_TRUNC)
    },
    /** Puts back what the kernel took out or left out; where the frame begins. */
    restore(size: number): number {
      complete(size)
      // struct cmsghdr (16 bytes), then struct tpacket_auxdata.
      if (message.readUInt32LE(40) < 36 || control.readInt32LE(12) !== PACKET_AUXDATA) return ROOM
      const status = control.readUInt32LE(16)
      if ((status & TP_STATUS_VLAN_VALID) === 0 || size < ethernet.size) return ROOM
      const known = (status & TP_STATUS_VLAN_TPID_VALID) !== 0
      const tpid = known ? control.readUInt16LE(34) : TPID_8021Q
      const tci = control.readUInt16LE(32)
      const start = ROOM - vlan.size
      frame.copyWithin(start, ROOM, ROOM + 12)
      frame[start + 12] = tpid >>> 8
      frame[start + 13] = tpid
      frame[start + 14] = tci >>> 8
      frame[start + 15] = tci
      return start
    },
  }
}
