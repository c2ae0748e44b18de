/**
 * What a document would change, for people and programs: objects with their properties before and after, and on each host
 * how many rows, flows, groups and meters come, change and go. Neighbours: apply.ts asks, the compiler previews.
 */
import { createHash } from 'node:crypto'
import { Type } from 'typebox'
import { isDeclared, nounOf } from '../model/collections.ts'
import type { Declared, Edit, Objects } from '../model/schema.ts'
import type { Change, Snapshot } from '../model/snapshot.ts'
import { specOf } from '../model/spec-of.ts'
import { escaped } from '../model/validate.ts'
import { oneOf } from '../model/values.ts'
import { isObject } from './merge-patch.ts'
import type { Backing } from './objects.ts'
import { HttpError } from './problem.ts'
import type { HostCosts } from './realization.ts'

const Counts = Type.Object({
  added: Type.Integer(),
  changed: Type.Integer(),
  removed: Type.Integer(),
})
const ObjectChange = Type.Object({
  action: oneOf(['add', 'change', 'remove'], 'what becomes of the object'),
  object: Type.String({ description: "'port acme/vm1'" }),
  properties: Type.Array(
    Type.Object({
      pointer: Type.String({ description: 'RFC 6901' }),
      before: Type.Optional(Type.Unknown()),
      after: Type.Optional(Type.Unknown()),
    }),
  ),
})
const planFields = {
  revision: Type.Integer({ description: 'applied: of the site now; planned: that it is based on' }),
  changes: Type.Array(ObjectChange, { description: 'empty: the site is as the document says' }),
  hosts: Type.Record(
    Type.String(),
    Type.Object({ rows: Counts, flows: Counts, groups: Counts, meters: Counts }),
    { description: 'what each host that is concerned gets and loses' },
  ),
  warnings: Type.Array(
    Type.Object({ type: Type.String(), object: Type.String(), message: Type.String() }),
  ),
}
export const PlanSchema = Type.Object(
  {
    mode: oneOf(['plan', 'apply'], 'said, or done'),
    planId: Type.Optional(
      Type.String({ description: 'of a plan: applies exactly this, or is refused as stale' }),
    ),
    ...planFields,
    note: Type.Optional(Type.String()),
  },
  { title: 'Plan' },
)

export interface PropertyChange {
  readonly pointer: string
  readonly before?: unknown
  readonly after?: unknown
}
export interface ChangedObject {
  readonly action: 'add' | 'change' | 'remove'
  readonly object: string
  readonly properties: readonly PropertyChange[]
}
export interface Warning {
  readonly type: 'unused' | 'draining'
  readonly object: string
  readonly message: string
}
export interface Plan {
  readonly changes: readonly ChangedObject[]
  readonly hosts: Readonly<Record<string, HostCosts>>
  readonly warnings: readonly Warning[]
}

/** What edits would do to the site as it is now, in one go with what is done then. */
export interface Planned {
  /** Of what was asked, of the answer as it is shown, and of the objects that it takes the place of. */
  readonly planId: string
  readonly base: number
  readonly plan: Plan
  readonly changes: readonly Change[]
}

/**
 * Plans edits. Whatever happens to the site meanwhile, the id stays the same as long as the same would be done to the same
 * objects, and what is shown of it is the same.
 * @param given a plan that was made before: @throws HttpError `plan_stale` when this is another one, ModelError
 */
export function planEdits(
  { store, realization }: Pick<Backing, 'store' | 'realization'>,
  edits: readonly Edit[],
  { isOperators, given }: { readonly isOperators: boolean; readonly given: string | undefined },
): Planned {
  const { site, changes } = store.preview(edits)
  const whole = planOf(changes, site, realization.preview(changes))
  // How many hosts there are, and which, is the operator's to know.
  const plan = isOperators ? whole : { ...whole, hosts: {} }
  const replaced = changes.flatMap(({ collection, before }) =>
    isDeclared(collection) && before ? before.revision : [],
  )
  const planId = createHash('sha256')
    .update(JSON.stringify([edits, plan, replaced]))
    .digest('base64url')
    .slice(0, 27)
  if (given !== undefined && given !== planId) {
    const expected = 'a plan of the same on the site as it is now'
    throw new HttpError('plan_stale', { parameter: 'planId', value: given, expected })
  }
  return { planId, base: store.snapshot.revision, plan, changes }
}

export const planIdParameter = Type.Optional(
  Type.String({
    pattern: '^[A-Za-z0-9_-]{27}$',
    description:
      'the planId of a plan, 27 characters; refused (409 plan_stale) when something else would be done now, or to objects that have changed since',
  }),
)

/** @param after the site as it would be */
export function planOf(
  changes: readonly Change[],
  after: Snapshot,
  hosts: Readonly<Record<string, HostCosts>>,
): Plan {
  const declared = changes.filter(({ collection }) => isDeclared(collection))
  return { changes: declared.map(changeOf), hosts, warnings: warningsOf(declared, after) }
}

function changeOf({ collection, key, before, after }: Change): ChangedObject {
  const action = before ? (after ? 'change' : 'remove') : 'add'
  const name = collection as Declared
  const [old, now] = [before, after].map((object) =>
    object ? (specOf(name, object as Objects[Declared]) as Record<string, unknown>) : {},
  )
  const properties = action === 'remove' ? [] : differences(old ?? {}, now ?? {})
  return { action, object: `${collection} ${key}`, properties }
}

type Json = Readonly<Record<string, unknown>>

function differences(before: Json, after: Json, at = ''): PropertyChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names.flatMap((name) => {
    const [one, other] = [before[name], after[name]]
    const pointer = `${at}/${escaped(name)}`
    if (isObject(one) && isObject(other)) return differences(one, other, pointer)
    if (JSON.stringify(one) === JSON.stringify(other)) return []
    return [
      {
        pointer,
        ...(one !== undefined && { before: one }),
        ...(other !== undefined && { after: other }),
      },
    ]
  })
}

/** Who uses what. */
const users = { network: 'port', physicalNetwork: 'network' } as const

function warningsOf(changes: readonly Change[], after: Snapshot): Warning[] {
  return [...unused(changes, after), ...drawnOut(changes, after)]
}

/** What comes to a host that everything shall leave: it is done all the same. */
function drawnOut(changes: readonly Change[], after: Snapshot): Warning[] {
  const hostOf = ({ collection }: Change, object: Change['after']): string | undefined => {
    if (collection === 'port') return (object as Objects['port'] | undefined)?.hostId
    return collection === 'network'
      ? (object as Objects['network'] | undefined)?.extension?.hostId
      : undefined
  }
  return changes.flatMap((change): Warning[] => {
    const host = hostOf(change, change.after)
    if (host === undefined || host === hostOf(change, change.before)) return []
    if (!after.get('host', host)?.draining) return []
    const object = `${change.collection} ${change.key}`
    return [{ type: 'draining', object, message: `${object} comes to ${host}, which is draining` }]
  })
}

/** What is there and serves nobody. */
function unused(changes: readonly Change[], after: Snapshot): Warning[] {
  return changes.flatMap(({ collection, key, after: object }): Warning[] => {
    if (!object || (collection !== 'network' && collection !== 'physicalNetwork')) return []
    const user = users[collection]
    for (const referrer of after.find('referrer', `${collection} ${key}`))
      if (referrer.startsWith(`${user} `)) return []
    const message = `${nounOf(collection)} ${key} is used by no ${user}`
    return [{ type: 'unused', object: `${collection} ${key}`, message }]
  })
}
