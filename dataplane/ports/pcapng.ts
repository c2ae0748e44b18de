/**
 * Blocks of a capture file of the next generation (draft-ietf-opsawg-pcapng): sections that say by which interface each
 * packet went, when, which way, and in words what about it. Little-endian, times in nanoseconds, link type Ethernet. Pure.
 * Neighbours: pcapng-writer.ts writes them to a stream; pcap-file.ts has the classic format.
 */

/** An interface of a section; packets name it by its place among them, from 0. */
export interface PcapngInterface {
  /** `h1 acme-vm1`. */
  readonly name: string
  readonly description?: string | undefined
}

export interface PcapngPacket {
  /** Place of its interface in the section. */
  readonly interfaceId: number
  /** Nanoseconds since 1970. */
  readonly at: bigint
  readonly frame: Uint8Array
  /** Bytes that the frame had, where it was cut; default its length. */
  readonly originalSize?: number | undefined
  /** As seen from the interface. */
  readonly direction?: 'in' | 'out' | undefined
  readonly comment?: string | undefined
}

export interface PcapngStatistics {
  readonly interfaceId: number
  /** When it was counted, nanoseconds since 1970. */
  readonly at: bigint
  /** Packets that came, those that were left out included. */
  readonly received: number
  readonly dropped: number
}

const blockType = { section: 0x0a0d_0d0a, interface: 1, statistics: 5, packet: 6 } as const
const BYTE_ORDER = 0x1a2b_3c4d
const ETHERNET = 1
/** Section length of somebody who does not know it yet. */
const UNKNOWN_LENGTH = 0xffff_ffff_ffff_ffffn

const option = {
  ...{ end: 0, comment: 1, userApplication: 4 },
  ...{ interfaceName: 2, interfaceDescription: 3, timeResolution: 9 },
  packetFlags: 2,
  ...{ received: 4, dropped: 5 },
} as const
const NANOSECONDS = 9
const directionBits = { in: 1, out: 2 } as const

type Option = readonly [code: number, value: Uint8Array]

const padded = (size: number): number => (size + 3) & ~3
const text = (words: string): Uint8Array => Buffer.from(words, 'utf8').subarray(0, 0xffff)

/** Begins a section. @param application that writes the file */
export function sectionBlock(application: string): Buffer {
  const body = Buffer.alloc(16)
  body.writeUInt32LE(BYTE_ORDER, 0)
  body.writeUInt16LE(1, 4)
  body.writeBigUInt64LE(UNKNOWN_LENGTH, 8)
  return block(blockType.section, body, [[option.userApplication, text(application)]])
}

/** All interfaces come before the first packet of them. */
export function interfaceBlock({ name, description }: PcapngInterface): Buffer {
  const body = Buffer.alloc(8)
  body.writeUInt16LE(ETHERNET, 0)
  const options: Option[] = [[option.interfaceName, text(name)]]
  if (description !== undefined) options.push([option.interfaceDescription, text(description)])
  options.push([option.timeResolution, Uint8Array.of(NANOSECONDS)])
  return block(blockType.interface, body, options)
}

export function packetBlock(packet: PcapngPacket): Buffer {
  const { interfaceId, at, frame, direction, comment } = packet
  const body = Buffer.alloc(20 + padded(frame.length))
  body.writeUInt32LE(interfaceId, 0)
  writeTime(body, at)
  body.writeUInt32LE(frame.length, 12)
  body.writeUInt32LE(packet.originalSize ?? frame.length, 16)
  body.set(frame, 20)
  const options: Option[] = []
  if (comment !== undefined) options.push([option.comment, text(comment)])
  if (direction)
    options.push([option.packetFlags, Uint8Array.of(directionBits[direction], 0, 0, 0)])
  return block(blockType.packet, body, options)
}

/** What was counted of an interface, at the end of a section. */
export function statisticsBlock({ interfaceId, at, received, dropped }: PcapngStatistics): Buffer {
  const body = Buffer.alloc(12)
  body.writeUInt32LE(interfaceId, 0)
  writeTime(body, at)
  return block(blockType.statistics, body, [
    [option.received, uint64(received)],
    [option.dropped, uint64(dropped)],
  ])
}

/** The two halves of a time, the higher one first, behind the interface. */
function writeTime(body: Buffer, at: bigint): void {
  body.writeUInt32LE(Number(BigInt.asUintN(64, at) >> 32n), 4)
  body.writeUInt32LE(Number(BigInt.asUintN(32, at)), 8)
}

function uint64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value), 0)
  return bytes
}

/** Type, length, body, options up to their end, and the length once more for who reads backwards. */
function block(type: number, body: Buffer, options: readonly Option[]): Buffer {
  const size = options.reduce((sum, [, value]) => sum + 4 + padded(value.length), 0)
  const length = 12 + body.length + (options.length === 0 ? 0 : size + 4)
  const bytes = Buffer.alloc(length)
  bytes.writeUInt32LE(type, 0)
  bytes.writeUInt32LE(length, 4)
  bytes.set(body, 8)
  let at = 8 + body.length
  for (const [code, value] of options) {
    bytes.writeUInt16LE(code, at)
    bytes.writeUInt16LE(value.length, at + 2)
    bytes.set(value, at + 4)
    at += 4 + padded(value.length)
  }
  bytes.writeUInt32LE(length, length - 4)
  return bytes
}
