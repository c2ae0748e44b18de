/**
 * An object as it is answered: with its status, and with `fields` no more than was asked for. Neighbours: objects.ts and
 * lists.ts.
 */
import type { Declared, Objects } from '../model/schema.ts'
import type { Realization, StatusOptions } from './realization.ts'

/** @param at what it is read as of: of the past there is no status, @param options of the status */
export function answerOf(
  realization: Realization,
  collection: Declared,
  object: Objects[Declared],
  at?: string,
  options?: StatusOptions,
): object {
  if (at !== undefined) return object
  return { ...object, status: realization.status(collection, object as never, options) }
}

/** `id,status.realized` of { id, status: { realized, hosts } } -> { id, status: { realized } }. */
export function selected(object: object, fields: string | undefined): object {
  if (fields === undefined) return object
  const chosen: Record<string, unknown> = {}
  for (const path of fields.split(',')) copy(object as Json, chosen, path.split('.'))
  return chosen
}

type Json = Readonly<Record<string, unknown>>

function copy(from: Json, to: Record<string, unknown>, [name = '', ...rest]: string[]): void {
  if (!Object.hasOwn(from, name)) return
  const value = from[name]
  const isDeeper = rest.length > 0 && typeof value === 'object' && value !== null
  if (!isDeeper) {
    if (rest.length === 0) to[name] = value
    return
  }
  const before = Object.hasOwn(to, name) ? to[name] : {}
  const below = { ...(before as object) }
  copy(value as Json, below, rest)
  to[name] = below
}
