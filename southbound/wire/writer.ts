/**
 * Writer: a growing byte buffer that encoders append to and patch lengths in. Reused between
 * messages, so that encoding allocates only the result. Neighbours: record.ts.
 */

const SLAB_BYTES = 64 * 1024

export class Writer {
  /** The buffer; only the first `length` bytes are written. Replaced when it grows. */
  bytes: Uint8Array
  /** Bytes written so far. */
  length = 0
  #slab = new Uint8Array(0)
  #slabUsed = 0

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

  /**
   * A copy of what was written since `start`. Small copies are cut from one shared buffer: a buffer of
   * its own would cost each of a site's million flows twice 200 bytes.
   */
  copy(start = 0): Uint8Array {
    const size = this.length - start
    if (size > SLAB_BYTES / 64) return this.bytes.slice(start, this.length)
    if (this.#slabUsed + size > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES)
      this.#slabUsed = 0
    }
    const copy = new Uint8Array(this.#slab.buffer, this.#slabUsed, size)
    // A view to copy from costs as much as some 50 bytes in a loop.
    const from = this.bytes
    if (size <= 48) for (let i = 0; i < size; i++) copy[i] = from[start + i] as number
    else copy.set(from.subarray(start, this.length))
    this.#slabUsed += size
    return copy
  }
}
