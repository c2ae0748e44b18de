/**
 * The transactions of one client that wait: each is tried again after every commit, until it is
 * done, its time is over, or the client cancels it or leaves (RFC 7047 §4.1.3, §4.1.4, §5.2.6).
 *
 * Neighbours: session.ts owns one, database.ts runs the transactions.
 */
import { type Attempt, type Database, resultArray } from './database.ts'
import { ovsdbError } from './error.ts'
import type { Call } from './json-rpc.ts'
import { jsonKey } from './session-monitors.ts'

export interface Triggers {
  /** Replies now, or later. Throws OvsdbError when too many wait. */
  transact(database: Database, operations: readonly unknown[], call: Call): void
  /** Tries all again; after a commit. */
  retry(): void
  /** Ends those with this request id, 'canceled'. */
  cancel(id: unknown): void
  /** Ends all without a reply. */
  close(): void
}

interface Waiting {
  readonly call: Call
  readonly database: Database
  readonly operations: readonly unknown[]
  /** On `now`'s clock. */
  readonly beganMs: number
  timer: NodeJS.Timeout | undefined
}

export interface TriggerOptions {
  holds(lock: string): boolean
  /** Called before a reply goes out, so that no update of an earlier commit is behind it. */
  beforeReply(): void
  max: number
  /** Milliseconds, monotonic. */
  now(): number
}

export function makeTriggers({ holds, beforeReply, max, now }: TriggerOptions): Triggers {
  const waiting = new Set<Waiting>()

  /** True when it has been replied to. */
  function run(entry: Waiting): boolean {
    const { call, database, operations, beganMs } = entry
    clearTimeout(entry.timer)
    const elapsedMs = Math.floor(now() - beganMs)
    const attempt = database.attempt(operations, { holds, elapsedMs })
    if (attempt.kind !== 'blocked') {
      waiting.delete(entry)
      beforeReply()
      call.reply(resultArray(attempt, operations.length))
      return true
    }
    arm(entry, attempt, elapsedMs)
    return false
  }

  function arm(entry: Waiting, { timeoutMs }: Attempt & { kind: 'blocked' }, elapsedMs: number) {
    if (timeoutMs === undefined) return
    // setTimeout takes 31 bits; whoever waits longer than these 24 days is tried again then.
    const leftMs = Math.min(timeoutMs - elapsedMs, 2 ** 31 - 1)
    entry.timer = setTimeout(() => run(entry), leftMs)
  }

  return {
    transact(database, operations, call) {
      const entry = { call, database, operations, beganMs: now(), timer: undefined }
      if (run(entry)) return
      if (waiting.size >= max) {
        clearTimeout(entry.timer)
        throw ovsdbError('resources exhausted', `over ${max} transactions wait`)
      }
      waiting.add(entry)
    },
    retry() {
      for (const entry of [...waiting]) if (waiting.has(entry)) run(entry)
    },
    cancel(id) {
      for (const entry of [...waiting]) {
        if (jsonKey(entry.call.id) !== jsonKey(id)) continue
        clearTimeout(entry.timer)
        waiting.delete(entry)
        entry.call.fail('canceled')
      }
    },
    close() {
      for (const entry of waiting) clearTimeout(entry.timer)
      waiting.clear()
    },
  }
}
