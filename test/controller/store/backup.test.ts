/** A copy made while the store is written to, and put back, is the same site. */
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import type { Progress } from '../../../controller/store/backup.ts'
import { restore } from '../../../controller/store/restore.ts'
import { Store } from '../../../controller/store/store.ts'
import { put, smallSite } from '../model/site.ts'
import { contents, replay } from './replay.ts'
import { writeSchema1 } from './schema-1.ts'
import { writeLoad } from './write-load.ts'

const root = mkdtempSync(join(tmpdir(), 'weft-backup-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const by = { who: 'test' }
let folders = 0
const folder = () => mkdtempSync(join(root, `${++folders}-`))

test('a backup made under writes is whole at one revision, and restores byte for byte', async () => {
  const path = join(folder(), 'site.db')
  const copy = `${path}.backup`
  const store = Store.open(path, { keep: { revisions: 60 } })
  const states: string[] = []
  store.onCommit(({ snapshot }) => {
    states[snapshot.revision] = contents(snapshot)
  })
  store.commit([put('tenant', 'big', {}), put('network', 'big/n', {})], by)
  store.commit([put('subnet', 'big/s', { network: 'n', cidr: '10.64.0.0/16' })], by)
  const many = Array.from({ length: 4000 }, (_, n) => put('port', `big/p${n}`, { network: 'n' }))
  store.commit(many, by)
  const seen: Progress[] = []
  const from = store.snapshot.revision
  const [revision] = await Promise.all([
    store.backup(copy, { progress: (progress) => seen.push(progress) }),
    writeLoad(store, 60),
  ])
  expect(revision).toBeGreaterThanOrEqual(from)
  expect(new Set(seen.map(({ step }) => step))).toEqual(new Set(['copy', 'verify']))
  expect(seen.findLast(({ step }) => step === 'copy')).toMatchObject({ step: 'copy' })
  const last = contents(store.snapshot)
  store.close()
  expect(readdirSync(join(path, '..')).sort()).toEqual(['site.db', 'site.db.backup'])

  const before = readFileSync(copy)
  const place = join(folder(), 'restored.db')
  expect(await restore(copy, place)).toEqual({ revision })
  expect(readFileSync(copy)).toEqual(before)
  const restored = Store.open(place)
  expect(restored.snapshot.revision).toBe(revision)
  expect(contents(restored.snapshot)).toBe(states[revision])
  expect(replay(restored)).toBe(states[revision])
  restored.close()
  const original = Store.open(path)
  expect(contents(original.snapshot)).toBe(last)
  original.close()
}, 60_000)

test('a backup has all that was answered before, and takes the place of an older one', async () => {
  const path = join(folder(), 'site.db')
  const store = Store.open(path)
  store.commit(smallSite, by)
  expect(await store.backup(`${path}.backup`)).toBe(1)
  const answered = await store.commitDurably([put('tenant', 'a', {})], by)
  expect(answered.snapshot.revision).toBe(2)
  expect(await store.backup(`${path}.backup`)).toBe(2)
  store.close()
  const copy = Store.open(`${path}.backup`)
  expect([...copy.snapshot.list('tenant').keys()]).toEqual(['a', 'acme', 'globex'])
  copy.close()
})

test('a backup that cannot be written says why and leaves nothing', async () => {
  const path = join(folder(), 'site.db')
  const store = Store.open(path)
  await expect(store.backup(join(path, 'below', 'a-file'))).rejects.toMatchObject({
    name: 'StoreError',
  })
  expect(store.commit(smallSite, by).revision).toBe(1)
  store.close()
  expect(readdirSync(join(path, '..'))).toEqual(['site.db'])
})

test('restoring over a store needs force, and keeps the store that was there', async () => {
  const path = join(folder(), 'site.db')
  const store = Store.open(path)
  store.commit(smallSite, by)
  await store.backup(`${path}.backup`)
  store.commit([put('tenant', 'later', {})], by)
  store.close()
  await expect(restore(`${path}.backup`, path)).rejects.toMatchObject({ type: 'exists' })
  const { aside = '' } = await restore(`${path}.backup`, path, { force: true })
  const restored = Store.open(path)
  expect(restored.snapshot.revision).toBe(1)
  restored.close()
  const kept = Store.open(aside)
  expect(kept.snapshot.get('tenant', 'later')).toBeDefined()
  kept.close()
  const again = await restore(`${path}.backup`, path, { force: true })
  expect(again.aside).toBe(`${aside}-2`)
})

test('a damaged store with its log is replaced, and stays as it is under the other name', async () => {
  const path = join(folder(), 'site.db')
  const store = Store.open(path)
  store.commit(smallSite, by)
  await store.backup(`${path}.backup`)
  store.commit([put('tenant', 'later', {})], by)
  copyFileSync(`${path}-wal`, `${path}.log`)
  store.close()
  const broken = Buffer.from(readFileSync(path)).fill(0x55, 4096, 9000)
  writeFileSync(path, broken)
  copyFileSync(`${path}.log`, `${path}-wal`)
  const { aside = '' } = await restore(`${path}.backup`, path, { force: true })
  expect(existsSync(`${path}-wal`)).toBe(false)
  expect(readFileSync(aside)).toEqual(broken)
  expect(readFileSync(`${aside}-wal`)).toEqual(readFileSync(`${path}.log`))
  const restored = Store.open(path)
  expect(restored.snapshot.revision).toBe(1)
  restored.close()
})

test('a backup that is damaged or absent is refused before the store is touched', async () => {
  const path = join(folder(), 'site.db')
  const store = Store.open(path)
  store.commit(smallSite, by)
  await store.backup(`${path}.backup`)
  store.close()
  const before = readFileSync(path)
  const database = new DatabaseSync(`${path}.backup`)
  database.exec("UPDATE journal SET who = 'mallory'")
  database.close()
  const refused = restore(`${path}.backup`, path, { force: true })
  await expect(refused).rejects.toMatchObject({ type: 'damaged', path: `${path}.backup` })
  await expect(refused).rejects.toThrow(/site.db.backup is damaged: revision 1 does not follow/)
  await expect(restore(`${path}.none`, path, { force: true })).rejects.toMatchObject({
    type: 'absent',
  })
  expect(readFileSync(path)).toEqual(before)
  expect(readdirSync(join(path, '..')).sort()).toEqual(['site.db', 'site.db.backup'])
})

test('a store that is in use is not replaced', async () => {
  const path = join(folder(), 'site.db')
  const store = Store.open(path)
  store.commit(smallSite, by)
  await store.backup(`${path}.backup`)
  await expect(restore(`${path}.backup`, path, { force: true })).rejects.toMatchObject({
    type: 'locked',
  })
  store.commit([put('tenant', 'later', {})], by)
  store.close()
  const again = Store.open(path)
  expect(again.snapshot.revision).toBe(2)
  again.close()
})

test('a backup of schema 1 restores, and is migrated when it is opened', async () => {
  const place = folder()
  const store = Store.open(':memory:')
  const commits: Parameters<typeof writeSchema1>[1][number][] = []
  store.onCommit((commit) => commits.push(commit))
  store.commit(smallSite, by)
  writeSchema1(join(place, 'old.db'), commits)
  await restore(join(place, 'old.db'), join(place, 'site.db'))
  const again = Store.open(join(place, 'site.db'))
  expect(contents(again.snapshot)).toBe(contents(store.snapshot))
  again.close()
  store.close()
})

test('a store in memory can be backed up to a file', async () => {
  const path = join(folder(), 'site.db')
  const store = Store.open(':memory:')
  store.commit(smallSite, by)
  await store.backup(path)
  const copy = Store.open(path)
  expect(contents(copy.snapshot)).toBe(contents(store.snapshot))
  copy.close()
  store.close()
})
