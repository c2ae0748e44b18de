/**
 * Runs the operations of one transaction on a draft (RFC 7047 §4.1.3, §5.2).
 *
 * Each operation is a row of one table: its members with their types, whether it writes, and what it
 * does. Adding an operation is adding a row. Neighbours: transaction-operation.ts does the work,
 * commit.ts comes after, database.ts above.
 */
import { isId, type Names } from './atom.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import { show } from './json.ts'
import type { Draft } from './table.ts'
import * as run from './transaction-operation.ts'

/** What the transaction may know of the world. */
export interface TransactionContext {
  newUuid(): string
  /** Whether whoever asked holds the lock. */
  holds(lock: string): boolean
  /** Since the transaction was asked for: a `wait` measures its timeout by this. */
  readonly elapsedMs: number
  /** Set for a database that clients may only read: its name. */
  readonly reserved?: string | undefined
}

/** `<result>` of one operation, wire form. */
export type WireResult = Readonly<Record<string, unknown>>

/** The draft is ready to commit, refused, or waits for another transaction. */
export type Outcome =
  | {
      readonly kind: 'done'
      readonly results: WireResult[]
      /** Whether a commit operation asks to be on the disk before the reply. */
      readonly durable: boolean
      readonly comments: readonly string[]
    }
  | { readonly kind: 'failed'; readonly results: WireResult[]; readonly error: OvsdbError }
  | {
      readonly kind: 'blocked'
      /** Of the operations before the wait. */
      readonly results: WireResult[]
      /** From the request on; undefined = for ever. */
      readonly timeoutMs: number | undefined
    }

/** The members of an operation; their types have been checked. */
export type Members = Readonly<Record<string, unknown>>

/** One transaction under way. */
export interface Run {
  readonly draft: Draft
  readonly context: TransactionContext
  readonly names: Names
  /** By uuid-name: referred to, or inserted already. */
  readonly named: Map<string, { uuid: string; inserted: boolean }>
  readonly comments: string[]
  durable: boolean
}

export interface Blocked {
  readonly blocked: true
  readonly timeoutMs: number | undefined
}

const types = {
  id: isId,
  string: (value: unknown) => typeof value === 'string',
  boolean: (value: unknown) => typeof value === 'boolean',
  number: (value: unknown) => typeof value === 'number' || typeof value === 'bigint',
  array: Array.isArray,
  object: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
}
type MemberType = keyof typeof types | `${keyof typeof types}?`

interface OperationRow {
  /** A trailing question mark: may be absent. */
  readonly members: Readonly<Record<string, MemberType>>
  readonly writes?: boolean
  run(run: Run, members: Members): WireResult | Blocked
}

const operations: Readonly<Record<string, OperationRow>> = {
  insert: {
    members: { table: 'id', row: 'object', 'uuid-name': 'id?', uuid: 'string?' },
    writes: true,
    run: run.insert,
  },
  select: { members: { table: 'id', where: 'array', columns: 'array?' }, run: run.select },
  update: {
    members: { table: 'id', where: 'array', row: 'object' },
    writes: true,
    run: run.update,
  },
  mutate: {
    members: { table: 'id', where: 'array', mutations: 'array' },
    writes: true,
    run: run.mutate,
  },
  delete: { members: { table: 'id', where: 'array' }, writes: true, run: run.remove },
  wait: {
    members: {
      table: 'id',
      where: 'array',
      until: 'string',
      rows: 'array',
      columns: 'array?',
      timeout: 'number?',
    },
    run: run.wait,
  },
  commit: { members: { durable: 'boolean' }, run: run.commit },
  abort: { members: {}, run: run.abort },
  comment: { members: { comment: 'string' }, run: run.comment },
  assert: { members: { lock: 'id' }, run: run.assert },
}

/** Fills the draft. What it throws is a programmer's error; a refused operation is an outcome. */
export function runOperations(
  draft: Draft,
  list: readonly unknown[],
  context: TransactionContext,
): Outcome {
  const named: Run['named'] = new Map()
  const names: Names = (name) => {
    const known = named.get(name) ?? { uuid: context.newUuid(), inserted: false }
    named.set(name, known)
    return known.uuid
  }
  const current: Run = { draft, context, names, named, comments: [], durable: false }
  const results: WireResult[] = []
  for (const operation of list) {
    try {
      const result = runOne(current, operation)
      if ('blocked' in result) {
        return { kind: 'blocked', results, timeoutMs: (result as Blocked).timeoutMs }
      }
      results.push(result)
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      // Whoever asks for too much is not sent what there was until then.
      const isTooMuch = error.tag === 'resources exhausted'
      return { kind: 'failed', results: isTooMuch ? results.map(() => ({})) : results, error }
    }
  }
  const { durable, comments } = current
  return { kind: 'done', results, durable, comments }
}

function runOne(current: Run, operation: unknown): WireResult | Blocked {
  if (!types.object(operation)) {
    throw ovsdbError('syntax error', 'Parsing ovsdb operation failed: Object expected.')
  }
  const { op, ...members } = operation as Members
  const row = typeof op === 'string' && Object.hasOwn(operations, op) ? operations[op] : undefined
  if (!row) throw ovsdbError('syntax error', `No operation ${show(op)}`)
  checkMembers(row, members)
  const result = row.run(current, members)
  const { reserved } = current.context
  if (row.writes && reserved !== undefined) {
    const details = `${op} operation not allowed on table in reserved database ${reserved}`
    throw ovsdbError('not allowed', details)
  }
  return result
}

function checkMembers(row: OperationRow, members: Members): void {
  for (const [name, type] of Object.entries(row.members)) {
    const value = Object.hasOwn(members, name) ? members[name] : undefined
    if (value === undefined) {
      if (type.endsWith('?')) continue
      throw ovsdbError('syntax error', `Required '${name}' member is missing.`)
    }
    if (types[type.replace('?', '') as keyof typeof types](value)) continue
    throw ovsdbError('syntax error', `Type mismatch for member '${name}'.`)
  }
  for (const name of Object.keys(members)) {
    if (Object.hasOwn(row.members, name)) continue
    throw ovsdbError('syntax error', `Member '${name}' is present but not allowed here.`)
  }
}
