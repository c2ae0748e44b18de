/**
 * An OVSDB server (RFC 7047), in memory or on a journal: the database of a switch of ours, any other
 * whose .ovsschema is at hand, and the other end of every test of the client.
 *
 *   const server = new OvsdbServer(openVSwitch)
 *   server.transact([insert('Open_vSwitch', {})])
 *   server.onCommit((changes) => { … })           // in process, typed by the schema
 *   await listen('punix:db.sock', {}, (stream, peer) => server.accept(stream, peer)) // wire/stream.ts
 *
 * Whoever owns the server uses it directly, and clients come over any Duplex, accepted or dialled.
 * Neighbours: database.ts holds the rows, session.ts speaks to one client.
 */
import type { Duplex } from 'node:stream'
import { uuids } from '../wire/random.ts'
import { type Buffers, makeBuffers } from './buffers.ts'
import { type Attempt, Database, type DatabaseOptions } from './database.ts'
import { ovsdbError } from './error.ts'
import { formatJson } from './json.ts'
import { warnOfListener } from './listener.ts'
import { makeLocks } from './locks.ts'
import type { Operation, OperationResult } from './operation.ts'
import { readResults } from './result.ts'
import type { DatabaseSchema, Row, TableName } from './schema.ts'
import { formatSchema, parseSchema } from './schema-json.ts'
import { serverSchema } from './schemas/server.ts'
import { openSession, type Session, type SessionHost, type SessionOptions } from './session.ts'

/** A row at the server: `_version`, a uuid, is another one after each change. */
export type ServerRow<S extends DatabaseSchema, T extends TableName<S>> = Row<S, T> & {
  readonly _version: string
}

/** One row before and after a commit; before undefined: inserted, after undefined: deleted. */
export type Change<S extends DatabaseSchema = DatabaseSchema> = {
  readonly [T in TableName<S>]: {
    readonly table: T
    readonly uuid: string
    readonly before: ServerRow<S, T> | undefined
    readonly after: ServerRow<S, T> | undefined
  }
}[TableName<S>]

export interface ServerLog {
  debug(fields: object, event: string): void
  warn(fields: object, event: string): void
}

/** Those of the database are of the server's own, not of those that are added. */
export interface ServerOptions extends SessionOptions, DatabaseOptions {
  /** Clients at once, more are cut off; default 1,000. */
  maxSessions?: number
  /**
   * Bytes of messages that are not whole yet, of all clients together; default 256 MiB. Over it the
   * client with most of them is cut off.
   */
  maxHeldBytes?: number
  /** Bytes that clients leave unread, all together, likewise; default 256 MiB. */
  maxUnreadBytes?: number
  /** Told why a session ended, and what listeners threw unless `onListenerError` is. */
  log?: ServerLog
}

/** A client that is silent for twice as long is cut off. */
const ECHO_INTERVAL_MS = 5000
/** What all clients together may make the server keep, of each kind. */
const MOST_BYTES = 256 * 1024 * 1024

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
  readonly #log: ServerLog | undefined
  readonly #halfSent: Buffers
  readonly #unread: Buffers
  readonly #maxSessions: number
  readonly #serverId: string
  #retrying = false
  #closed = false

  /** Throws OvsdbError when what `storage` holds does not suit the schema, or nothing could. */
  constructor(schema: S, options: ServerOptions = {}) {
    const { newUuid = uuids(), maxSessions = 1000, log } = options
    const { maxHeldBytes = MOST_BYTES, maxUnreadBytes = MOST_BYTES } = options
    this.#options = { echoIntervalMs: ECHO_INTERVAL_MS, ...options }
    this.#log = log
    this.#halfSent = makeBuffers(maxHeldBytes, 'half sent')
    this.#unread = makeBuffers(maxUnreadBytes, 'left unread')
    this.#maxSessions = maxSessions
    this.#serverId = newUuid()
    this.#directory = new Database(serverSchema, { newUuid })
    const onListenerError = (error: unknown) =>
      log ? log.warn({ error: String(error) }, 'ovsdb listener failed') : warnOfListener(error)
    this.#database = new Database(schema, { onListenerError, ...options })
    this.add(this.#directory)
    this.add(this.#database)
  }

  /**
   * Serves one more database; the server closes it. Clients that are not aware of such changes
   * (set_db_change_aware) are cut off, to look again. Throws OvsdbError when the name is taken.
   */
  add(database: Database): void {
    const { name } = database
    if (this.#databases.has(name)) throw ovsdbError('syntax error', `database ${name} is served`)
    this.#databases.set(name, database)
    const stop = database.onCommit((changes, txnId) => {
      for (const session of this.#sessions) session.tell(database, changes, txnId)
      this.#retryLater()
    })
    this.#undo.set(database, stop)
    const schema = schemaText(database)
    const row = { name, model: 'standalone', connected: true, leader: true, schema }
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
    for (const session of this.#sessions) {
      session.drop(database)
      session.dropWaiting(database)
    }
    this.#disconnectUnaware(`database ${name} was removed`)
    database.close()
  }

  /**
   * Another schema for a database, with its rows carried over (`Database.convert`), as clients ask for
   * by `convert`: its monitors end and what waits there is cancelled, for clients that are aware of
   * such changes; the others are cut off. Throws OvsdbError and changes nothing.
   */
  convert(name: string, schema: DatabaseSchema): void {
    const database = this.#databases.get(name)
    if (!database) throw ovsdbError('unknown database', `no database ${name} is served`)
    database.convert(schema)
    for (const session of this.#sessions) session.drop(database)
    // After the reply to whoever asked.
    queueMicrotask(() => {
      for (const session of this.#sessions) session.dropWaiting(database)
      const row = { schema: schemaText(database) }
      this.#direct({ op: 'update', table: 'Database', where: [['name', '==', name]], row })
      this.#disconnectUnaware(`committed ${name} database schema conversion`)
    })
  }

  /**
   * Serves a client until it leaves; the duplex belongs to the session. `peer` names it in the log;
   * `options` are for this one alone.
   */
  accept(
    duplex: Duplex,
    peer = 'a client',
    options: Pick<SessionOptions, 'echoIntervalMs'> = {},
  ): ServerSession {
    const host: SessionHost = {
      databases: this.#databases,
      locks: this.#locks,
      serverId: this.#serverId,
      halfSent: this.#halfSent,
      unread: this.#unread,
      convert: (database, schema) => {
        if (!database.isConvertible) {
          throw ovsdbError(
            'not allowed',
            `the schema of ${database.name} is not for clients to change`,
          )
        }
        this.convert(database.name, parseSchema(schema))
      },
    }
    const session = openSession(duplex, host, { ...this.#options, ...options })
    if (this.#closed) session.close()
    if (this.#sessions.size >= this.#maxSessions) {
      session.close(ovsdbError('resources exhausted', `over ${this.#maxSessions} sessions`))
    }
    this.#sessions.add(session)
    void session.closed.then((reason) => {
      this.#sessions.delete(session)
      if (reason) this.#log?.warn({ peer, reason: reason.message }, 'ovsdb session closed')
      else this.#log?.debug({ peer }, 'ovsdb session ended')
    })
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
  table<T extends TableName<S>>(name: T): ReadonlyMap<string, ServerRow<S, T>> {
    // The rows were made by this very schema's codecs.
    return this.#database.rows(name) as unknown as ReadonlyMap<string, ServerRow<S, T>>
  }

  /**
   * Called after each commit with all of its changes, in commit order; what it throws goes to
   * `onListenerError` and undoes nothing. Returns the undo.
   */
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
      if (!session.isChangeAware) session.close(ovsdbError('connection closed', reason), true)
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

/** Of schemas that several servers of a process have. */
const schemaTexts = new WeakMap<DatabaseSchema, string>()

function schemaText({ schema }: Database): string {
  const text = schemaTexts.get(schema) ?? formatJson(formatSchema(schema))
  schemaTexts.set(schema, text)
  return text
}
