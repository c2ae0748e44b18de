/**
 * Whether a server is the right one to talk to, by what it says of itself in its `_Server` database
 * (schemas/server.ts). Neighbour: remote-database.ts watches and follows.
 */
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

/** Why not, as a clause; undefined: this is the right server. */
export function unfit(
  rows: Iterable<ServerRow>,
  { name, leaderOnly }: Wanted,
  progress: Progress | undefined,
): string | undefined {
  const row = [...rows].find((row) => row.name === name)
  if (!row) return `does not serve ${name}`
  if (!row.connected) return 'has lost touch with its cluster'
  if (leaderOnly && !row.leader) return 'is not the leader'
  if (progress && row.cid === progress.cid && (row.index ?? 0) < progress.index) {
    return `is behind: at ${row.index ?? 0}, not ${progress.index}`
  }
  return undefined
}

/** The progress that a server's row shows. */
export function progressOf(rows: Iterable<ServerRow>, name: string): Progress | undefined {
  const row = [...rows].find((row) => row.name === name)
  return row?.cid && row.index !== undefined ? { cid: row.cid, index: row.index } : undefined
}
