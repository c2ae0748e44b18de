/**
 * A frame on its way through the switch: one buffer with headroom in front, so that a VXLAN
 * header or a VLAN tag is put before the frame without moving it. Packets come from a pool and
 * are reused; nothing is allocated per frame.
 * Neighbours: flow-key.ts fills `at`, vxlan.ts uses the headroom, pipeline.ts copies for groups.
 */

/** Room in front of a frame, bytes: 50 for VXLAN over IPv4, the rest for tags. */
export const HEADROOM = 128
/** The part of the headroom that tags must leave for encapsulation. */
export const ENCAP_ROOM = 64
const LARGEST_FRAME = 65_535 + 18
const BUFFER_SIZE = HEADROOM + LARGEST_FRAME
/** Headers whose position a packet knows; flow-key.ts gives them numbers. */
const HEADERS = 16

export interface Packet {
  readonly bytes: Uint8Array
  /** First byte of the Ethernet header. */
  start: number
  end: number
  /** Offset of each header in `bytes`, by header number; -1 = absent. */
  readonly at: Int32Array
}

export interface PacketPool {
  /** A packet holding a copy of the frame, or undefined when it is too long for a buffer. */
  take(bytes: Uint8Array, start: number, end: number): Packet | undefined
  give(packet: Packet): void
}

export function packetPool(): PacketPool {
  const free: Packet[] = []
  return {
    take(bytes, start, end) {
      if (end - start > LARGEST_FRAME) return undefined
      const packet = free.pop() ?? newPacket()
      packet.start = HEADROOM
      packet.end = HEADROOM + end - start
      copyBytes(bytes, start, end, packet.bytes, HEADROOM)
      return packet
    },
    give(packet) {
      free.push(packet)
    },
  }
}

function newPacket(): Packet {
  return { bytes: new Uint8Array(BUFFER_SIZE), start: 0, end: 0, at: new Int32Array(HEADERS) }
}

/** Makes room for `size` bytes at `at` (between start and end) by moving what is before it. */
export function insertBytes(packet: Packet, at: number, size: number): void {
  packet.bytes.copyWithin(packet.start - size, packet.start, at)
  packet.start -= size
}

/** Removes `size` bytes at `at` by moving what is before it. */
export function removeBytes(packet: Packet, at: number, size: number): void {
  packet.bytes.copyWithin(packet.start + size, packet.start, at)
  packet.start += size
}

/** Copies without making a view where the copy is short. */
function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 128) {
    to.set(from.subarray(start, end), at)
    return
  }
  for (let i = start, o = at; i < end; i++, o++) to[o] = from[i]!
}
