/** Writers who share a transaction: one order, one fsync, all or none. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ModelError } from '../../../controller/model/errors.ts'
import { RevisionMismatch } from '../../../controller/store/error.ts'
import { type HookPoint, noHooks, strikeAt } from '../../../controller/store/hooks.ts'
import { type Commit, Store } from '../../../controller/store/store.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { drop, put, smallSite } from '../model/site.ts'
import { random, randomEdits } from './random-edits.ts'
import { contents, replay } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-group-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const by = { who: 'test' }
const port = (n: number) => put('port', `acme/p${n}`, { network: 'web' })

/** How often each point was passed. */
function counted() {
  const passed: Partial<Record<HookPoint, number>> = {}
  const at = (point: HookPoint): void => {
    passed[point] = (passed[point] ?? 0) + 1
  }
  return { passed, at }
}

test('callers of one turn share one fsync, get one revision each, in the order of their calls', async () => {
  const hooks = counted()
  const store = Store.open(join(folder, 'shared.db'), { hooks })
  store.commit(smallSite, by)
  const heard: number[] = []
  store.onCommit(({ snapshot }) => {
    expect(store.snapshot).toBe(snapshot)
    heard.push(snapshot.revision)
  })
  const commits = await Promise.all([1, 2, 3, 4].map((n) => store.commitDurably([port(n)], by)))
  expect(hooks.passed).toMatchObject({ 'after-write': 5, 'before-fsync': 2, 'after-fsync': 2 })
  expect(commits.map(({ snapshot }) => snapshot.revision)).toEqual([2, 3, 4, 5])
  expect(heard).toEqual([2, 3, 4, 5])
  expect(commits[1]?.snapshot.get('port', 'acme/p3')).toBeUndefined()
  expect(replay(store)).toBe(contents(store.snapshot))
  store.close()
})

test('nothing is published before the fsync, and everything before the answer', async () => {
  const order: string[] = []
  const hooks = { at: (point: HookPoint) => void order.push(point) }
  const store = Store.open(':memory:', { hooks })
  store.onCommit(({ snapshot }) => order.push(`told ${snapshot.revision}`))
  const answered = [put('tenant', 'a', {}), put('tenant', 'b', {})].map((edit) =>
    store
      .commitDurably([edit], by)
      .then(({ snapshot }) => order.push(`answered ${snapshot.revision}`)),
  )
  expect(store.snapshot.revision).toBe(0)
  await Promise.all(answered)
  expect(order).toEqual([
    ...['before-write', 'after-write', 'after-write', 'before-fsync', 'after-fsync'],
    ...['told 1', 'told 2', 'answered 1', 'answered 2'],
  ])
  store.close()
})

test('each set of edits is held against the site as the one before it left it', async () => {
  const store = Store.open(':memory:')
  store.commit(smallSite, by)
  const answers = await Promise.allSettled([
    store.commitDurably([put('network', 'acme/a', { vni: 7000 })], by),
    store.commitDurably([put('network', 'globex/a', { vni: 7000 })], by),
    store.commitDurably([put('subnet', 'acme/a', { network: 'a', cidr: '10.1.0.0/24' })], by),
    store.commitDurably([put('network', 'acme/a', { vni: 7000 })], by),
  ])
  expect(answers.map(({ status }) => status)).toEqual([
    ...['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  ])
  expect((answers[1] as PromiseRejectedResult).reason).toBeInstanceOf(ModelError)
  const last = (answers[3] as PromiseFulfilledResult<Commit>).value
  expect(last.changes).toEqual([])
  expect(last.snapshot).toBe(store.snapshot)
  expect(store.snapshot.revision).toBe(3)
  store.close()
})

test('an edit that depends on a revision is refused when another writer came first', async () => {
  const store = Store.open(':memory:')
  store.commit(smallSite, by)
  const at = { collection: 'tenant', key: 'acme', revision: 1 } as const
  const write = (edits: Parameters<Store['commitDurably']>[0], revision: number | 'any' | 'none') =>
    store.commitDurably(edits, { ...by, ifRevisions: [{ ...at, key: 'initech', revision }] })
  const [made, again, stale, gone, absent] = await Promise.allSettled([
    write([put('tenant', 'initech', {})], 'none'),
    write([put('tenant', 'initech', {})], 'none'),
    write([drop('tenant', 'initech')], 1),
    write([drop('tenant', 'initech')], 2),
    write([put('tenant', 'initech', {})], 'any'),
  ])
  expect([made.status, gone.status]).toEqual(['fulfilled', 'fulfilled'])
  for (const [answer, actual] of [
    ...([
      [again, 2],
      [stale, 2],
      [absent, undefined],
    ] as const),
  ]) {
    const { reason } = answer as PromiseRejectedResult
    expect(reason).toBeInstanceOf(RevisionMismatch)
    expect(reason).toMatchObject({ collection: 'tenant', key: 'initech', actual })
  }
  store.close()
})

test('edits that are a function read what the writer before them left', async () => {
  const store = Store.open(':memory:')
  store.commit(smallSite, by)
  const next = () =>
    store.commitDurably((site) => [put('tenant', `t${site.list('tenant').size}`, {})], by)
  await Promise.all([next(), next(), next()])
  expect([...store.snapshot.list('tenant').keys()]).toEqual(['acme', 'globex', 't2', 't3', 't4'])
  const refused = store.commitDurably(() => {
    throw new RangeError('no')
  }, by)
  await expect(refused).rejects.toThrow(RangeError)
  store.close()
})

test('a synchronous commit writes those who wait first, with the same fsync', async () => {
  const hooks = counted()
  const store = Store.open(':memory:', { hooks })
  const waiting = store.commitDurably([put('tenant', 'a', {})], by)
  const snapshot = store.commit([put('tenant', 'b', {})], by)
  expect(snapshot.revision).toBe(2)
  expect(hooks.passed['after-fsync']).toBe(1)
  expect((await waiting).snapshot.revision).toBe(1)
  store.close()
})

test('a commit that a listener makes is told after those that were written before it', async () => {
  const store = Store.open(':memory:')
  const heard: number[] = []
  store.onCommit(({ snapshot }) => {
    if (snapshot.revision === 1) store.commit([put('tenant', 'mine', {})], by)
  })
  store.onCommit(({ snapshot }) => heard.push(snapshot.revision))
  await Promise.all(['a', 'b'].map((id) => store.commitDurably([put('tenant', id, {})], by)))
  expect(heard).toEqual([1, 2, 3])
  expect(store.snapshot.revision).toBe(3)
  expect([...store.snapshot.list('tenant').keys()]).toEqual(['a', 'b', 'mine'])
  store.close()
})

test('a failing fsync refuses all who shared it, and nothing of them is published or kept', async () => {
  const path = join(folder, 'failing.db')
  const hooks = strikeAt('before-fsync:2', () => {
    throw new Error('no fsync')
  })
  const store = Store.open(path, { hooks })
  store.commit(smallSite, by)
  let told = 0
  store.onCommit(() => told++)
  const group = [
    store.commitDurably([port(1)], by),
    store.commitDurably([put('network', 'globex/n', { vni: 5001 })], by),
    store.commitDurably([port(2)], by),
  ]
  for (const answer of await Promise.allSettled(group))
    expect(answer).toMatchObject({ status: 'rejected', reason: { message: 'no fsync' } })
  expect([told, store.snapshot.revision]).toEqual([0, 1])
  expect((await store.commitDurably([port(3)], by)).snapshot.revision).toBe(2)
  store.close()
  const again = Store.open(path, { hooks: noHooks })
  expect([...again.snapshot.list('port').keys()]).toEqual(['acme/p3', 'acme/vm1'])
  again.close()
})

test('closing writes and answers those who wait; whoever comes after is refused', async () => {
  const path = join(folder, 'closing.db')
  const store = Store.open(path)
  const waiting = store.commitDurably([put('tenant', 'a', {})], by)
  store.close()
  expect((await waiting).snapshot.revision).toBe(1)
  await expect(store.commitDurably([], by)).rejects.toThrow(/is closed/)
  expect(() => store.commit([], by)).toThrow(/is closed/)
  const again = Store.open(path)
  expect(again.snapshot.revision).toBe(1)
  again.close()
})

test('who asked, by which request and which way, is told with the commit and kept', async () => {
  const path = join(folder, 'who.db')
  let time = 1_790_000_000_000
  const store = Store.open(path, { clock: { ...systemClock, wall: () => time++ } })
  const author = { who: 'alice', requestId: 'r-17', via: 'rest' }
  const heard: Commit[] = []
  store.onCommit((commit) => heard.push(commit))
  await store.commitDurably([put('tenant', 'a', {})], author)
  store.commit([put('tenant', 'b', {})], { who: 'host h1' })
  expect(heard[0]).toMatchObject({ ...author, at: 1_790_000_000_000 })
  store.close()
  const again = Store.open(path)
  expect(again.revision(1)).toMatchObject({ revision: 1, at: 1_790_000_000_000, ...author })
  expect(again.revision(2)).toEqual({
    ...{ revision: 2, at: 1_790_000_000_001, who: 'host h1' },
    changes: [['tenant', 'b', undefined, again.snapshot.get('tenant', 'b')]],
  })
  again.close()
})

test('any mix of waiting and synchronous writers leaves one order that the file repeats', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const pick = random(seed)
    const path = join(folder, `mixed-${seed}.db`)
    const store = Store.open(path, { keep: { revisions: 20 } })
    store.commit(smallSite, by)
    const states: string[] = []
    store.onCommit(({ snapshot }) => {
      states[snapshot.revision] = contents(snapshot)
    })
    const answers: Promise<unknown>[] = []
    for (let n = 0; n < 60; n++) {
      const edits = randomEdits(store.snapshot, pick)
      if (pick(4) > 0) answers.push(store.commitDurably(edits, by).catch(expectModelError))
      else
        try {
          store.commit(edits, by)
        } catch (error) {
          expectModelError(error)
        }
      if (pick(8) === 0) await Promise.all(answers)
    }
    await Promise.all(answers)
    store.compact()
    expect(replay(store)).toBe(contents(store.snapshot))
    for (const { revision } of store.revisions()) {
      expect(contents(store.at(revision))).toBe(states[revision])
    }
    const last = contents(store.snapshot)
    store.close()
    const again = Store.open(path)
    expect(contents(again.snapshot)).toBe(last)
    expect(replay(again)).toBe(last)
    again.close()
  }
}, 60_000)

function expectModelError(error: unknown): void {
  expect(error).toBeInstanceOf(ModelError)
}
