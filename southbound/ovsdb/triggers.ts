/**
 * The transactions of one client that wait: each is tried again after every commit, until it is
 * done, its time is over, or the client cancels it or leaves (RFC 7047 §4.1.3, §4.1.4, §5.2.6).
 *
 * Neighbours: session.ts owns one, database.ts runs the transactions.
 */
import type { Clock } from '../wire/clock.ts'
import { type Attempt, type Database, resultArray } from './database.ts'
import { ovsdbError } from './error.ts'
import type { Call } from './json-rpc.ts'
import type { Quota } from './quota.ts'
import { jsonKey } from './session-monitors.ts'

export interface Triggers {
  /** Replies now, or later. Throws OvsdbError when too many wait. */
  transact(database: Database, operations: readonly unknown[], call: Call): void
  /** Tries all again; after a commit. */
  retry(): void
  /** Ends those with this request id, 'canceled'. */
  cancel(id: unknown): void
  /** Ends those on a database whose schema is another now, 'canceled'. */
  drop(database: Database): void
  /** Ends all without a reply. */
  close(): void
}

interface Waiting {
  readonly call: Call
  readonly database: Database
  readonly operations: readonly unknown[]
  readonly beganMs: number
  cancelTimer: () => void
  /** What it took of the quota. */
  cost: number
}
/** What a row that is looked at again after each commit costs, in bytes of requests. */
const BYTES_PER_ROW = 16

export interface TriggerOptions {
  holds(lock: string): boolean
  /** Called before a reply goes out, so that no update of an earlier commit is behind it. */
  beforeReply(): void
  max: number
  quota: Quota
  readonly clock: Clock
  /** Runs what a timer asks for; what goes wrong ends the session. */
  guarded(work: () => void): void
}

export function makeTriggers(options: TriggerOptions): Triggers {
  const { holds, beforeReply, max, quota, clock, guarded } = options
  const waiting = new Set<Waiting>()

  /** Undefined when it has been replied to. */
  function run(entry: Waiting): (Attempt & { kind: 'blocked' }) | undefined {
    const { call, database, operations, beganMs } = entry
    entry.cancelTimer()
    const elapsedMs = Math.floor(clock.now() - beganMs)
    const attempt = database.attempt(operations, { holds, elapsedMs })
    if (attempt.kind !== 'blocked') {
      remove(entry)
      beforeReply()
      call.reply(resultArray(attempt, operations.length))
      return undefined
    }
    arm(entry, attempt, elapsedMs)
    return attempt
  }

  function arm(entry: Waiting, { timeoutMs }: Attempt & { kind: 'blocked' }, elapsedMs: number) {
    if (timeoutMs === undefined) return
    // A timer takes 31 bits; whoever waits longer than these 24 days is tried again then.
    const leftMs = Math.min(timeoutMs - elapsedMs, 2 ** 31 - 1)
    entry.cancelTimer = clock.after(leftMs, () => guarded(() => run(entry)))
  }

  function remove(entry: Waiting): void {
    if (waiting.delete(entry)) quota.give(entry.cost)
  }

  function end(entry: Waiting): void {
    entry.cancelTimer()
    remove(entry)
    entry.call.fail('canceled')
  }

  return {
    transact(database, operations, call) {
      const beganMs = clock.now()
      const entry: Waiting = {
        ...{ call, database, operations, beganMs, cost: 0 },
        cancelTimer: () => {},
      }
      const blocked = run(entry)
      if (!blocked) return
      try {
        if (waiting.size >= max) {
          throw ovsdbError('resources exhausted', `over ${max} transactions wait`)
        }
        const cost = call.bytes + blocked.work * BYTES_PER_ROW
        quota.take(cost)
        entry.cost = cost
      } catch (error) {
        entry.cancelTimer()
        throw error
      }
      waiting.add(entry)
    },
    retry() {
      for (const entry of [...waiting]) if (waiting.has(entry)) run(entry)
    },
    cancel(id) {
      const key = jsonKey(id)
      for (const entry of [...waiting]) if (jsonKey(entry.call.id) === key) end(entry)
    },
    drop(database) {
      for (const entry of [...waiting]) if (entry.database === database) end(entry)
    },
    close() {
      for (const entry of waiting) entry.cancelTimer()
      waiting.clear()
    },
  }
}
