/**
 * The `<value>` differences of `update2` (ovsdb-server(7), monitor_cond): what a server sends
 * instead of a large set or map, and what a client adds to the value it has.
 *
 * Columns of at most one element: the new value. Sets: the elements that are in one of both only.
 * Maps: pairs that go, with their old value, and pairs that come or change, with the new value.
 */
import { compareAtoms } from './atom.ts'
import type { Codec, Elements } from './codec.ts'
import { ovsdbError } from './error.ts'
import type { Atom } from './schema.ts'

/** The difference in wire form. */
export function valueDifference(codec: Codec, before: unknown, after: unknown): unknown {
  if (codec.column.max === 1) return codec.encode(after)
  const old = asMap(codec.elements(before))
  const now = asMap(codec.elements(after))
  const pairs: [Atom, Atom | undefined][] = []
  for (const [key, value] of old) if (!now.has(key)) pairs.push([key, value])
  for (const [key, value] of now) {
    if (!old.has(key) || old.get(key) !== value) pairs.push([key, value])
  }
  if (codec.kind === 'set') return codec.encodeKeys(pairs.map(([key]) => key))
  return codec.encode(Object.fromEntries(pairs))
}

/** The value after a difference; throws OvsdbError when the two do not fit. */
export function applyDifference(codec: Codec, before: unknown, wire: unknown): unknown {
  if (codec.column.max === 1) return codec.decode(wire)
  const result = asMap(codec.elements(before))
  const difference = codec.decodeElements(wire)
  difference.keys.forEach((key, i) => {
    const value = difference.values?.[i]
    if (result.has(key) && result.get(key) === value) result.delete(key)
    else result.set(key, value)
  })
  const pairs = [...result].sort((a, b) => compareAtoms(a[0], b[0]))
  const keys = pairs.map((pair) => pair[0])
  const values = pairs.map((pair) => pair[1] as Atom)
  try {
    return codec.fromElements(codec.kind === 'map' ? { keys, values } : { keys })
  } catch (cause) {
    throw ovsdbError('syntax error', `difference does not fit column ${codec.name}`, cause)
  }
}

function asMap({ keys, values }: Elements): Map<Atom, Atom | undefined> {
  return new Map(keys.map((key, i) => [key, values?.[i]]))
}
