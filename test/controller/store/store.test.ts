import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { StoreError } from '../../../controller/store/error.ts'
import { strikeAt } from '../../../controller/store/hooks.ts'
import { type Commit, Store } from '../../../controller/store/store.ts'
import { drop, put, smallSite } from '../model/site.ts'
import { contents, replay } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-store-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const by = { who: 'test' }

test('a reopened store has the same objects, numbers and revision', () => {
  const path = join(folder, 'reopened.db')
  const store = Store.open(path)
  store.commit(smallSite, by)
  store.commit([put('port', 'acme/vm2', { network: 'web' })], by)
  store.commit([drop('port', 'acme/vm2')], by)
  const before = contents(store.snapshot)
  store.close()

  const again = Store.open(path)
  expect(again.snapshot.revision).toBe(3)
  expect(contents(again.snapshot)).toBe(before)
  expect(replay(again)).toBe(before)
  expect(Object.isFrozen(again.snapshot.get('port', 'acme/vm1')?.addresses)).toBe(true)
  again.commit([put('port', 'acme/vm3', { network: 'web' })], by)
  expect(again.snapshot.get('port', 'acme/vm3')).toMatchObject({
    number: 3,
    addresses: ['10.0.0.3'],
  })
  again.close()
})

test('whatever somebody is called, the store opens again; nobody but its owner reads it', () => {
  const path = join(folder, 'names.db')
  const store = Store.open(path)
  const names = ['half \ud800', '\udc00', 'a\u0000b', '\ufeff', '\u{1f600}', "'; --", '']
  for (const [at, who] of names.entries())
    store.commit([put('tenant', `t${at}`, {})], { who, requestId: who, via: who })
  for (const end of ['', '-wal']) expect(statSync(path + end).mode & 0o077).toBe(0)
  store.close()
  const again = Store.open(path)
  expect(again.snapshot.revision).toBe(names.length)
  expect(again.revisions().map(({ who }) => who)).toEqual(names.map((who) => who.toWellFormed()))
  again.close()
})

test('bindings are kept like everything else, and go when the host says so', () => {
  const path = join(folder, 'bindings.db')
  const store = Store.open(path)
  store.commit(smallSite, by)
  const key = store.snapshot.get('port', 'acme/vm1')?.uuid ?? ''
  store.observe([{ collection: 'binding', key, spec: { hostId: 'h1', ofport: 4 } }], by)
  store.observe([{ collection: 'binding', key, spec: { hostId: 'h1', ofport: 4 } }], by)
  expect(store.snapshot.revision).toBe(2)
  store.close()
  const again = Store.open(path)
  expect(again.snapshot.get('binding', key)).toMatchObject({ hostId: 'h1', ofport: 4 })
  again.observe([{ collection: 'binding', key, spec: undefined }], by)
  expect(again.snapshot.list('binding').size).toBe(0)
  again.close()
})

test('listeners hear every commit once, after it is durable, and nothing of a refused one', () => {
  const store = Store.open(':memory:')
  const heard: Commit[] = []
  const stop = store.onCommit((commit) => heard.push(commit))
  store.commit(smallSite, by)
  store.commit(smallSite, by)
  expect(() => store.commit([put('network', 'globex/n', { vni: 5001 })], by)).toThrow(/VNI 5001/)
  store.commit([put('tenant', 'initech', {}), drop('port', 'acme/vm1')], by)
  stop()
  store.commit([drop('tenant', 'initech')], by)
  expect(heard.map(({ snapshot }) => snapshot.revision)).toEqual([1, 2])
  expect(
    heard[1]?.changes.map((each) => [each.collection, each.key, !!each.before, !!each.after]),
  ).toEqual([
    ['port', 'acme/vm1', true, false],
    ['tenant', 'initech', false, true],
  ])
  store.close()
})

test('a write that fails on the disk changes nothing in memory', () => {
  const hooks = strikeAt('before-fsync:2', () => {
    throw new Error('disk full')
  })
  const store = Store.open(join(folder, 'full.db'), { hooks })
  store.commit(smallSite, by)
  expect(() => store.commit([put('tenant', 'initech', {})], by)).toThrow('disk full')
  expect(store.snapshot.revision).toBe(1)
  expect(store.commit([put('tenant', 'initech', {})], by).revision).toBe(2)
  expect(replay(store)).toBe(contents(store.snapshot))
  store.close()
})

test('a second process on the same file is refused', () => {
  const path = join(folder, 'shared.db')
  const store = Store.open(path)
  expect(() => Store.open(path)).toThrow(/another process has it open/)
  store.close()
  Store.open(path).close()
})

test('a journal that was changed afterwards is refused with the first revision that does not follow', () => {
  const path = join(folder, 'changed.db')
  const store = Store.open(path)
  for (const name of ['a', 'b', 'c']) store.commit([put('tenant', name, {})], by)
  store.close()
  const database = new DatabaseSync(path)
  database.exec(`UPDATE journal SET who = 'mallory' WHERE revision = 2`)
  database.close()
  expect(() => Store.open(path)).toThrow(StoreError)
  expect(() => Store.open(path)).toThrow(/damaged: revision 2 does not follow/)
})

test('a file that is no store, or that a newer Weft wrote, is refused', () => {
  const path = join(folder, 'other.db')
  writeFileSync(path, 'This is not a database. '.repeat(100))
  expect(() => Store.open(path)).toThrow(StoreError)
  const newer = join(folder, 'newer.db')
  const database = new DatabaseSync(newer)
  database.exec('PRAGMA user_version = 99')
  database.close()
  expect(() => Store.open(newer)).toThrow(/newer Weft \(schema 99\)/)
})

test('wherever the log is cut off, the store is whole at one of its revisions', () => {
  const path = join(folder, 'cut.db')
  const store = Store.open(path)
  const states = [contents(store.snapshot)]
  store.onCommit(({ snapshot }) => states.push(contents(snapshot)))
  store.commit(smallSite, by)
  for (let n = 0; n < 20; n++) {
    store.commit([put('port', `acme/p${n}`, { network: 'web' }), put('tenant', `t${n}`, {})], by)
  }
  const log = readFileSync(`${path}-wal`)
  const seen = new Set<number>()
  for (let cut = 0; cut <= log.length; cut += 1 + Math.floor(log.length / 150)) {
    const copy = join(folder, 'copy.db')
    rmSync(`${copy}-wal`, { force: true })
    copyFileSync(path, copy)
    writeFileSync(`${copy}-wal`, log.subarray(0, cut))
    const again = Store.open(copy)
    const { revision } = again.snapshot
    seen.add(revision)
    expect(contents(again.snapshot)).toBe(states[revision])
    expect(replay(again)).toBe(states[revision])
    again.close()
  }
  expect(seen.size).toBeGreaterThan(15)
  store.close()
}, 60_000)
