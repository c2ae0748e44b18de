/**
 * What all clients of a server together have half sent: one message is limited by itself
 * (framer.ts), a thousand clients with one each are not. Over the limit whoever holds most is cut off.
 * Neighbours: session.ts tells what it holds, server.ts has one of these.
 */
import { ovsdbError } from './error.ts'

/** Whose bytes are held. */
export interface Holder {
  close(reason: Error): void
}

export interface Buffers {
  /** A client holds so many bytes now; 0: nothing, or it has left. */
  hold(holder: Holder, bytes: number): void
}

export function makeBuffers(maxBytes: number): Buffers {
  const held = new Map<Holder, number>()
  let total = 0
  function set(holder: Holder, bytes: number): void {
    total += bytes - (held.get(holder) ?? 0)
    if (bytes === 0) held.delete(holder)
    else held.set(holder, bytes)
  }
  return {
    hold(holder, bytes) {
      set(holder, bytes)
      while (total > maxBytes) {
        const [largest, most] = [...held].reduce((a, b) => (b[1] > a[1] ? b : a))
        set(largest, 0)
        const details = `clients have half sent over ${maxBytes} bytes together, this one ${most}`
        largest.close(ovsdbError('resources exhausted', details))
      }
    },
  }
}
