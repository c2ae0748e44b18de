/**
 * What all clients of a server together make it keep: messages half sent, answers unread. One client is
 * limited by itself (framer.ts, json-rpc.ts), a thousand clients are not. Over the limit whoever
 * holds most is cut off. Neighbours: session.ts tells what it holds, server.ts has one of each.
 */
import { ovsdbError } from './error.ts'

/** Whose bytes are held. */
export interface Holder {
  close(reason: Error): void
  /** What it holds by now, where that may be less than it told last. */
  heldBytes?(): number
}

export interface Buffers {
  /** A client holds so many bytes now; 0: nothing, or it has left. */
  hold(holder: Holder, bytes: number): void
}

/** `what` the clients have done with their bytes, as the reason says it. */
export function makeBuffers(maxBytes: number, what: string): Buffers {
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
      if (total <= maxBytes) return
      for (const [one, told] of [...held]) set(one, one.heldBytes?.() ?? told)
      while (total > maxBytes) {
        const [largest, most] = [...held].reduce((a, b) => (b[1] > a[1] ? b : a))
        set(largest, 0)
        const details = `clients have ${what} over ${maxBytes} bytes together, this one ${most}`
        largest.close(ovsdbError('resources exhausted', details))
      }
    },
  }
}
