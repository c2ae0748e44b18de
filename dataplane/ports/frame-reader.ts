/**
 * Frames out of a stream of bytes, in which each stands behind its length. Neighbours: stream.ts.
 */
import { type FrameListener, LARGEST_FRAME } from './frame-port.ts'

/** Bytes of the length in front of a frame, big-endian. */
export const LENGTH_SIZE = 2

/** Cuts a stream into frames, whatever its pieces; `waiting`: bytes of one that is not whole yet. */
export function frameReader(receive: FrameListener): {
  push: (piece: Uint8Array) => void
  readonly waiting: number
} {
  const partial = new Uint8Array(LENGTH_SIZE + LARGEST_FRAME)
  let waiting = 0
  const sizeAt = (bytes: Uint8Array, at: number) => LENGTH_SIZE + bytes[at]! * 256 + bytes[at + 1]!
  return {
    get waiting() {
      return waiting
    },
    push(piece) {
      let at = 0
      const keep = (count: number) => {
        const taken = Math.min(count, piece.length - at)
        partial.set(piece.subarray(at, at + taken), waiting)
        waiting += taken
        at += taken
      }
      while (at < piece.length) {
        if (waiting === 0 && piece.length - at >= LENGTH_SIZE) {
          const size = sizeAt(piece, at)
          if (piece.length - at >= size) {
            receive(piece, at + LENGTH_SIZE, at + size)
            at += size
            continue
          }
        }
        if (waiting < LENGTH_SIZE) keep(LENGTH_SIZE - waiting)
        if (waiting < LENGTH_SIZE) return
        keep(sizeAt(partial, 0) - waiting)
        const size = sizeAt(partial, 0)
        if (waiting < size) return
        waiting = 0
        receive(partial, LENGTH_SIZE, size)
      }
    },
  }
}
