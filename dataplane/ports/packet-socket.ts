/**
 * A network device of the machine as a port: AF_PACKET sockets (packet(7)) in promiscuous mode. Linux;
 * needs CAP_NET_RAW.
 *
 * Two things that the kernel leaves undone are done here: the outermost VLAN tag, which it hands over
 * beside the frame, is put back, and a checksum that a sender on this machine left to its card is
 * completed: a frame that comes over a veth pair was never on a wire, and whoever got it from us would
 * take it for damaged. One is not: TCP segments that such a sender left to a card to cut (TSO) arrive
 * whole, longer than the MTU, and are dropped as `port_mtu_exceeded` or `underlay_mtu_exceeded` where
 * they leave. `ethtool -K DEVICE tx off` at the sender ends both.
 * Neighbours: frame-socket.ts (sockets), link-port.ts (the port), pcap.ts (the same through libpcap, on
 * other systems too).
 */
import { internetChecksum } from '../../southbound/wire/checksum.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { LARGEST_FRAME, type OpenPort, PortError } from './frame-port.ts'
import {
  int32,
  openReceiver,
  openSender,
  type ReceiveArea,
  receiveArea,
  receiveBuffer,
  SOL_PACKET,
  sendBuffer,
} from './frame-socket.ts'
import { LibcError, libc } from './libc.ts'
import { openLink } from './link.ts'
import { linkPort } from './link-port.ts'

const PACKET_ADD_MEMBERSHIP = 1
const PACKET_MR_PROMISC = 1
const PACKET_STATISTICS = 6
const PACKET_VNET_HDR = 15
/** struct virtio_net_hdr, in front of what is received. */
const VNET_SIZE = 10
const VNET_NEEDS_CSUM = 1

/** Bytes of frames that may wait in the kernel, each way. */
const BUFFER_BYTES = 16 << 20

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
    fd = openReceiver(link.index, [
      [SOL_PACKET, PACKET_VNET_HDR, int32(1)],
      receiveBuffer(BUFFER_BYTES),
      [SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous(link.index)],
    ])
    // A socket of its own to send by: frames as they are, with no header in front, and none received.
    out = openSender(link.index, [sendBuffer(BUFFER_BYTES)])
  } catch (error) {
    if (fd >= 0) libc().close(fd)
    link.close()
    throw error
  }
  const area = receiveArea(VNET_SIZE)
  const statistics = Buffer.alloc(8)
  return linkPort({
    ...{ name: device, link, fd, bytes: area.bytes, offset: area.offset },
    largest: LARGEST_FRAME - vlan.size,
    read: () => area.receive(fd),
    mend(size) {
      completeChecksum(area, size)
      return area.restoreTag(size)
    },
    send: (address, size) => libc().send(out, address, size),
    count(counters) {
      try {
        libc().getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics)
        counters.rxDropped += statistics.readUInt32LE(4) // since it was asked for last
      } catch (error) {
        if (!(error instanceof LibcError)) throw error
      }
    },
    close() {
      libc().close(fd)
      libc().close(out)
    },
  })
}

/** struct packet_mreq: promiscuous for as long as the socket is open, counted by the kernel. */
function promiscuous(index: number): Uint8Array {
  const membership = Buffer.alloc(16)
  membership.writeInt32LE(index, 0)
  membership.writeUInt16LE(PACKET_MR_PROMISC, 4)
  return membership
}

/** The field holds the sum of the pseudo header, which is summed with the rest. */
function completeChecksum({ bytes, offset, header }: ReceiveArea, size: number): void {
  if ((header[0]! & VNET_NEEDS_CSUM) === 0) return
  const start = header.readUInt16LE(6)
  const at = start + header.readUInt16LE(8)
  if (at + 2 > size) return
  const sum = internetChecksum(bytes, offset + start, offset + size)
  // 0 would say of a UDP packet that it has none; to TCP both are the same.
  bytes[offset + at] = (sum || 0xffff) >>> 8
  bytes[offset + at + 1] = sum || 0xffff
}
