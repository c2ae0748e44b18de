/**
 * Properties of what tenants make that are the operator's to say: where a workload is, and numbers of the site that would
 * tell one tenant what another has. A tenant that leaves them out keeps what an operator has said.
 *
 * Neighbour: northbound/objects.ts asks before it writes.
 */
import { ModelError, problem } from '../model/errors.ts'
import type { Declared, Objects } from '../model/schema.ts'
import { escaped } from '../model/validate.ts'
import type { Principal } from './principal.ts'

interface OperatorFields {
  readonly said: readonly string[]
  /** Those that hang on them: anybody may say them, what is left out stays. */
  readonly kept: readonly string[]
}

const fields: Readonly<Partial<Record<Declared, OperatorFields>>> = {
  network: { said: ['vni', 'physicalNetwork', 'extension'], kept: ['type', 'vid'] },
  port: { said: ['hostId', 'ofport', 'interface'], kept: ['vid'] },
}

type Spec = Readonly<Record<string, unknown>>

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
  if (role === 'operator' || !row || typeof spec !== 'object' || spec === null) return spec
  const held = (before ?? {}) as Spec
  for (const [name, value] of Object.entries(spec)) {
    if (!row.said.includes(name) || sameValue(value, held[name])) continue
    const facts = { pointer: `/${escaped(name)}`, value, expected: 'it to be left out' }
    throw new ModelError([problem('operator_field', facts)])
  }
  const names = row.said.some((name) => held[name] !== undefined) ? [...row.said, ...row.kept] : []
  const kept = names.filter((name) => held[name] !== undefined).map((name) => [name, held[name]])
  return { ...Object.fromEntries(kept), ...spec }
}

/** JSON values; the properties of an extension in the order of its schema or another. */
function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const [one, other] = [a as Spec, b as Spec]
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => sameValue(one[name], other[name]))
}
