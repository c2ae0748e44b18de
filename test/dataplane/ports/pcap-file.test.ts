import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { capture } from '../../../dataplane/ports/capture.ts'
import { memoryPair } from '../../../dataplane/ports/memory.ts'
import {
  type CapturedFrame,
  openPcapFile,
  readPcapFile,
} from '../../../dataplane/ports/pcap-file.ts'
import { WireError } from '../../../southbound/wire/error.ts'
import { quiet } from '../rig.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-pcap-'))
  path = join(folder, 'a.pcap')
})
afterEach(() => rmSync(folder, { recursive: true }))

const frame = (size: number, mark = 0) => new Uint8Array(size).fill(mark)
async function all(file = path): Promise<CapturedFrame[]> {
  const frames: CapturedFrame[] = []
  for await (const one of readPcapFile(file)) frames.push(one)
  return frames
}

/** One frame of three bytes, as the format's draft draws it; every number in `big` order or not. */
function handMade(magic: number, fraction: number, big: boolean): Buffer {
  const words = [magic, 0x00020004, 0, 0, 65_535, 1, 1_700_000_000, fraction, 3, 60]
  const bytes = Buffer.alloc(words.length * 4 + 3, 7)
  words.forEach((word, i) => {
    if (big) bytes.writeUInt32BE(word, 4 * i)
    else bytes.writeUInt32LE(word, 4 * i)
  })
  if (!big) bytes.set([2, 0, 4, 0], 4)
  return bytes
}

test.each([
  ['microseconds, big-endian', 0xa1b2c3d4, 123_456, true],
  ['microseconds, little-endian', 0xa1b2c3d4, 123_456, false],
  ['nanoseconds, big-endian', 0xa1b23c4d, 123_456_000, true],
  ['nanoseconds, little-endian', 0xa1b23c4d, 123_456_000, false],
])('a file in %s is read', async (_, magic, fraction, big) => {
  writeFileSync(path, handMade(magic, fraction, big))
  const times = { seconds: 1_700_000_000, nanoseconds: 123_456_000 }
  expect(await all()).toEqual([{ ...times, originalSize: 60, frame: frame(3, 7) }])
})

test.each([false, true])('what is written is read again (nanoseconds: %s)', async (nanoseconds) => {
  const writer = await openPcapFile(path, { nanoseconds, snapBytes: 100 })
  const frames = [0, 1, 60, 1514].map((size, i) => frame(size, i))
  frames.forEach((one, i) => void writer.write(one, 0, one.length, 1_700_000_000_000 + i * 0.5))
  await writer.close()
  const read = await all()
  expect(read.map(({ frame, originalSize }) => [frame.length, originalSize])).toEqual([
    [0, 0],
    [1, 1],
    [60, 60],
    [100, 1514],
  ])
  expect(read.map(({ nanoseconds }) => nanoseconds)).toEqual([0, 500_000, 1_000_000, 1_500_000])
})

test('what is no file is refused at once, a FIFO that nobody reads too', async () => {
  execFileSync('mkfifo', [path])
  await expect(openPcapFile(path)).rejects.toThrow(`'${path}' is no file`)
  await expect(openPcapFile('/dev/null')).rejects.toThrow("'/dev/null' is no file")
  await expect(openPcapFile(folder)).rejects.toThrow('EISDIR')
})

test('a frame is a copy of its own bytes, wherever in a long file it stood', async () => {
  const writer = await openPcapFile(path)
  for (let i = 0; i < 20; i++) writer.write(frame(60_000, i), 0, 60_000, 0)
  await writer.close()
  const frames = (await all()).map((one) => one.frame)
  expect(frames).toEqual(Array.from({ length: 20 }, (_, i) => frame(60_000, i)))
  // No Buffer, whose slice() is a view; none that keeps a piece of the file alive.
  expect(new Set(frames.map((one) => one.buffer.byteLength))).toEqual(new Set([60_000]))
  expect(frames.some((one) => Buffer.isBuffer(one))).toBe(false)
})

test('every truncation is an error at its place, or a file with fewer frames', async () => {
  const writer = await openPcapFile(path)
  for (const size of [5, 9]) writer.write(frame(size), 0, size, 0)
  await writer.close()
  const whole = readFileSync(path)
  const ends = [24, 24 + 16 + 5, whole.length]
  for (let size = 0; size < whole.length; size++) {
    const cut = join(folder, 'cut.pcap')
    writeFileSync(cut, whole.subarray(0, size))
    if (ends.includes(size)) expect(await all(cut)).toHaveLength(ends.indexOf(size))
    else await expect(all(cut)).rejects.toThrow(WireError)
  }
})

test.each([
  ['another magic number', 0, 0x0a0d0d0a, 'begins no pcap file'],
  ['another version', 4, 0x00040003, 'version 3'],
  ['another link type', 20, 113, 'link type 113'],
  ['a record of four gigabytes', 32, 0xffff_ffff, '4294967295 bytes is too long'],
  ['a fraction of more than a second', 28, 1_000_000, 'is a second'],
])('%s is refused before anything is believed', async (_, at, value, message) => {
  const bytes = handMade(0xa1b2c3d4, 0, false)
  bytes.writeUInt32LE(value, at)
  writeFileSync(path, bytes)
  await expect(all()).rejects.toThrow(message)
})

test('a tee writes what goes through a port, both ways, and the port stays what it was', async () => {
  const [a, b] = memoryPair({ name: 'a', mac: 5, mtuBytes: 1500 }, { name: 'b' })
  const tee = await capture(a, path, { wallClock: () => 1000 })
  expect(tee.port).toMatchObject({ name: 'a', mac: 5, up: true, mtuBytes: 1500 })
  tee.port.setMtu?.(1400)
  expect(tee.port.mtuBytes).toBe(1400)
  const got: number[] = []
  tee.port.onReceive((_, start, end) => void got.push(end - start))
  b.send(frame(60, 1))
  await quiet(2)
  tee.port.transmit(frame(70, 2), 0, 70)
  await tee.close()
  tee.port.transmit(frame(80), 0, 80)
  expect(got).toEqual([60])
  expect(a.counters.txFrames).toBe(2)
  expect((await all()).map(({ frame }) => frame)).toEqual([frame(60, 1), frame(70, 2)])
})

test('a full file takes no more frames and says how many it left out', async () => {
  const writer = await openPcapFile(path, { maxBytes: 24 + 2 * (16 + 60) })
  for (let i = 0; i < 5; i++) writer.write(frame(60), 0, 60, 0)
  await writer.close()
  expect([(await all()).length, writer.omitted]).toEqual([2, 3])
})
