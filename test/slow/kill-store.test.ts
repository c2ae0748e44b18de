/**
 * kill -9 of a process that works on a store, at every point where it could leave something half: in a group of writes, in a
 * compaction, a migration, a backup and a restore.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { StoreError } from '../../controller/store/error.ts'
import { restore } from '../../controller/store/restore.ts'
import { type Commit, Store } from '../../controller/store/store.ts'
import { counting } from '../controller/model/site.ts'
import { contents, replay } from '../controller/store/replay.ts'
import { writeSchema1 } from '../controller/store/schema-1.ts'
import { writeLoad } from '../controller/store/write-load.ts'

const root = mkdtempSync(join(tmpdir(), 'weft-struck-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let stores = 0
const freshPath = () => join(mkdtempSync(join(root, `${++stores}-`)), 'site.db')
const program = fileURLToPath(new URL('../controller/store/struck.ts', import.meta.url))

/** Runs the program until it has killed itself. @returns the lines that it printed */
async function struck(work: string, path: string, killAt: string): Promise<string[]> {
  const child = spawn(process.execPath, [program, work, path, killAt], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve([code, signal]))
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) lines.push(line)
  expect(await ended).toEqual([null, 'SIGKILL'])
  return lines
}

/** The site at each revision of the load, and the commits that lead there. */
async function expected(groups: number): Promise<{ states: string[]; commits: Commit[] }> {
  const store = Store.open(':memory:', { uuid: counting() })
  const states = [contents(store.snapshot)]
  const commits: Commit[] = []
  store.onCommit((commit) => {
    states.push(contents(commit.snapshot))
    commits.push(commit)
  })
  await writeLoad(store, groups)
  store.close()
  return { states, commits }
}

/** The whole site of some revision. @returns that revision */
function wholeAt(path: string, states: readonly string[]): number {
  const store = Store.open(path)
  const { revision } = store.snapshot
  expect(contents(store.snapshot)).toBe(states[revision])
  expect(replay(store)).toBe(states[revision])
  store.close()
  return revision
}

test.each([
  ['before-write:30', 0, 0],
  ['after-write:1', 0, 0],
  ['after-write:61', 0, 0],
  ['after-write:62', 0, 0],
  ['after-write:63', 0, 0],
  ['before-fsync:45', 0, 0],
  ['after-fsync:1', 1, 1],
  ['after-fsync:45', 1, 4],
  ['before-compacted:1', 0, 0],
  ['before-compacted:3', 0, 0],
  ['after-compacted:1', 0, 0],
  ['after-compacted:4', 0, 0],
])(
  'killed at %s in a write, the store has what was acknowledged and no half of a group',
  async (killAt, least, most) => {
    const path = freshPath()
    const { states } = await expected(120)
    const acknowledged = (await struck('write', path, killAt)).slice(1).map(Number)
    const revision = wholeAt(path, states)
    // A write that changed nothing is acknowledged with the revision that it found.
    const beyond = revision - Math.max(0, ...acknowledged)
    expect(beyond).toBeGreaterThanOrEqual(least)
    expect(beyond).toBeLessThanOrEqual(most)
  },
)

test('a store that is killed time and again goes on from where it was', async () => {
  const path = freshPath()
  let last = 0
  for (const killAt of ['after-fsync:9', 'after-write:7', 'before-compacted:1', 'before-fsync:4']) {
    const acknowledged = (await struck('write', path, killAt)).slice(1).map(Number)
    const store = Store.open(path)
    expect(store.snapshot.revision).toBeGreaterThanOrEqual(Math.max(last, ...acknowledged))
    expect(replay(store)).toBe(contents(store.snapshot))
    last = store.snapshot.revision
    store.close()
  }
})

test.each([
  ['migration-copied:1', 1],
  ['before-migrated:1', 1],
  ['after-migrated:1', 2],
] as const)(
  'killed at %s, the file is the old store or the new one, and the copy is kept',
  async (killAt, schema) => {
    const path = freshPath()
    const { states, commits } = await expected(20)
    writeSchema1(path, commits)
    const old = readFileSync(path)
    await struck('open', path, killAt)
    expect(readFileSync(`${path}.schema1.bak`)).toEqual(old)
    const database = new DatabaseSync(path)
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: schema })
    database.close()
    expect(wholeAt(path, states)).toBe(commits.length)
  },
)

test.each(['backup-copied:2', 'backup-verified:3'])(
  'killed at %s, the backup of that name is the one before, and the next succeeds',
  async (killAt) => {
    const path = freshPath()
    const finished = (await struck('backup', path, killAt)).map(Number)
    const copy = Store.open(`${path}.backup`)
    expect(copy.snapshot.revision).toBe(finished.at(-1))
    expect(replay(copy)).toBe(contents(copy.snapshot))
    copy.close()
    const store = Store.open(path)
    expect(await store.backup(`${path}.backup`)).toBe(store.snapshot.revision)
    store.close()
  },
)

test.each([
  ['restore-verified:1', ['old']],
  ['restore-aside:1', ['old']],
  ['restore-renamed:1', ['old', 'refused', 'new']],
])(
  'killed at %s, a restore has left one of both stores, and works when repeated',
  async (killAt, allowed) => {
    const path = freshPath()
    const { states } = await expected(120)
    const backedUp = Store.open(path, { uuid: counting() })
    await writeLoad(backedUp, 10)
    const small = await backedUp.backup(`${path}.backup`)
    backedUp.close()
    rmSync(path)
    await struck('write', path, 'after-fsync:50')
    expect(existsSync(`${path}-wal`)).toBe(true)
    await struck('restore', path, killAt)

    const left = leftAt(path, states, small)
    expect(allowed).toContain(left)
    await restore(`${path}.backup`, path, { force: true })
    expect(wholeAt(path, states)).toBe(small)
  },
)

function leftAt(path: string, states: readonly string[], small: number): string {
  try {
    return wholeAt(path, states) === small ? 'new' : 'old'
  } catch (error) {
    if (error instanceof StoreError && error.type === 'damaged') return 'refused'
    throw error
  }
}
