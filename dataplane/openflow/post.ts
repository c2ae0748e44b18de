/**
 * What a session sends, and how much of it the controller has not read: what nobody waits for
 * (packet-ins, monitor updates) is held back or dropped before it fills memory.
 * Neighbours: agent.ts makes one, flow-monitors.ts asks.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import type { Body } from '../../southbound/openflow/message.ts'

const NOTHING = new Uint8Array(0)

export type Send = (message: Body & { readonly xid?: number }) => void

export interface Post {
  /** `size`: bytes at least, counted as unread until the controller has taken everything. */
  send(message: Body & { readonly xid?: number }, size: number): void
  readonly unread: number
}

/** `caughtUp` is called when everything counted was read. */
export function post(connection: Connection, caughtUp: () => void): Post {
  let unread = 0
  let waits = false
  const wait = async () => {
    waits = true
    for (let before = -1; before !== unread; ) {
      before = unread
      // Once for what is gathered to be written, once for the peer to take it.
      await connection.send(NOTHING)
      await connection.send(NOTHING)
    }
    waits = false
    unread = 0
    caughtUp()
  }
  return {
    get unread() {
      return unread
    },
    send(message, size) {
      unread += size
      void connection.send(message)
      if (!waits && size > 0) void wait()
    },
  }
}
