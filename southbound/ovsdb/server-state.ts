/**
 * Whether a server is the right one to talk to, by what it says of itself in its `_Server` database
 * (schemas/server.ts). Neighbour: remote-database.ts watches and follows.
 */
import { type OvsdbError, ovsdbError } from './error.ts'

/** What a client needs of each row. */
export const serverColumns = {
  Database: ['name', 'connected', 'leader', 'cid', 'index'],
} as const

export interface ServerRow {
  readonly name: string
  readonly connected: boolean
  readonly leader: boolean
  readonly cid: string | undefined
  readonly index: number | undefined
}

export interface Wanted {
  readonly name: string
  readonly leaderOnly: boolean
}

/** How far the database was when we last saw it: a server that is behind would take us back. */
export interface Progress {
  readonly cid: string
  readonly index: number
}

/** Why not; undefined: this is the right server. */
export function unfit(
  remote: string,
  rows: Iterable<ServerRow>,
  { name, leaderOnly, progress }: Wanted & { progress?: Progress | undefined },
): OvsdbError | undefined {
  const row = [...rows].find((row) => row.name === name)
  if (!row) return ovsdbError('unknown database', `${remote} does not serve ${name}`)
  const refuse = (why: string) => ovsdbError('canceled', `${remote} ${why}`)
  if (!row.connected) return refuse('has lost touch with its cluster')
  if (leaderOnly && !row.leader) return refuse('is not the leader')
  if (progress && row.cid === progress.cid && (row.index ?? 0) < progress.index) {
    return refuse(`is behind: at ${row.index ?? 0}, not ${progress.index}`)
  }
  return undefined
}

/** The progress that a server's row shows. */
export function progressOf(rows: Iterable<ServerRow>, name: string): Progress | undefined {
  const row = [...rows].find((row) => row.name === name)
  return row?.cid && row.index !== undefined ? { cid: row.cid, index: row.index } : undefined
}
