/**
 * What one schema cannot see, on the draft with all edits in it, so that the order of edits does
 * not matter. Here are the checks that follow from the tables (indexes.ts, collections.ts):
 * uniqueness, references, what cannot change, what is still in use; rules.ts has those of one
 * collection. Each costs by the object, through the indexes, never by the site.
 */
import { portsWithin } from './address-pool.ts'
import { subnetRange } from './cidr.ts'
import { collections, nounOf, splitKey } from './collections.ts'
import { holderFacts, type Problem, problem } from './errors.ts'
import { indexRowsOf } from './indexes.ts'
import { checkQuota } from './quota.ts'
import type { Context } from './rule.ts'
import { rules } from './rules.ts'
import type { Collection, Declared, Objects, Subnet } from './schema.ts'
import type { View } from './snapshot.ts'
import { hint } from './suggest.ts'

/** Everything that is wrong with an object that a commit puts. */
export function checkPut<C extends Declared>(
  collection: C,
  key: string,
  object: Objects[C],
  before: Objects[C] | undefined,
  at: Context,
): Problem[] {
  return [
    ...checkFixed(collection, object, before),
    ...(before ? [] : checkQuota(collection, object, at.view)),
    ...checkReferences(collection, key, object, at.view),
    ...checkUnique(collection, key, object, at.view),
    ...rules[collection].flatMap((rule) => rule(object, key, at)),
  ].map((each) => Object.freeze({ collection, key, ...each }))
}

/** What still needs an object that a commit deletes. */
export function checkDelete<C extends Collection>(
  collection: C,
  key: string,
  before: Objects[C],
  view: View,
): Problem[] {
  const references: string[] = []
  for (const referrer of referrersOf(collection, key, before, view))
    if (references.push(referrer) === 100) break
  if (references.length === 0) return []
  const [first] = references
  const by = references.length === 1 ? `${first}` : `${first} and ${references.length - 1} more`
  return [
    problem('in_use', {
      pointer: '',
      value: `${nounOf(collection)} ${key}`,
      by,
      expected: 'what refers to it to be deleted first',
      references: Object.freeze(references),
      collection,
      key,
    }),
  ]
}

/** What needs an object: 'port acme/vm1'; one may come twice. */
export function* referrersOf<C extends Collection>(
  collection: C,
  key: string,
  before: Objects[C],
  view: View,
): Generator<string> {
  yield* view.find('referrer', `${collection} ${key}`)
  if (collection !== 'subnet') return
  for (const port of portsIn(view, before as Subnet)) yield `port ${port}`
}

function* portsIn(view: View, subnet: Subnet): Generator<string> {
  const range = subnetRange(subnet)
  yield* portsWithin(view, `${subnet.tenant}/${subnet.network}`, range.family, range)
}

// Rules that follow from the tables ---------------------------------------------------------------

function checkFixed<C extends Declared>(
  collection: C,
  object: Objects[C],
  before: Objects[C] | undefined,
): Problem[] {
  if (!before) return []
  const [old, now] = [before, object] as unknown as Record<string, unknown>[]
  return collections[collection].fixed
    .filter((field) => old?.[field] !== now?.[field] && field in before === field in object)
    .map((field) =>
      problem('fixed', {
        pointer: `/${field}`,
        value: now?.[field],
        by: `${old?.[field]}`,
        expected: `${old?.[field]}, or another object`,
      }),
    )
}

function checkReferences<C extends Declared>(
  collection: C,
  key: string,
  object: Objects[C],
  view: View,
): Problem[] {
  const problems: Problem[] = []
  for (const { field, to, key: targetOf } of collections[collection].references) {
    const target = targetOf(object)
    if (target === undefined || view.get(to, target)) continue
    const { parent, id } = splitKey(target)
    const others = [...idsUnder(view, to, parent)].filter(
      (other) => to !== collection || other !== splitKey(key).id,
    )
    problems.push(
      problem(field === '' ? 'not_found' : 'unknown_reference', {
        pointer: field === '' ? '' : `/${field}`,
        value: field === '' ? `${nounOf(to)} ${id}` : id,
        by: `${nounOf(to)} ${target}`,
        expected: `the id of a ${nounOf(to)}; ${hint(id, others)}`,
      }),
    )
  }
  return problems
}

/** At most 1,000 ids: they are for a sentence. */
function* idsUnder(view: View, collection: Declared, parent: string): Generator<string> {
  const prefix = parent === '' ? '' : `${parent}/`
  let left = 1000
  for (const [key] of view.list(collection).range(prefix)) {
    if (!key.startsWith(prefix) || left-- === 0) return
    yield key.slice(prefix.length)
  }
}

function checkUnique<C extends Declared>(
  collection: C,
  key: string,
  object: Objects[C],
  view: View,
): Problem[] {
  const problems: Problem[] = []
  for (const { name, values, unique } of indexRowsOf(collection)) {
    if (!unique) continue
    for (const [at, value] of values(object).entries()) {
      for (const other of view.find(name, value)) {
        if (other === key) continue
        const pointer = unique.pointer(at, object)
        const given = propertyAt(object, pointer)
        const expected = `a value that no other ${nounOf(collection)} has`
        const holder = holderFacts(
          object,
          view.get(collection, other),
          `${nounOf(collection)} ${other}`,
        )
        problems.push(problem(unique.type, { pointer, value: given, ...holder, expected }))
        break
      }
    }
  }
  return problems
}

function propertyAt(object: unknown, pointer: string): unknown {
  let at = object
  for (const step of pointer.split('/').slice(1)) at = (at as Record<string, unknown>)[step]
  return at
}
