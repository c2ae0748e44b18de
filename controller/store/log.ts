/**
 * The log that a killed process leaves beside the file. SQLite takes its frames up to the first that
 * does not fit and forgets the rest, for the end of a log may be torn: it was not synced. A frame that
 * does not fit, with a later transaction behind its own, is no torn end: that transaction began when
 * this one was on the disk. SQLite would lose it without a word; here it is found.
 *
 * What no reader of a log can tell: damage to its last transaction from a torn one. Format:
 * sqlite.org/fileformat2.html#walformat.
 */
import { existsSync, readFileSync } from 'node:fs'
import { StoreError } from './error.ts'

const headerSize = 32
const frameHeaderSize = 24
/** The last bit says the byte order of the words that are summed. */
const magic = 0x377f0682

/** @throws StoreError when committed revisions in the log cannot be read */
export function checkLog(path: string): void {
  if (path === ':memory:' || !existsSync(`${path}-wal`)) return
  const found = damageOf(readFileSync(`${path}-wal`))
  if (found) throw new StoreError('damaged', { path, detail: `${found} of its log ${path}-wal` })
}

/** The first part that is damaged; undefined: none, as far as can be told. */
function damageOf(log: Buffer): string | undefined {
  const header = log.subarray(0, headerSize)
  if (header.length < headerSize || header.every((byte) => byte === 0)) return undefined
  const bigEndian = (header.readUInt32BE(0) & 1) === 1
  if ((header.readUInt32BE(0) & ~1) >>> 0 !== magic) return 'the header'
  if (!sumFits(header, { at: 24, seed: [0, 0], parts: [header.subarray(0, 24)], bigEndian }))
    return 'the header'

  const size = frameHeaderSize + header.readUInt32BE(8)
  let broken: number | undefined
  let ended = false
  for (let at = headerSize, n = 1; at + size <= log.length; at += size, n++) {
    const frame = log.subarray(at, at + size)
    const ours = frame.subarray(8, 16).equals(header.subarray(16, 24))
    const ends = frame.readUInt32BE(4) !== 0
    const before = at === headerSize ? 24 : at - size + 16
    const seed = [log.readUInt32BE(before), log.readUInt32BE(before + 4)] as const
    const parts = [frame.subarray(0, 8), frame.subarray(frameHeaderSize)]
    if (ours && sumFits(frame, { at: 16, seed, parts, bigEndian })) {
      if (broken !== undefined && ended) return `frame ${broken}`
      ended ||= broken !== undefined && ends
    } else {
      broken ??= n
      ended = ours && ends
    }
  }
  return undefined
}

/** Whether the sum of the parts, two words, stands in the bytes at `at`. */
function sumFits(
  bytes: Buffer,
  {
    at,
    seed: [s0, s1],
    parts,
    bigEndian,
  }: {
    readonly at: number
    readonly seed: readonly [number, number]
    readonly parts: readonly Buffer[]
    readonly bigEndian: boolean
  },
): boolean {
  let [first, second] = [s0, s1]
  for (const part of parts) {
    for (let word = 0; word + 8 <= part.length; word += 8) {
      const [a, b] = bigEndian
        ? [part.readUInt32BE(word), part.readUInt32BE(word + 4)]
        : [part.readUInt32LE(word), part.readUInt32LE(word + 4)]
      first = (first + a + second) >>> 0
      second = (second + b + first) >>> 0
    }
  }
  return bytes.readUInt32BE(at) === first && bytes.readUInt32BE(at + 4) === second
}
