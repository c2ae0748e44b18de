/** The past of a site, and how it becomes shorter. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { RevisionGone, RevisionUnknown } from '../../../controller/store/error.ts'
import { Store } from '../../../controller/store/store.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { drop, put, smallSite } from '../model/site.ts'
import { random, randomEdits } from './random-edits.ts'
import { contents, replay } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-history-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const by = { who: 'test' }

/** A store in memory with a clock that stands at 1000 and goes on by 10 with every revision. */
function ticking(revisions: number, keep = {}): Store {
  let time = 1000
  const store = Store.open(':memory:', { clock: { ...systemClock, wall: () => time }, keep })
  for (let n = 1; n <= revisions; n++, time += 10) store.commit([put('tenant', `t${n}`, {})], by)
  return store
}

test('every revision can be read again as it was, whichever is asked for first', () => {
  const pick = random(7)
  const store = Store.open(':memory:')
  store.commit(smallSite, by)
  const states = [contents(store.at(0)), contents(store.snapshot)]
  store.onCommit(({ snapshot }) => states.push(contents(snapshot)))
  while (states.length < 120) {
    try {
      store.commit(randomEdits(store.snapshot, pick), by)
    } catch {
      // A refused write makes no revision.
    }
  }
  for (let n = 0; n < 400; n++) {
    const revision = pick(states.length)
    const site = store.at(revision)
    expect(site.revision).toBe(revision)
    expect(contents(site)).toBe(states[revision])
  }
  expect(states[0]).toBe('')
  store.close()
}, 60_000)

test('a site of the past can be searched, counted and shares what did not change', () => {
  const store = Store.open(':memory:')
  store.commit(smallSite, by)
  const { uuid = '' } = store.snapshot.get('port', 'acme/vm1') ?? {}
  const counter = 'port.number'
  const numbers = store.snapshot.counter(counter)
  store.commit([put('port', 'acme/vm2', { network: 'web' }), drop('port', 'acme/vm1')], by)
  const past = store.at(1)
  expect([...past.find('portByUuid', uuid)]).toEqual(['acme/vm1'])
  expect([...store.snapshot.find('portByUuid', uuid)]).toEqual([])
  expect(past.counter(counter)).toBe(numbers)
  expect(past.get('network', 'acme/web')).toBe(store.snapshot.get('network', 'acme/web'))
  expect(Object.isFrozen(past.get('port', 'acme/vm1')?.addresses)).toBe(true)
  expect(store.at(2)).toBe(store.snapshot)
  store.close()
})

test('a revision tells what it changed, with both ends', () => {
  const store = Store.open(':memory:')
  store.commit(smallSite, by)
  const before = store.snapshot.get('port', 'acme/vm1')
  const spec = { network: 'web', mac: '02:00:00:00:00:11', addresses: ['10.0.0.12'] }
  store.commit([put('port', 'acme/vm1', spec)], { who: 'alice', via: 'rest' })
  const after = store.snapshot.get('port', 'acme/vm1')
  store.commit([drop('port', 'acme/vm1')], by)
  expect(store.revision(2)).toMatchObject({ who: 'alice', via: 'rest' })
  expect(store.revision(2).changes).toEqual([['port', 'acme/vm1', before, after]])
  expect(store.revision(3).changes).toEqual([['port', 'acme/vm1', after, undefined]])
  expect(() => store.revision(4)).toThrow(RevisionUnknown)
  expect(() => store.at(4)).toThrow(/revision 4 does not exist; the latest is revision 3/)
  expect(() => store.at(1.5)).toThrow(RevisionUnknown)
  store.close()
})

test('revisions are listed in order, a page at a time', () => {
  const store = ticking(10)
  const listed = (range: Parameters<Store['revisions']>[0]) =>
    store.revisions(range).map(({ revision }) => revision)
  expect(listed({ limit: 3 })).toEqual([1, 2, 3])
  expect(listed({ from: 4, limit: 3 })).toEqual([4, 5, 6])
  expect(listed({ from: 9 })).toEqual([9, 10])
  expect(listed({ from: 11 })).toEqual([])
  store.close()
})

test('a time leads to the last revision made until then', () => {
  const store = ticking(3)
  expect(store.atTime(999).revision).toBe(0)
  expect(store.atTime(1000).revision).toBe(1)
  expect(store.atTime(1019).revision).toBe(2)
  expect(store.atTime(9999).revision).toBe(3)
  store.close()
})

test('what is beyond the bound by count is compacted, and asking for it says what is the oldest', () => {
  const store = ticking(30, { revisions: 10 })
  const before = contents(store.snapshot)
  const at20 = contents(store.at(20))
  store.compact()
  expect(store.oldestRevision).toBe(20)
  expect(contents(store.at(20))).toBe(at20)
  expect(store.atTime(1195).revision).toBe(20)
  expect(store.revisions().map(({ revision }) => revision)[0]).toBe(21)
  const refusals = [
    ...[() => store.at(19), () => store.revision(20), () => store.revisions({ from: 1 })],
    ...[() => store.atTime(1189), () => store.at(Number.NaN)],
  ]
  for (const ask of refusals) expect(ask).toThrow(RevisionGone)
  expect(() => store.at(19)).toThrow(/revision 19 is no longer kept; the oldest is revision 20/)
  expect(() => store.atTime(1189)).toThrow(/1970-01-01T00:00:01.189Z is no longer kept/)
  expect(replay(store)).toBe(before)
  store.close()
})

test('what is older than the bound by age is compacted, even all of it', () => {
  let time = 0
  const path = join(folder, 'age.db')
  const store = Store.open(path, {
    clock: { ...systemClock, wall: () => time },
    keep: { ageMs: 100 },
  })
  for (time = 10; time <= 100; time += 10) store.commit([put('tenant', `t${time}`, {})], by)
  time = 150
  store.compact()
  expect(store.oldestRevision).toBe(4)
  time = 1000
  store.compact()
  expect(store.oldestRevision).toBe(10)
  expect(store.revisions()).toEqual([])
  const before = contents(store.snapshot)
  expect(contents(store.at(10))).toBe(before)
  store.close()
  const again = Store.open(path)
  expect(again.snapshot.revision).toBe(10)
  expect(contents(again.snapshot)).toBe(before)
  expect(again.commit([put('tenant', 'next', {})], by).revision).toBe(11)
  again.close()
})

test('history that outgrows its bound is compacted by itself while it is written', () => {
  const path = join(folder, 'growing.db')
  const pick = random(3)
  const store = Store.open(path, { keep: { revisions: 50 } })
  store.commit(smallSite, by)
  while (store.snapshot.revision < 600) {
    try {
      store.commit(randomEdits(store.snapshot, pick), by)
    } catch {
      // A refused write makes no revision.
    }
  }
  expect(store.snapshot.revision - store.oldestRevision).toBeLessThan(50 + 256 + 1)
  const before = contents(store.snapshot)
  expect(replay(store)).toBe(before)
  store.close()
  const again = Store.open(path)
  expect(contents(again.snapshot)).toBe(before)
  for (const name of ['network.number', 'port.number', 'vni']) {
    expect(again.snapshot.counter(name)).toBe(store.snapshot.counter(name))
  }
  again.close()
}, 60_000)

test('a site made for an earlier question is no way to a later one once it is compacted', () => {
  const store = ticking(40, { revisions: 10 })
  const at31 = contents(store.at(31))
  for (const revision of [5, 29]) store.at(revision)
  store.compact()
  expect(contents(store.at(31))).toBe(at31)
  store.close()
})
