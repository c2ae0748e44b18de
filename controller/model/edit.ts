/**
 * The next revision as a pure function of the last one and a set of edits: all of them or, with
 * every problem named, none.
 *
 *   edits -> schema (validate) -> deletes, then puts in the order of the collections (resolve)
 *         -> rules on the result (check) -> site
 */
import { checkDelete, checkPut } from './check.ts'
import { collections, isDeclared, nounOf, splitKey } from './collections.ts'
import { MOST_PROBLEMS, ModelError, type Problem, problem, refuse } from './errors.ts'
import { forgetCounters } from './ipam.ts'
import type { Place } from './place.ts'
import { follow } from './quarantine.ts'
import { allocates, resolve, sameObject } from './resolve.ts'
import {
  type Collection,
  collectionNames,
  type Declared,
  type Edit,
  type Objects,
} from './schema.ts'
import type { Change, Draft, Site } from './snapshot.ts'
import { validateSpec } from './validate.ts'
import { idPattern, idRule } from './values.ts'

export interface Edited {
  readonly site: Site
  /** Empty when every spec was already so; the site is then the very one that was given. */
  readonly changes: readonly Change[]
  /** Counters that moved; undefined: forgotten. */
  readonly counters: ReadonlyMap<string, number | undefined>
}

/** An object that a commit puts or deletes; `spec` as it was asked for. */
interface Touched {
  readonly collection: Collection
  readonly key: string
  readonly spec: object | undefined
}

/**
 * @param uuid random and never repeating; called once for each new object
 * @throws ModelError with all problems, of more than a hundred the first; nothing has changed then
 */
export function applyEdits(site: Site, edits: readonly Edit[], uuid: () => string): Edited {
  refuseFirst(edits, ({ collection, key, spec }) => checkEdit(collection, key, spec))
  refuse(duplicates(edits))

  const draft = site.draft()
  const revision = site.revision + 1
  const touched = new Map<string, Touched>()
  const touch = (collection: Collection, key: string, spec?: object): void => {
    touched.set(`${collection} ${key}`, { collection, key, spec })
  }
  const problems: Problem[] = []
  const claimedMacs = macsOf(edits)
  for (const { collection, key, spec } of inOrder(edits)) {
    touch(collection, key, spec)
    if (spec === undefined) {
      if (!draft.get(collection, key)) problems.push(absent(collection, key))
      remove(draft, collection, key, { revision, touch })
    } else {
      problems.push(
        ...put(draft, { collection, key, spec } as Edit, { revision, uuid, touch, claimedMacs }),
      )
    }
    if (problems.length >= MOST_PROBLEMS) break
  }
  refuse(problems)

  const changes: Change[] = []
  for (const [name, { collection, key }] of touched) {
    const before = site.get(collection, key)
    const after = draft.get(collection, key)
    if (before !== after) changes.push(Object.freeze({ collection, key, before, after }) as Change)
    // Nobody checks it for itself: whoever checks another has to look at it.
    else touched.delete(name)
  }
  // What is put again as it was is not looked at for itself, so that others must look at it.
  const changed = new Set(changes.map(({ collection, key }) => `${collection} ${key}`))
  refuseFirst(changes, (change) => check(change, draft, touched, changed))
  if (changes.length === 0) return { site, changes, counters: new Map() }
  return { site: draft.site(revision), changes, counters: draft.movedCounters }
}

/** As many problems as anybody reads. @throws ModelError */
function refuseFirst<T>(all: readonly T[], problemsOf: (each: T) => readonly Problem[]): void {
  const problems: Problem[] = []
  for (const each of all) {
    problems.push(...problemsOf(each))
    if (problems.length >= MOST_PROBLEMS) break
  }
  refuse(problems)
}

const idForm = new RegExp(idPattern)

/** An edit by itself: its key and its spec. */
function checkEdit(collection: Collection, key: string, spec: unknown): Problem[] {
  const problems = isDeclared(collection) ? checkKey(collection, key) : []
  if (spec !== undefined) problems.push(...validateSpec(collection, spec))
  return problems.map((each) => Object.freeze({ collection, key, ...each }))
}

function checkKey(collection: Declared, key: string): Problem[] {
  const { parent: scope, maxIdLength = 63, reservedIds = [] } = collections[collection]
  const { parent, id } = splitKey(key)
  const facts = { pointer: '', value: id }
  if (!idForm.test(id) || id.length > maxIdLength) {
    const expected = maxIdLength < 63 ? `at most ${maxIdLength} of ${idRule}` : idRule
    return [problem('id_invalid', { ...facts, expected })]
  }
  if ((scope === undefined) !== (parent === '') || (scope && !idForm.test(parent))) {
    return [problem('id_invalid', { ...facts, value: parent, expected: `the id of a ${scope}` })]
  }
  if (reservedIds.includes(id)) {
    return [problem('id_reserved', { ...facts, expected: 'another id' })]
  }
  return []
}

function duplicates(edits: readonly Edit[]): Problem[] {
  const seen = new Set<string>()
  return edits.flatMap(({ collection, key }) => {
    const name = `${collection} ${key}`
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    const facts = { pointer: '', value: name, expected: 'one edit of each object', collection, key }
    return [problem('duplicate_edit', facts)]
  })
}

const rank = Object.fromEntries(collectionNames.map((name, at) => [name, at])) as Record<
  Collection,
  number
>

/** Deletes first; then collections in order, in each of them explicit values before given ones. */
function inOrder(edits: readonly Edit[]): readonly Edit[] {
  if (edits.length === 1) return edits
  const place = ({ collection, spec }: Edit): number =>
    spec === undefined ? -1 : rank[collection] * 2 + (allocates(collection, spec) ? 1 : 0)
  return edits.toSorted((a, b) => place(a) - place(b))
}

/** MACs that ports say themselves: nobody is given them. */
function macsOf(edits: readonly Edit[]): ReadonlySet<string> {
  const macs = new Set<string>()
  if (edits.length === 1) return macs
  for (const { collection, key, spec } of edits) {
    if (collection !== 'port' || spec?.mac === undefined) continue
    macs.add(`${splitKey(key).parent}/${spec.network} ${spec.mac.toLowerCase()}`)
  }
  return macs
}

interface At {
  readonly revision: number
  readonly touch: (collection: Collection, key: string) => void
}

function put(
  draft: Draft,
  edit: Edit,
  at: At & Pick<Place<Collection>, 'uuid' | 'claimedMacs'>,
): Problem[] {
  const { collection, key, spec } = edit
  const before = draft.get(collection, key)
  const { uuid, claimedMacs } = at
  const place = { ...splitKey(key), before, draft, uuid, claimedMacs }
  try {
    const fields = resolve(collection, spec as never, place as never)
    if (before && sameObject(before, fields)) return []
    const { revision } = at
    const after = Object.freeze({ ...fields, revision }) as Objects[Collection]
    draft.put(collection, key, after)
    follow(draft, { collection, key, before, after } as Change, at)
    return []
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    return error.problems.map((each) => Object.freeze({ collection, key, ...each }))
  }
}

function absent(collection: Collection, key: string): Problem {
  const facts = { pointer: '', value: `${nounOf(collection)} ${key}`, expected: 'what exists' }
  return problem('not_found', { ...facts, collection, key })
}

/** What hosts reported about an object goes with the object. */
function remove(draft: Draft, collection: Collection, key: string, at: At): void {
  const before = draft.get(collection, key)
  const bindings: string[] = []
  if (collection === 'host') bindings.push(...draft.find('bindingByHost', key))
  if (collection === 'port') bindings.push(draft.get('port', key)?.uuid ?? '')
  if (collection === 'subnet' || collection === 'physicalNetwork') {
    if (before && 'uuid' in before) forgetCounters(draft, before)
  }
  for (const binding of bindings) {
    if (!draft.get('binding', binding)) continue
    at.touch('binding', binding)
    draft.put('binding', binding, undefined)
  }
  draft.put(collection, key, undefined)
  if (before) follow(draft, { collection, key, before, after: undefined } as Change, at)
}

function check(
  change: Change,
  draft: Draft,
  touched: ReadonlyMap<string, Touched>,
  changed: ReadonlySet<string>,
): Problem[] {
  const { collection, key, before, after } = change
  if (!isDeclared(collection))
    return collection === 'binding' && after
      ? checkBinding(key, after as Objects['binding'], draft)
      : []
  if (!after) return before ? checkDelete(collection, key, before as Objects[Declared], draft) : []
  const edited = (other: Collection, otherKey: string): boolean =>
    changed.has(`${other} ${otherKey}`)
  const spec = touched.get(`${collection} ${key}`)?.spec ?? {}
  const asked = (field: string): boolean => Object.hasOwn(spec, field)
  return checkPut(collection, key, after as Objects[Declared], before as Objects[Declared], {
    view: draft,
    edited,
    asked,
  })
}

/** Observed, not asked for: only what it refers to must exist. */
function checkBinding(key: string, binding: Objects['binding'], draft: Draft): Problem[] {
  const facts = { collection: 'binding', key } as const
  const problems: Problem[] = []
  for (const _ of draft.find('portByUuid', key)) {
    if (draft.get('host', binding.hostId)) return problems
    const expected = 'the id of a host'
    return [
      problem('unknown_reference', {
        ...facts,
        pointer: '/hostId',
        value: binding.hostId,
        by: `host ${binding.hostId}`,
        expected,
      }),
    ]
  }
  return [
    problem('unknown_reference', {
      ...facts,
      pointer: '',
      value: key,
      by: `port ${key}`,
      expected: 'the uuid of a port',
    }),
  ]
}
