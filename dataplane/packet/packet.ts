/**
 * A frame on its way through the switch: one buffer with headroom in front, so that a VXLAN
 * header or a VLAN tag is put before the frame without moving it. Packets come from a pool and
 * are reused; nothing is allocated per frame, however long it is.
 * Neighbours: flow-key.ts fills `at`, vxlan.ts uses the headroom, pipeline.ts copies for groups.
 */

/** Room in front of a frame, bytes: 70 for VXLAN over IPv6, the rest for tags. */
export const HEADROOM = 128
/** The part of the headroom that tags must leave for encapsulation. */
export const ENCAP_ROOM = 72
const LARGEST_FRAME = 65_535 + 18
const BUFFER_SIZE = HEADROOM + LARGEST_FRAME
/** Headers whose position a packet knows; flow-key.ts gives them numbers. */
const HEADERS = 20
const TRACKED_WORDS = 5
/**
 * Any array of bytes will do, and no view is made: set() of a subarray costs 104 bytes a frame, a loop
 * 20 times the time for 1500 bytes.
 */
const { copy: copyBytes } = Buffer.prototype

export interface Packet {
  readonly bytes: Uint8Array
  /** First byte of the Ethernet header. */
  start: number
  end: number
  /** Offset of each header in `bytes`, by header number; -1 = absent. */
  readonly at: Int32Array
  /** What connection tracking knows of it (conntrack.ts); all 0 = not yet looked at. */
  readonly tracked: Uint32Array
}

/** How much packets may cause, counted together for all bridges of a switch. */
export interface Passage {
  /** Packets under way, each caused by the one before, through patch ports. */
  packets: number
  /** Packets, resubmits and buckets since the outermost packet under way came in. */
  work: number
}

export interface PacketPool {
  readonly passage: Passage
  /** A packet holding a copy of the frame, or undefined when it is too long for a buffer. */
  take(bytes: Uint8Array, start: number, end: number): Packet | undefined
  give(packet: Packet): void
}

export function packetPool(): PacketPool {
  const free: Packet[] = []
  return {
    passage: { packets: 0, work: 0 },
    take(bytes, start, end) {
      if (end - start > LARGEST_FRAME) return undefined
      const packet = free.pop() ?? newPacket()
      packet.start = HEADROOM
      packet.end = HEADROOM + end - start
      for (let i = 0; i < TRACKED_WORDS; i++) packet.tracked[i] = 0
      copyBytes.call(bytes, packet.bytes, HEADROOM, start, end)
      return packet
    },
    give(packet) {
      free.push(packet)
    },
  }
}

function newPacket(): Packet {
  return {
    bytes: new Uint8Array(BUFFER_SIZE),
    start: 0,
    end: 0,
    at: new Int32Array(HEADERS),
    tracked: new Uint32Array(TRACKED_WORDS),
  }
}

/** A copy that keeps the headers' places; undefined when the packet is too long for a buffer. */
export function copyPacket(pool: PacketPool, packet: Packet): Packet | undefined {
  const copy = pool.take(packet.bytes, packet.start, packet.end)
  if (!copy) return undefined
  const shift = copy.start - packet.start
  for (let i = 0; i < copy.at.length; i++) {
    copy.at[i] = packet.at[i]! < 0 ? -1 : packet.at[i]! + shift
  }
  copy.tracked.set(packet.tracked)
  return copy
}

/**
 * Makes room for `size` bytes `offset` bytes behind the start, by moving what is before it; the
 * whole frame moves when the headroom is used up. False when the buffer is full. The places of
 * headers in `at` are not right any more.
 */
export function insertBytes(packet: Packet, offset: number, size: number): boolean {
  const { bytes } = packet
  if (packet.start - size < ENCAP_ROOM) {
    const shift = HEADROOM + size - packet.start
    if (packet.end + shift > bytes.length) return false
    bytes.copyWithin(packet.start + shift, packet.start, packet.end)
    packet.start += shift
    packet.end += shift
  }
  bytes.copyWithin(packet.start - size, packet.start, packet.start + offset)
  packet.start -= size
  return true
}

/** Removes `size` bytes `offset` bytes behind the start, by moving what is before them. */
export function removeBytes(packet: Packet, offset: number, size: number): void {
  packet.bytes.copyWithin(packet.start + size, packet.start, packet.start + offset)
  packet.start += size
}
