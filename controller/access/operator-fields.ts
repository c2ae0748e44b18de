/**
 * Properties of what tenants make that are the operator's to say: where a workload is, on which VLAN of a wire, and numbers
 * of the site that would tell one tenant what another has. A tenant that leaves them out keeps what an operator has said.
 *
 * Neighbour: northbound/objects.ts asks before it writes.
 */
import { ModelError, problem } from '../model/errors.ts'
import type { Declared, Objects } from '../model/schema.ts'
import { escaped } from '../model/validate.ts'
import type { Principal } from './principal.ts'

type Spec = Readonly<Record<string, unknown>>

interface OperatorFields {
  readonly said: (spec: Spec) => readonly string[]
  /** Stays with them where it is left out: it cannot be without them. */
  readonly kept: readonly string[]
}

const always = ['hostId', 'ofport', 'interface'] as const
const fields: Readonly<Partial<Record<Declared, OperatorFields>>> = {
  network: { said: () => ['vni', 'physicalNetwork', 'vid', 'extension'], kept: ['type'] },
  port: {
    // Inside of a trunk the VID is between its guest and us; on an interface it is a place on the wire.
    said: ({ parent }) => (parent === undefined ? [...always, 'vid'] : always),
    kept: [],
  },
}

/**
 * The spec as it is to be committed. @param before the object that is there, if any
 * @throws ModelError `operator_field` when a tenant says what is the operator's
 */
export function withOperatorFields(
  { role }: Principal,
  collection: Declared,
  spec: unknown,
  before: Objects[Declared] | undefined,
): unknown {
  const row = fields[collection]
  // What is no object is for the model to refuse.
  if (role === 'operator' || !row || !isObject(spec)) return spec
  const held = (before ?? {}) as Spec
  const said = row.said(spec)
  for (const [name, value] of Object.entries(spec)) {
    if (!said.includes(name) || sameValue(value, held[name])) continue
    const facts = { pointer: `/${escaped(name)}`, value, expected: 'it to be left out' }
    throw new ModelError([problem('operator_field', facts)])
  }
  const names = said.some((name) => held[name] !== undefined) ? [...said, ...row.kept] : []
  const kept = names.filter((name) => held[name] !== undefined).map((name) => [name, held[name]])
  return { ...Object.fromEntries(kept), ...spec }
}

const isObject = (value: unknown): value is Spec =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** JSON values; the properties of an extension in the order of its schema or another. */
function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const [one, other] = [a as Spec, b as Spec]
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => sameValue(one[name], other[name]))
}
