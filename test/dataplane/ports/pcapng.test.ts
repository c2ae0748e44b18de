/** Capture files of the next generation, by the bytes of the draft's pictures. */
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import {
  interfaceBlock,
  packetBlock,
  sectionBlock,
  statisticsBlock,
} from '../../../dataplane/ports/pcapng.ts'
import { pcapngWriter } from '../../../dataplane/ports/pcapng-writer.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const joined = (...parts: readonly string[]) => parts.join('').replaceAll(' ', '')

test('a section begins with its byte order, version 1.0 and a length that nobody knows yet', () => {
  expect(hex(sectionBlock('weft'))).toBe(
    joined(
      '0a0d0d0a 28000000',
      '4d3c2b1a 0100 0000 ffffffffffffffff',
      '0400 0400 77656674 0000 0000',
      '28000000',
    ),
  )
})

test('an interface is Ethernet, has a name and times in nanoseconds', () => {
  expect(hex(interfaceBlock({ name: 'h1 vm1', description: 'x' }))).toBe(
    joined(
      '01000000 34000000',
      '0100 0000 00000000',
      '0200 0600 6831 2076 6d31 0000',
      '0300 0100 78000000',
      '0900 0100 09000000',
      '0000 0000',
      '34000000',
    ),
  )
})

test('a packet has its interface, time, both sizes, padding, comment and direction', () => {
  const frame = Uint8Array.of(1, 2, 3, 4, 5)
  const at = 0x1234_5678_9abc_def0n
  expect(
    hex(
      packetBlock({ interfaceId: 2, at, frame, originalSize: 60, direction: 'out', comment: 'hi' }),
    ),
  ).toBe(
    joined(
      '06000000 3c000000',
      '02000000 78563412 f0debc9a 05000000 3c000000',
      '0102030405 000000',
      '0100 0200 6869 0000',
      '0200 0400 02000000',
      '0000 0000',
      '3c000000',
    ),
  )
})

test('a packet of which nothing more is known has no options', () => {
  expect(hex(packetBlock({ interfaceId: 0, at: 1n, frame: new Uint8Array(4) }))).toBe(
    joined(
      '06000000 24000000 00000000 00000000 01000000 04000000 04000000',
      '00000000',
      '24000000',
    ),
  )
})

test('statistics have what came and what was left out', () => {
  expect(hex(statisticsBlock({ interfaceId: 1, at: 5n, received: 7, dropped: 3 }))).toBe(
    joined(
      '05000000 34000000 01000000 00000000 05000000',
      '0400 0800 0700000000000000',
      '0500 0800 0300000000000000',
      '0000 0000',
      '34000000',
    ),
  )
})

const options = {
  application: 'weft',
  interfaces: [{ name: 'a' }, { name: 'b' }],
  now: () => 9n,
}

test('a reader that does not read loses packets, which are counted and told at the end', async () => {
  const stream = new PassThrough({ highWaterMark: 1000 })
  const writer = pcapngWriter(stream, { ...options, maxWaiting: 3000 })
  const frame = new Uint8Array(1000)
  const taken = Array.from({ length: 40 }, () => writer.write({ interfaceId: 1, at: 1n, frame }))
  const lost = taken.filter((was) => !was).length
  expect(lost).toBeGreaterThan(0)
  expect(taken[0]).toBe(true)
  expect([writer.packets, writer.dropped]).toEqual([40 - lost, lost])
  writer.lost(0, 2)
  writer.close()
  writer.close()
  expect(writer.write({ interfaceId: 1, at: 1n, frame })).toBe(false)
  const end = [
    statisticsBlock({ interfaceId: 0, at: 9n, received: 2, dropped: 2 }),
    statisticsBlock({ interfaceId: 1, at: 9n, received: 40, dropped: lost }),
  ]
  expect(hex(await buffer(stream)).endsWith(end.map(hex).join(''))).toBe(true)
})

test('a reader that goes away ends it, without an error', () => {
  const stream = new PassThrough()
  const writer = pcapngWriter(stream, options)
  stream.destroy(new Error('gone'))
  writer.close()
  expect(writer.write({ interfaceId: 0, at: 1n, frame: new Uint8Array(14) })).toBe(false)
})
