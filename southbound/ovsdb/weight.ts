/**
 * What values cost, about, without reading them: so that limits count work and memory rather than
 * rows, of which one may hold a million elements. Neighbours: history.ts, transaction-operation.ts.
 */

/** Characters that count as one element. */
const TEXT = 16

/** Of a decoded value: 1 for an atom or its place, 1 for each element or 16 characters. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return 1 + value.length / TEXT
  if (Array.isArray(value)) return 1 + value.length
  if (typeof value === 'object' && value !== null) return 1 + Object.keys(value).length
  return 1
}

/** Bytes, about, of a value as JSON: text outside ASCII and long numbers are longer. */
export function jsonSize(value: unknown): number {
  if (typeof value === 'string') return 2 + value.length
  if (typeof value !== 'object' || value === null) return 6
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.entries(value)
  let size = 2
  for (const member of members) size += 1 + jsonSize(member)
  return size
}
