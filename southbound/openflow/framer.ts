/**
 * Framer: cuts a byte stream into messages by the length in their header, without copying where a
 * message lies whole in one chunk. Holds at most one message. Neighbours: connection.ts.
 */
import { WireError } from '../wire/error.ts'

const HEADER = 8
/** OpenFlow 1.0 to 1.5 are 1 to 6; anything else is no OpenFlow and its length means nothing. */
const LAST_VERSION = 6
/** Types of hello and error, the first messages that make sense. */
const LAST_FIRST = 1
/** Pieces of one message kept apart before they are joined: a byte in a piece of its own costs 100. */
const MAX_PIECES = 256

export class Framer {
  /** Before versions are agreed on: a hello or an error of any version comes through, nothing else. */
  isFirst = true
  #chunks: Uint8Array[] = []
  #size = 0

  /**
   * Calls `onMessage` for each whole message; it may return false to stop. The bytes are views.
   * WireError on a version or length that no message has.
   */
  push(
    chunk: Uint8Array,
    onMessage: (bytes: Uint8Array, start: number, end: number) => boolean,
  ): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    // Joined when the message is whole: bytes are copied once, unless they trickle in.
    const head = this.#chunks[0] as Uint8Array
    if (head !== chunk && this.#size < HEADER) return
    if (head !== chunk && head.length >= 4 && this.#size < lengthAt(head, 0)) {
      if (this.#chunks.length === MAX_PIECES) this.#chunks = [Buffer.concat(this.#chunks)]
      return
    }
    const joined = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    // A plain Uint8Array: slice() of a Buffer would not copy.
    const bytes = new Uint8Array(joined.buffer, joined.byteOffset, joined.length)
    let at = 0
    this.#check(bytes[0] as number, bytes[1])
    while (bytes.length - at >= HEADER) {
      const length = lengthAt(bytes, at)
      if (length < HEADER) throw new WireError(`message of ${length} bytes`, at + 2)
      if (bytes.length - at < length) break
      if (!onMessage(bytes, at, at + length)) return this.clear()
      at += length
    }
    this.#size = bytes.length - at
    this.#chunks = this.#size > 0 ? [bytes.subarray(at)] : []
  }

  /** Noise would be waited for to the end of the message that it seems to begin. */
  #check(version: number, code: number | undefined): void {
    if (version === 0 || (version > LAST_VERSION && (!this.isFirst || (code ?? 0) > LAST_FIRST))) {
      throw new WireError(`version ${version}`, 0)
    }
  }

  clear(): void {
    this.#chunks = []
    this.#size = 0
  }
}

const lengthAt = (b: Uint8Array, at: number) => ((b[at + 2] as number) << 8) | (b[at + 3] as number)
