/**
 * Capture files in the classic pcap format (draft-ietf-opsawg-pcap): written with times in micro- or
 * nanoseconds, read in both and in either byte order. A file is not trusted: no length in it is
 * believed before it was checked, and a reader holds one record in memory.
 * Neighbours: capture.ts (writes what goes through a port).
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { WireError } from '../../southbound/wire/error.ts'

/** One record of a file. */
export interface CapturedFrame {
  /** Since 1970. */
  readonly seconds: number
  readonly nanoseconds: number
  /** What was captured: maybe the beginning of the frame only. */
  readonly frame: Uint8Array
  /** What the frame was long, bytes. */
  readonly originalSize: number
}

/** What a file's header says. */
export interface PcapHeader {
  readonly littleEndian: boolean
  /** Nanoseconds in one unit of a record's fraction: 1,000 or 1. */
  readonly unit: 1 | 1000
  /** 1 = Ethernet. */
  readonly linkType: number
}

const HEADER_SIZE = 24
const RECORD_SIZE = 16
const MICROSECONDS = 0xa1b2c3d4
const NANOSECONDS = 0xa1b23c4d
const ETHERNET = 1
/** The longest record that libpcap writes, and that is read here. */
const LARGEST_RECORD = 262_144
const CHUNK = 1 << 20

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** @throws WireError when this is no header of a pcap file of version 2 */
export function readPcapHeader(bytes: Uint8Array): PcapHeader {
  if (bytes.length < HEADER_SIZE) throw new WireError('a pcap file has a header of 24 bytes', 0)
  const data = view(bytes)
  for (const littleEndian of [true, false]) {
    const magic = data.getUint32(0, littleEndian)
    if (magic !== MICROSECONDS && magic !== NANOSECONDS) continue
    const major = data.getUint16(4, littleEndian)
    if (major !== 2) throw new WireError(`a pcap file of version ${major}, not 2`, 4)
    // The highest bits tell of a frame check sequence.
    const linkType = data.getUint32(20, littleEndian) & 0x0fff_ffff
    return { littleEndian, unit: magic === MICROSECONDS ? 1000 : 1, linkType }
  }
  throw new WireError(`0x${data.getUint32(0).toString(16)} begins no pcap file`, 0)
}

interface RecordHeader {
  readonly seconds: number
  readonly nanoseconds: number
  readonly size: number
  readonly originalSize: number
}

/** `at`: its place in the file, for the error. */
function readRecordHeader(bytes: Uint8Array, header: PcapHeader, at: number): RecordHeader {
  const data = view(bytes)
  const u32 = (offset: number) => data.getUint32(offset, header.littleEndian)
  const nanoseconds = u32(4) * header.unit
  const size = u32(8)
  if (size > LARGEST_RECORD) throw new WireError(`a record of ${size} bytes is too long`, at + 8)
  if (nanoseconds >= 1e9) throw new WireError(`a fraction of ${u32(4)} is a second`, at + 4)
  return { seconds: u32(0), nanoseconds, size, originalSize: u32(12) }
}

/**
 * The frames of an Ethernet capture, in the order of the file.
 * @throws WireError on what is no such capture, and at a record that is wrong or cut short
 */
export async function* readPcapFile(path: string): AsyncGenerator<CapturedFrame, void, void> {
  const file = await open(path)
  try {
    let held: Uint8Array = new Uint8Array(0)
    /** Place of held[0] in the file. */
    let at = 0
    const take = async (size: number, what: string): Promise<Uint8Array | undefined> => {
      while (held.length < size) {
        const chunk = new Uint8Array(CHUNK)
        const { bytesRead } = await file.read(chunk, 0, chunk.length, null)
        if (bytesRead === 0 && held.length === 0) return undefined
        if (bytesRead === 0) throw new WireError(`${what} is cut short`, at)
        const more = chunk.subarray(0, bytesRead)
        held = held.length === 0 ? more : Buffer.concat([held, more])
      }
      const taken = held.subarray(0, size)
      held = held.subarray(size)
      at += size
      return taken
    }
    const header = readPcapHeader((await take(HEADER_SIZE, 'the header')) ?? new Uint8Array(0))
    if (header.linkType !== ETHERNET) {
      throw new WireError(`link type ${header.linkType}, not ${ETHERNET} (Ethernet)`, 20)
    }
    for (;;) {
      const bytes = await take(RECORD_SIZE, 'a record')
      if (!bytes) return
      const { size, ...times } = readRecordHeader(bytes, header, at - RECORD_SIZE)
      const frame = size === 0 ? new Uint8Array(0) : await take(size, 'a record')
      if (!frame) throw new WireError('a record is cut short', at)
      // A copy, which slice() of a Buffer is not.
      yield { ...times, frame: new Uint8Array(frame) }
    }
  } finally {
    await file.close()
  }
}

export interface PcapWriterOptions {
  /** Times in nanoseconds; else microseconds, which older tools want. */
  readonly nanoseconds?: boolean | undefined
  /** Bytes of a frame that are written; default all. */
  readonly snapBytes?: number | undefined
  /** Frames after so many bytes of the file are left out; default 1 GiB. */
  readonly maxBytes?: number | undefined
}

export interface PcapWriter {
  /** Frames left out: the file is full, or the disk too slow. */
  readonly omitted: number
  /** Why writing ended. */
  readonly error: Error | undefined
  /** Appends a copy of the frame; `milliseconds` since 1970, with a fraction. Never throws. */
  write(bytes: Uint8Array, start: number, end: number, milliseconds: number): void
  /** Resolves when all is in the file. */
  close(): Promise<void>
}

/** Bytes that may wait for the disk. */
const MAX_WAITING = 16 << 20

/** Without O_NONBLOCK a FIFO would hold the opening, and a thread, until somebody reads it. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK

/** Writes a new file, in the place of one that is there. Rejects when it cannot be made, or is no file. */
export async function openPcapFile(
  path: string,
  options: PcapWriterOptions = {},
): Promise<PcapWriter> {
  const noFile = (cause?: Error) => new Error(`'${path}' is no file`, { cause })
  const file = await open(path, FLAGS).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENXIO' ? noFile(error) : error
  })
  if (!(await file.stat()).isFile()) {
    await file.close()
    throw noFile()
  }
  return pcapWriter(file.createWriteStream(), options)
}

/** Writes to a stream, which ends with the writer. */
export function pcapWriter(stream: Writable, options: PcapWriterOptions = {}): PcapWriter {
  const { nanoseconds = false, snapBytes = LARGEST_RECORD, maxBytes = 2 ** 30 } = options
  let error: Error | undefined
  let omitted = 0
  let written = HEADER_SIZE
  stream.on('error', (cause) => {
    error ??= cause
  })
  const header = Buffer.alloc(HEADER_SIZE)
  header.writeUInt32LE(nanoseconds ? NANOSECONDS : MICROSECONDS, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(Math.min(snapBytes, LARGEST_RECORD), 16)
  header.writeUInt32LE(ETHERNET, 20)
  stream.write(header)

  return {
    get omitted() {
      return omitted
    },
    get error() {
      return error
    },
    write(bytes, start, end, milliseconds) {
      const size = Math.min(end - start, snapBytes, LARGEST_RECORD)
      const full = written + RECORD_SIZE + size > maxBytes || stream.writableLength > MAX_WAITING
      if (full || error || stream.writableEnded) {
        omitted++
        return
      }
      written += RECORD_SIZE + size
      const record = Buffer.allocUnsafe(RECORD_SIZE + size)
      const seconds = Math.floor(milliseconds / 1000)
      const fraction = (milliseconds - seconds * 1000) * (nanoseconds ? 1e6 : 1e3)
      record.writeUInt32LE(seconds >>> 0, 0)
      record.writeUInt32LE(Math.min(Math.floor(fraction), nanoseconds ? 999_999_999 : 999_999), 4)
      record.writeUInt32LE(size, 8)
      record.writeUInt32LE(end - start, 12)
      record.set(bytes.subarray(start, start + size), RECORD_SIZE)
      stream.write(record)
    },
    close: () =>
      new Promise((resolve, reject) => {
        if (stream.destroyed) return error ? reject(error) : resolve()
        stream.once('close', () => (error ? reject(error) : resolve()))
        stream.end()
      }),
  }
}
