/** `weft get`: a collection, or one object of it, in a table. Neighbours: objects-options.ts, ../print/views.ts. */
import { collections, nounOf } from '../../controller/model/collections.ts'
import type { Declared } from '../../controller/model/schema.ts'
import { print } from '../print/output.ts'
import { tableLines } from '../print/table.ts'
import { paint, withProgress } from '../print/terminal.ts'
import { type Answered, viewOf } from '../print/views.ts'
import type { Rest } from '../rest.ts'
import { listPath, objectPath, targetOf } from '../target.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface GetOptions extends RestArguments {
  /** Plural of the collection. */
  readonly of: string
  readonly id: string | undefined
  readonly tenant?: string
  readonly labels?: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** @returns the exit code */
export async function get(options: GetOptions): Promise<number> {
  const { of, id, labels, output, signal } = options
  const { collection, tenant, key } = targetOf(of, id, options.tenant)
  const rest = openSession(options, signal)
  if (key !== undefined) {
    const { body } = await rest.ask<Answered>('GET', objectPath(collection, key))
    await print(output, body, () => table(collection, [body], options.tenant !== undefined))
    return 0
  }
  const listing = listOf(rest, { collection, tenant, labels })
  const objects = await withProgress(`reading ${of}`, listing)
  await print(output, objects, () => table(collection, objects, tenant !== undefined))
  if (objects.length === 0 && output === 'table')
    process.stderr.write(`weft: there is no ${nounOf(collection)}\n`)
  return 0
}

interface Listed {
  readonly collection: Declared
  /** Undefined: of all tenants, where it is something of tenants. */
  readonly tenant?: string | undefined
  readonly labels?: string | undefined
}

/** All pages. */
export async function listOf(
  rest: Rest,
  { collection, tenant, labels }: Listed,
): Promise<Answered[]> {
  const isOfAll = collections[collection].parent === 'tenant' && tenant === undefined
  const lists = isOfAll
    ? (await idsOfTenants(rest)).map((id) => listPath(collection, id))
    : [listPath(collection, tenant)]
  const objects: Answered[] = []
  for (const path of lists)
    for await (const each of rest.items<Answered>(path, { labels })) objects.push(each)
  return objects
}

async function idsOfTenants(rest: Rest): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of rest.items<{ id: string }>(listPath('tenant'), { fields: 'id' }))
    ids.push(encodeURIComponent(id))
  return ids
}

function table(collection: Declared, objects: readonly Answered[], isShort: boolean): string[] {
  if (objects.length === 0) return []
  const { headings, rows } = viewOf(collection, objects, isShort)
  return tableLines(headings, rows, paint)
}
