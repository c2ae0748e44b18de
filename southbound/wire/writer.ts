/**
 * Writer: a growing byte buffer that encoders append to and patch lengths in. Reused between
 * messages, so that encoding allocates only the result. Neighbours: record.ts.
 */

export class Writer {
  /** The buffer; only the first `length` bytes are written. Replaced when it grows. */
  bytes: Uint8Array
  /** Bytes written so far. */
  length = 0

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity)
  }

  /** Appends `size` zero bytes and returns the offset of the first. */
  reserve(size: number): number {
    const at = this.length
    const end = at + size
    if (end > this.bytes.length) {
      const bigger = new Uint8Array(Math.max(end, 2 * this.bytes.length))
      bigger.set(this.bytes.subarray(0, at))
      this.bytes = bigger
    } else if (size <= 16) {
      for (let i = at; i < end; i++) this.bytes[i] = 0
    } else {
      this.bytes.fill(0, at, end)
    }
    this.length = end
    return at
  }

  append(bytes: Uint8Array): void {
    const size = bytes.length
    const at = this.reserve(size)
    if (size <= 64) for (let i = 0; i < size; i++) this.bytes[at + i] = bytes[i] as number
    else this.bytes.set(bytes, at)
  }

  /** Appends zeros until the length since `start` is a multiple of `align`. */
  align(start: number, align: number): void {
    const over = (this.length - start) % align
    if (over !== 0) this.reserve(align - over)
  }

  /** Writes a big-endian u16 at an offset that is already written. */
  patch16(at: number, value: number): void {
    this.bytes[at] = value >>> 8
    this.bytes[at + 1] = value
  }

  /** A copy of what was written since `start`. */
  copy(start = 0): Uint8Array {
    return this.bytes.slice(start, this.length)
  }
}
