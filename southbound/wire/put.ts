/** Appends a struct, or one number, to a writer. Neighbours: writer.ts, struct.ts. */
import { check, type Field, type Struct } from './struct.ts'
import type { Writer } from './writer.ts'

/**
 * Writes `value` into `size` new zero bytes. Not `write(writer.bytes, writer.reserve(size), value)`: that
 * takes the buffer before it grows, and the value is lost with it.
 */
export function put<T>(
  writer: Writer,
  size: number,
  write: (bytes: Uint8Array, at: number, value: T) => void,
  value: T,
): void {
  const at = writer.reserve(size)
  write(writer.bytes, at, value)
}

/**
 * Appends a number as the struct that has nothing else. @throws RangeError naming `what` for a number
 * that it cannot hold
 */
export function putNumber<T extends number | bigint>(
  writer: Writer,
  { size, fields, set }: Struct<{ readonly value: Field<T> }>,
  what: string,
  value: T,
): void {
  check(what, fields.value, value)
  put(writer, size, set.value as (bytes: Uint8Array, at: number, value: T) => void, value)
}
