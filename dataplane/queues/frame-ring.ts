/**
 * Frames that wait, first in, first out, in one array of bytes that is used in a circle: keeping a
 * frame copies it and allocates nothing, but where the ring grows (twice the size, up to its bound).
 * A ring that was large and is empty gives its memory back.
 * Neighbours: shaper.ts has one for each queue.
 */

export interface FrameRing {
  readonly frames: number
  /** Bytes of the frames in it. */
  readonly size: number
  /** Keeps a copy of bytes[start, end); false = there is no room. */
  push(bytes: Uint8Array, start: number, end: number): boolean
  /** The oldest frame is bytes[start, end): there is one, and it stays until shift(). */
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  shift(): void
}

const SMALL = 16_384
/** Of any array of bytes, without a view: see packet.ts. */
const { copy: copyBytes } = Buffer.prototype
const NOTHING = new Uint8Array(0)

export function frameRing(maxFrames: number, maxBytes: number): FrameRing {
  let bytes = NOTHING
  let starts = new Int32Array(0)
  let ends = starts
  /** Index of the oldest in starts and ends; the others follow in a circle. */
  let first = 0
  let frames = 0
  let size = 0
  /** End of the newest. */
  let tail = 0

  /** Where so many bytes fit in one piece; -1 = nowhere. */
  const place = (length: number): number => {
    if (frames === 0) return length <= bytes.length ? 0 : -1
    const head = starts[first]!
    if (tail <= head) return head - tail >= length ? tail : -1
    if (bytes.length - tail >= length) return tail
    return head >= length ? 0 : -1
  }

  const grow = (length: number): boolean => {
    const wanted = Math.max(SMALL, 2 * bytes.length, size + length)
    const room = Math.min(wanted, maxBytes)
    if (room <= bytes.length || room < size + length) return false
    const next = new Uint8Array(room)
    let at = 0
    for (let i = 0; i < frames; i++) {
      const slot = (first + i) % maxFrames
      next.set(bytes.subarray(starts[slot]!, ends[slot]!), at)
      const taken = ends[slot]! - starts[slot]!
      starts[slot] = at
      at += taken
      ends[slot] = at
    }
    tail = at
    bytes = next
    return true
  }

  return {
    get frames() {
      return frames
    },
    get size() {
      return size
    },
    get bytes() {
      return bytes
    },
    get start() {
      return starts[first]!
    },
    get end() {
      return ends[first]!
    },
    push(from, start, end) {
      const length = end - start
      if (frames === maxFrames) return false
      let at = place(length)
      if (at < 0) {
        if (!grow(length)) return false
        at = tail
      }
      if (starts.length === 0) {
        starts = new Int32Array(maxFrames)
        ends = new Int32Array(maxFrames)
      }
      const slot = (first + frames) % maxFrames
      copyBytes.call(from, bytes, at, start, end)
      starts[slot] = at
      tail = at + length
      ends[slot] = tail
      frames++
      size += length
      return true
    },
    shift() {
      size -= ends[first]! - starts[first]!
      first = (first + 1) % maxFrames
      frames--
      if (frames > 0) return
      tail = 0
      if (bytes.length > SMALL) bytes = NOTHING
    },
  }
}
