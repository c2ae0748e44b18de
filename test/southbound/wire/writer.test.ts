import { expect, test } from 'vitest'
import { Writer } from '../../../southbound/wire/writer.ts'

const write = (writer: Writer, size: number, byte: number): void => {
  const at = writer.claim(size)
  writer.bytes.fill(byte, at, at + size)
}
const value = (writer: Writer, size: number, byte: number): Uint8Array => {
  writer.begin()
  write(writer, size, byte)
  return writer.take()
}

test('what was taken from an arena stays as it was, whatever is written later', () => {
  const writer = new Writer(8)
  const sizes = Array.from({ length: 3000 }, (_, i) => (i % 100 === 99 ? 70_000 : i % 60))
  const taken = sizes.map((size, i) => value(writer, size, i & 255))
  taken.forEach((bytes, i) => {
    expect(bytes.length).toBe(sizes[i])
    expect(bytes.every((byte) => byte === (i & 255))).toBe(true)
  })
})

test('a value that was given up leaves nothing behind, not even in reserved bytes', () => {
  const writer = new Writer(8)
  const before = value(writer, 4, 1)
  writer.begin()
  write(writer, 100, 7)
  writer.begin()
  writer.reserve(40)
  write(writer, 3, 2)
  writer.align(writer.length - 3, 8)
  expect([...writer.take()]).toEqual([...Array(40).fill(0), 2, 2, 2, 0, 0, 0, 0, 0])
  expect([...before]).toEqual([1, 1, 1, 1])
})
