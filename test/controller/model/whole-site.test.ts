/** A site that is made at once, as when a store is opened, is the one that its edits lead to. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { indexNames } from '../../../controller/model/indexes.ts'
import { PersistentMap } from '../../../controller/model/persistent-map.ts'
import { collectionNames, type Objects } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { runs } from '../../random.ts'
import { drop, put, siteWith, smallSite } from './site.ts'

test('a map made at once has what the entries set one by one, and changes like any other', () => {
  const key = fc.string({ maxLength: 3 })
  const entries = fc.array(fc.tuple(key, fc.nat()), { maxLength: 3000, size: 'max' })
  fc.assert(
    fc.property(entries, fc.array(fc.tuple(key, fc.boolean())), (given, changes) => {
      let oneByOne = PersistentMap.empty<number>()
      for (const [name, value] of given) oneByOne = oneByOne.set(name, value)
      let atOnce = PersistentMap.of(given)
      expect([...atOnce]).toEqual([...oneByOne])
      for (const [name, puts] of changes) {
        oneByOne = puts ? oneByOne.set(name, -1) : oneByOne.delete(name)
        atOnce = puts ? atOnce.set(name, -1) : atOnce.delete(name)
        expect(atOnce.get(name)).toBe(oneByOne.get(name))
      }
      expect([...atOnce]).toEqual([...oneByOne])
      expect([atOnce.size, atOnce.first(), atOnce.last()]).toEqual([
        ...[oneByOne.size, oneByOne.first(), oneByOne.last()],
      ])
    }),
    runs(30),
  )
})

test('a site made at once has the objects, indexes and counters of the one made by edits', () => {
  const ports = Array.from({ length: 120 }, (_, n) =>
    put('port', `acme/p${n}`, {
      network: 'web',
      ...(n % 7 === 0 && { hostId: 'h1', ofport: n + 1 }),
    }),
  )
  const made = siteWith(
    ...[smallSite, [put('physicalNetwork', 'lan', {}), put('bridge', 'h1/br-lan', {})]],
    ...[ports, [drop('port', 'acme/p3'), put('network', 'globex/n', {})]],
  )
  const objects = collectionNames.flatMap((collection) =>
    [...made.list(collection)].map(
      ([key, object]) => [collection, key, object as Objects[typeof collection]] as const,
    ),
  )
  const counters = ['port.number', 'network.number', 'vni'].map(
    (name) => [name, made.counter(name)] as const,
  )
  const whole = Site.of(made.revision, objects.toReversed(), counters)
  expect(whole.revision).toBe(4)
  for (const name of collectionNames) expect([...whole.list(name)]).toEqual([...made.list(name)])
  for (const name of indexNames) expect([...whole.index(name)]).toEqual([...made.index(name)])
  for (const [name, value] of counters) expect(whole.counter(name)).toBe(value)
})
