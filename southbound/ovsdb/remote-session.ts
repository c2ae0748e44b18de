/**
 * One session of a remote database: dialled, its server found to be the right one, all replicas
 * brought up to date; over when the connection ends or the server stops being the right one.
 * Neighbours: remote-database.ts opens one after the other, server-state.ts says which server is the
 * right one, client.ts does the talking.
 */
import type { Duplex } from 'node:stream'
import type { Clock } from '../wire/clock.ts'
import { OvsdbClient, type Started } from './client.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import type { JsonRpcOptions } from './json-rpc.ts'
import { serverSchema } from './schemas/server.ts'
import { type Progress, progressOf, serverColumns, unfit, type Wanted } from './server-state.ts'
import type { Watch } from './watch.ts'

/** The rows of a monitor may take so many times as long as other answers: a server has to gather them. */
const GATHERING = 4
/** How long answers may still come from a server that stopped being the leader. */
const DRAIN_MS = 500

export interface RemoteSession {
  readonly remote: string
  readonly client: OvsdbClient
  readonly watches: Map<Watch, Started>
  /** Transactions that were sent and not answered yet. */
  readonly calls: Set<Promise<unknown>>
  /** Resolves with the reason when the session is over, or its server no longer the right one. */
  readonly over: Promise<Error>
}

/** What lasts from session to session: how far the database was when it was seen last. */
export interface Seen {
  progress: Progress | undefined
}

export interface SessionRequest {
  readonly remote: string
  readonly wanted: Wanted
  readonly dial: (remote: string, signal: AbortSignal) => Promise<Duplex>
  /** To dial, list and look at `_Server`, ms; four times that for the rows of a monitor to go on coming. */
  readonly answerMs: number
  /** It is probed every 5 s unless said otherwise here. */
  readonly rpc: JsonRpcOptions
  readonly clock: Clock
  /** Those that have been complete before are carried on. */
  readonly watches: Iterable<Watch>
  readonly seen: Seen
  /** Ends the opening. */
  readonly signal: AbortSignal
}

/** Rejects, with the connection closed, when there is no answer or this is the wrong server. */
export async function openRemoteSession(request: SessionRequest): Promise<RemoteSession> {
  const { remote, answerMs, clock } = request
  const late = new AbortController()
  const signal = AbortSignal.any([request.signal, late.signal])
  const done = new AbortController()
  const reason = ovsdbError('timed out', `${remote} gave no answer in ${answerMs} ms`)
  const deadline = clock.sleep(answerMs, done.signal)
  deadline.then(() => late.abort(reason)).catch(() => undefined)
  let client: OvsdbClient | undefined
  try {
    const stream = await request.dial(remote, signal)
    client = await OvsdbClient.open(stream, {
      ...{ echoIntervalMs: 5000, clock, ...request.rpc, signal },
    })
    const { over } = await follow(client, request, signal)
    done.abort()
    const watches = new Map<Watch, Started>()
    for (const watch of request.watches) {
      if (!watch.complete) continue
      watches.set(watch, await resumeInTime(client, watch, request))
    }
    return { remote, client, watches, calls: new Set(), over }
  } catch (error) {
    const reason = endOf(error as Error)
    client?.close(reason)
    throw reason
  } finally {
    done.abort()
  }
}

/** Why a session ended, of the error of a call that was pending then. */
function endOf(error: Error): Error {
  const isEnd = error instanceof OvsdbError && error.tag === 'connection closed' && !error.isPeers
  return isEnd && error.cause instanceof Error ? error.cause : error
}

/**
 * As OvsdbClient.resume; closes the session when for 4 × `answerMs` nothing of the answer comes, however
 * well the server answers otherwise, so that the next remote is tried.
 */
export async function resumeInTime(
  client: OvsdbClient,
  watch: Watch,
  {
    remote,
    answerMs,
    clock,
    signal,
  }: Pick<SessionRequest, 'remote' | 'answerMs' | 'clock' | 'signal'>,
): Promise<Started> {
  const done = new AbortController()
  const patienceMs = GATHERING * answerMs
  const patience = async () => {
    for (let seen = -1; seen !== client.progress; ) {
      seen = client.progress
      await clock.sleep(patienceMs, done.signal)
    }
    client.close(ovsdbError('timed out', `${remote} gave no rows in ${patienceMs} ms`))
  }
  patience().catch(() => undefined)
  try {
    return await client.resume(watch, { signal })
  } finally {
    done.abort()
  }
}

/** Rejects when this is the wrong server; `over` resolves when it becomes that. */
async function follow(
  client: OvsdbClient,
  { remote, wanted, seen }: SessionRequest,
  signal: AbortSignal,
): Promise<{ over: Promise<Error> }> {
  const closed = client.closed.then(
    (reason) => reason ?? ovsdbError('connection closed', `${remote} ended the session`),
  )
  // Servers older than the `_Server` database, and those of one process, are never clustered.
  if (!client.databases.includes(serverSchema.name)) {
    if (client.databases.includes(wanted.name)) return { over: closed }
    throw ovsdbError('unknown database', `${remote} does not serve ${wanted.name}`)
  }
  const state = await client.monitor(serverSchema, serverColumns, { signal })
  const rows = state.table('Database')
  const refused = unfit(remote, rows.values(), { ...wanted, progress: seen.progress })
  if (refused) throw refused
  const note = () => {
    seen.progress = progressOf(rows.values(), wanted.name) ?? seen.progress
  }
  note()
  const moved = new Promise<Error>((resolve) => {
    state.onChange(() => {
      const why = unfit(remote, rows.values(), wanted)
      if (why) resolve(why)
      else note()
    })
  })
  return { over: Promise.race([closed, moved]) }
}

/** Answers that are on their way may still come; what is asked from now on goes elsewhere. */
export async function drain(
  { client, calls }: RemoteSession,
  reason: Error,
  clock: Clock,
): Promise<void> {
  const done = new AbortController()
  const late = clock.sleep(DRAIN_MS, done.signal).catch(() => undefined)
  if (calls.size > 0) await Promise.race([Promise.all(calls), late])
  done.abort()
  client.close(reason)
}
