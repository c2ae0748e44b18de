/**
 * The last transactions of a database, so that a client that was away for a moment asks for what it
 * missed instead of for everything (`monitor_cond_since`, ovsdb-server(7)).
 *
 * Bounded by transactions, row changes and what only they still hold; whoever asks for more is given the whole database.
 * Ids are of one life of the server: after a restart ephemeral columns are empty again, which no
 * transaction tells. Neighbours: database.ts keeps it, session-monitors.ts asks.
 */
import type { AnyChange } from './apply.ts'
import { weightOf } from './weight.ts'

export interface HistoryLimits {
  /** Transactions kept; 0 = none; default 1,000. */
  maxTransactions: number
  /** Row changes kept, over all transactions; default 20,000. */
  maxChanges: number
  /** Elements of values that were replaced, and 16 characters of text each as one; default 1 million. */
  maxWeight: number
}

export const defaultHistoryLimits: HistoryLimits = {
  maxTransactions: 1000,
  maxChanges: 20_000,
  maxWeight: 1_000_000,
}

export interface History {
  /** Of the newest transaction; of the empty database at first. A uuid. */
  readonly lastId: string
  push(id: string, changes: readonly AnyChange[]): void
  /** All that changed after the transaction, row by row; undefined when that is not known. */
  since(id: string): AnyChange[] | undefined
}

export function makeHistory(firstId: string, limits: Partial<HistoryLimits> = {}): History {
  const { maxTransactions, maxChanges, maxWeight } = { ...defaultHistoryLimits, ...limits }
  // In order of commits. `known` is the id before the oldest: from there on all is kept.
  const kept = new Map<string, { changes: readonly AnyChange[]; weight: number }>()
  let known = firstId
  let lastId = firstId
  let size = 0
  let total = 0
  return {
    get lastId() {
      return lastId
    },
    push(id, changes) {
      const weight = changes.reduce((sum, change) => sum + replacedWeight(change), 0)
      kept.set(id, { changes, weight })
      lastId = id
      size += changes.length
      total += weight
      for (const [oldest, dropped] of kept) {
        if (kept.size <= maxTransactions && size <= maxChanges && total <= maxWeight) break
        kept.delete(oldest)
        known = oldest
        size -= dropped.changes.length
        total -= dropped.weight
      }
    },
    since(id) {
      if (id === lastId) return []
      if (id !== known && !kept.has(id)) return undefined
      const merged = makeMerge()
      let after = id === known
      for (const [at, { changes }] of kept) {
        if (after) merged.add(changes)
        else after = at === id
      }
      return merged.take()
    },
  }
}

/** Of the values that the row has no more; the others it shares with what is there. */
function replacedWeight({ before, after }: AnyChange): number {
  let weight = 0
  for (const name in before) {
    if (before[name] !== after?.[name]) weight += weightOf(before[name])
  }
  return weight
}

/** Several commits as one: per row the first before and the last after. */
export interface Merge {
  readonly isEmpty: boolean
  add(changes: readonly AnyChange[]): void
  /** What there is, in order of first change; the merge is empty afterwards. */
  take(): AnyChange[]
}

export function makeMerge(): Merge {
  const tables = new Map<string, Map<string, AnyChange>>()
  return {
    get isEmpty() {
      return tables.size === 0
    },
    add(changes) {
      for (const change of changes) {
        let rows = tables.get(change.table)
        if (!rows) {
          rows = new Map()
          tables.set(change.table, rows)
        }
        const earlier = rows.get(change.uuid)
        const before = earlier ? earlier.before : change.before
        if (!before && !change.after) rows.delete(change.uuid)
        else rows.set(change.uuid, earlier ? { ...change, before } : change)
      }
    },
    take() {
      const all = [...tables.values()].flatMap((rows) => [...rows.values()])
      tables.clear()
      return all
    },
  }
}
