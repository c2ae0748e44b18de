/**
 * An OVSDB server in memory (RFC 7047): the database of a switch of ours, and the other end of
 * every test of the client.
 *
 *   const server = new OvsdbServer(openVSwitch)
 *   server.transact([insert('Open_vSwitch', {})])
 *   server.onCommit((changes) => { … })           // in process, typed by the schema
 *   net.createServer((socket) => server.accept(socket)).listen(path)
 *
 * Whoever owns the server uses it directly, and clients come over any Duplex, accepted or dialled.
 * Neighbours: database.ts holds the rows, session.ts speaks to one client.
 */
import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { type Attempt, Database } from './database.ts'
import { ovsdbError } from './error.ts'
import type { JsonRpcOptions } from './json-rpc.ts'
import { makeLocks } from './locks.ts'
import type { Operation, OperationResult } from './operation.ts'
import { readResults } from './result.ts'
import type { DatabaseSchema, Row, TableName } from './schema.ts'
import { openSession, type Session } from './session.ts'

/** One row before and after a commit; before undefined: inserted, after undefined: deleted. */
export type Change<S extends DatabaseSchema = DatabaseSchema> = {
  readonly [T in TableName<S>]: {
    readonly table: T
    readonly uuid: string
    readonly before: Row<S, T> | undefined
    readonly after: Row<S, T> | undefined
  }
}[TableName<S>]

export interface ServerOptions extends JsonRpcOptions {
  /** Of the database; default: the schema's. */
  name?: string
  /** Default: crypto.randomUUID. */
  newUuid?: () => string
}

/** A connected client: `closed` resolves with the reason, undefined for a good end. */
export type ServerSession = Pick<Session, 'closed' | 'close'>

export class OvsdbServer<S extends DatabaseSchema = DatabaseSchema> {
  readonly #database: Database
  readonly #sessions = new Set<Session>()
  readonly #locks = makeLocks()
  readonly #options: JsonRpcOptions
  readonly #serverId: string
  #retrying = false
  #closed = false

  constructor(schema: S, { name, newUuid = randomUUID, ...options }: ServerOptions = {}) {
    this.#database = new Database(schema, { newUuid, ...(name === undefined ? {} : { name }) })
    this.#options = options
    this.#serverId = newUuid()
    this.#database.onCommit((changes) => {
      for (const session of this.#sessions) session.tell(this.#database, changes)
      this.#retryLater()
    })
  }

  /** Serves a client until it leaves; the duplex belongs to the session. */
  accept(duplex: Duplex): ServerSession {
    const databases = new Map([[this.#database.name, this.#database]])
    const host = { databases, locks: this.#locks, serverId: this.#serverId }
    const session = openSession(duplex, host, this.#options)
    if (this.#closed) session.close()
    this.#sessions.add(session)
    void session.closed.then(() => this.#sessions.delete(session))
    return session
  }

  /**
   * A transaction of the owner: committed, with clients and listeners told, when it returns (called
   * from a listener: told next). Throws OvsdbError and changes nothing when any operation fails; a
   * `wait` that does not hold fails at once, 'timed out'.
   */
  transact(operations: readonly Operation[]): OperationResult[] {
    const attempt: Attempt = this.#database.attempt(operations, () => false)
    if (attempt.kind === 'failed') throw attempt.error
    if (attempt.kind === 'blocked') throw ovsdbError('timed out', '"where" clause test failed')
    return readResults(attempt.results, operations.length)
  }

  /** Current rows by uuid; the map is live, the rows are frozen. */
  table<T extends TableName<S>>(name: T): ReadonlyMap<string, Row<S, T>> {
    // The rows were made by this very schema's codecs.
    return this.#database.rows(name) as unknown as ReadonlyMap<string, Row<S, T>>
  }

  /** Called after each commit with all of its changes, in commit order. Returns the undo. */
  onCommit(listener: (changes: readonly Change<S>[]) => void): () => void {
    return this.#database.onCommit((changes) => listener(changes as readonly Change<S>[]))
  }

  /** Ends all sessions; the rows stay readable. */
  close(): void {
    this.#closed = true
    for (const session of this.#sessions) session.close()
  }

  /** After the commit has been told to all, so that a reply never overtakes its own updates. */
  #retryLater(): void {
    if (this.#retrying) return
    this.#retrying = true
    queueMicrotask(() => {
      this.#retrying = false
      for (const session of [...this.#sessions]) session.retry()
    })
  }
}
