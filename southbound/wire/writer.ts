/**
 * Writer: a growing byte buffer that encoders append to and patch lengths in. Either for one value
 * after another (`length = 0` before each), or an arena: values are written behind each other and
 * taken where they stand, which copies nothing. Neighbours: record.ts.
 */

const ARENA_BYTES = 64 * 1024
/** Larger values are taken as a copy. */
const LARGE_BYTES = 1024

export class Writer {
  /** The buffer; only the first `length` bytes are written. Replaced when it grows. */
  bytes: Uint8Array
  /** Bytes written so far. */
  length = 0
  /** Of `bytes`, which would answer slowly. */
  #buffer: ArrayBufferLike
  /** Bytes that were taken: they are not written again. */
  #taken = 0

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity)
    this.#buffer = this.bytes.buffer
  }

  /** Appends `size` bytes, every one of which the caller writes; returns the offset of the first. */
  claim(size: number): number {
    const at = this.length
    const end = at + size
    if (end > this.bytes.length) this.#move(Math.max(end, 2 * this.bytes.length))
    this.length = end
    return at
  }

  /** Appends `size` zero bytes and returns the offset of the first. */
  reserve(size: number): number {
    const at = this.claim(size)
    const { bytes } = this
    if (size > 32) bytes.fill(0, at, at + size)
    else for (let i = at; i < at + size; i++) bytes[i] = 0
    return at
  }

  append(bytes: Uint8Array): void {
    const size = bytes.length
    const at = this.claim(size)
    const to = this.bytes
    if (size > 16) to.set(bytes, at)
    else for (let i = 0; i < size; i++) to[at + i] = bytes[i] as number
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

  /** A copy of what was written. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.length)
  }

  /** Starts a value in an arena: behind what was taken, over what was begun and given up. */
  begin(): void {
    this.length = this.#taken
    if (this.length + LARGE_BYTES > ARENA_BYTES || this.bytes.length > ARENA_BYTES) {
      this.#taken = 0
      this.length = 0
      this.#move(ARENA_BYTES)
    }
  }

  /**
   * What was written since begin(). Small values share a buffer: one of its own would cost each of a
   * site's million flows twice 200 bytes.
   */
  take(): Uint8Array {
    const start = this.#taken
    const size = this.length - start
    // Negated, so that a length that is no number (a caller's error) leaves the arena as it was.
    if (!(size <= LARGE_BYTES)) return this.bytes.slice(start, this.length)
    this.#taken = this.length
    return new Uint8Array(this.#buffer, start, size)
  }

  /** Moves what was written to a buffer of its own. */
  #move(size: number): void {
    const from = this.bytes
    this.bytes = new Uint8Array(size)
    this.#buffer = this.bytes.buffer
    this.bytes.set(from.subarray(0, this.length))
  }
}
