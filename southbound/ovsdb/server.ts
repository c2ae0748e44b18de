/**
 * An OVSDB server (RFC 7047), in memory or on a journal: the database of a switch of ours, any other
 * whose .ovsschema is at hand, and the other end of every test of the client.
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
import { type Attempt, Database, type DatabaseOptions, type Storage } from './database.ts'
import { ovsdbError } from './error.ts'
import type { HistoryLimits } from './history.ts'
import { makeLocks } from './locks.ts'
import type { Operation, OperationResult } from './operation.ts'
import { readResults } from './result.ts'
import type { DatabaseSchema, Row, TableName } from './schema.ts'
import { formatSchema } from './schema-json.ts'
import { serverSchema } from './schemas/server.ts'
import { openSession, type Session, type SessionOptions } from './session.ts'

/** One row before and after a commit; before undefined: inserted, after undefined: deleted. */
export type Change<S extends DatabaseSchema = DatabaseSchema> = {
  readonly [T in TableName<S>]: {
    readonly table: T
    readonly uuid: string
    readonly before: Row<S, T> | undefined
    readonly after: Row<S, T> | undefined
  }
}[TableName<S>]

export interface ServerOptions extends SessionOptions, Pick<DatabaseOptions, 'name' | 'newUuid'> {
  /** Where the database is kept, e.g. by openJournal; default: in memory only. */
  storage?: Storage
  /** What monitor_cond_since can look back to. */
  history?: Partial<HistoryLimits>
  /** Clients at once, more are cut off; default 1,000. */
  maxSessions?: number
}

/** A connected client: `closed` resolves with the reason, undefined for a good end. */
export type ServerSession = Pick<Session, 'closed' | 'close'>

/** Serves one database of its own, `_Server`, and those that are added. */
export class OvsdbServer<S extends DatabaseSchema = DatabaseSchema> {
  readonly #database: Database
  readonly #directory: Database
  readonly #databases = new Map<string, Database>()
  readonly #undo = new Map<Database, () => void>()
  readonly #sessions = new Set<Session>()
  readonly #locks = makeLocks()
  readonly #options: SessionOptions
  readonly #maxSessions: number
  readonly #serverId: string
  #retrying = false
  #closed = false

  /** Throws OvsdbError when what `storage` holds does not suit the schema. */
  constructor(schema: S, options: ServerOptions = {}) {
    const { name, newUuid = randomUUID, storage, history, maxSessions = 1000, ...rest } = options
    this.#options = rest
    this.#maxSessions = maxSessions
    this.#serverId = newUuid()
    this.#directory = new Database(serverSchema, { newUuid })
    this.#database = new Database(schema, {
      newUuid,
      ...(name === undefined ? {} : { name }),
      ...(storage === undefined ? {} : { storage }),
      ...(history === undefined ? {} : { history }),
    })
    this.add(this.#directory)
    this.add(this.#database)
  }

  /**
   * Serves one more database; the server closes it. Clients that are not aware of such changes
   * (set_db_change_aware) are cut off, to look again. Throws OvsdbError when the name is taken.
   */
  add(database: Database): void {
    const { name, schema } = database
    if (this.#databases.has(name)) throw ovsdbError('syntax error', `database ${name} is served`)
    this.#databases.set(name, database)
    const stop = database.onCommit((changes, txnId) => {
      for (const session of this.#sessions) session.tell(database, changes, txnId)
      this.#retryLater()
    })
    this.#undo.set(database, stop)
    const text = JSON.stringify(formatSchema(schema))
    const row = { name, model: 'standalone', connected: true, leader: true, schema: text }
    this.#direct({ op: 'insert', table: 'Database', row })
    this.#disconnectUnaware(`database ${name} was added`)
  }

  /** Serves it no longer: its monitors end, and clients that are not aware are cut off. */
  remove(name: string): void {
    const database = this.#databases.get(name)
    if (!database || database === this.#directory || database === this.#database) {
      throw ovsdbError('unknown database', `no database ${name} was added`)
    }
    this.#databases.delete(name)
    this.#undo.get(database)?.()
    this.#undo.delete(database)
    this.#direct({ op: 'delete', table: 'Database', where: [['name', '==', name]] })
    for (const session of this.#sessions) session.drop(database)
    this.#disconnectUnaware(`database ${name} was removed`)
    database.close()
  }

  /** Serves a client until it leaves; the duplex belongs to the session. */
  accept(duplex: Duplex): ServerSession {
    const host = { databases: this.#databases, locks: this.#locks, serverId: this.#serverId }
    const session = openSession(duplex, host, this.#options)
    if (this.#closed) session.close()
    if (this.#sessions.size >= this.#maxSessions) {
      session.close(ovsdbError('resources exhausted', `over ${this.#maxSessions} sessions`))
    }
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
    const attempt: Attempt = this.#database.attempt(operations, { holds: () => false })
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

  /** Ends all sessions and closes the databases; the rows stay readable. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const session of this.#sessions) session.close()
    for (const database of this.#databases.values()) database.close()
  }

  #direct(operation: object): void {
    const attempt = this.#directory.attempt([operation], { holds: () => false, owner: true })
    if (attempt.kind === 'failed') throw attempt.error
  }

  #disconnectUnaware(reason: string): void {
    for (const session of this.#sessions) {
      if (!session.isChangeAware) session.close(ovsdbError('connection closed', reason))
    }
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
