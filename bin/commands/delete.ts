/** `weft delete`: one object, and with --cascade what refers to it. Neighbours: objects-options.ts, ../referrers.ts. */
import { nounOf } from '../../controller/model/collections.ts'
import type { Declared } from '../../controller/model/schema.ts'
import { durationOf } from '../duration.ts'
import { print } from '../print/output.ts'
import { printable } from '../print/printable.ts'
import { counted } from '../print/table.ts'
import { canAsk, confirmed, paint, withProgress } from '../print/terminal.ts'
import type { Rest } from '../rest.ts'
import { RestError } from '../rest-error.ts'
import { objectOf, objectPath } from '../target.ts'
import { LONGEST_WAIT_MS, type OutputFormat, type RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface DeleteOptions extends RestArguments {
  /** Plural of the collection. */
  readonly of: string
  readonly id: string
  readonly tenant?: string
  readonly cascade: boolean
  readonly yes: boolean
  readonly wait?: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

interface Deleted {
  readonly deleted: string
  readonly cascaded?: readonly string[]
  readonly revision: number
  readonly note?: string
}

const DELETE_LIMIT_MS = 120_000

/** @returns the exit code */
export async function remove(options: DeleteOptions): Promise<number> {
  const { of, id, cascade, yes, output, signal } = options
  const { collection, key } = objectOf(of, id, options.tenant)
  const waitMs =
    options.wait === undefined ? undefined : durationOf('--wait', options.wait, LONGEST_WAIT_MS)
  const rest = openSession(options, signal)
  const path = objectPath(collection, key)
  const name = `${nounOf(collection)} ${key}`
  if (!yes && canAsk()) {
    // Of what does not exist nobody is asked.
    await rest.ask('GET', path, { query: { fields: 'id' } })
    const along = cascade ? await found(rest, collection, key) : []
    for (const each of along) process.stderr.write(`${paint('red', '-')} ${printable(each)}\n`)
    const also = along.length > 0 ? ` and the ${counted(along.length, 'object')} above` : ''
    if (!(await confirmed(`Delete ${name}${also}?`, signal))) {
      process.stderr.write('weft: nothing was deleted\n')
      return 1
    }
  }
  const query = {
    ...(cascade && { cascade: 'true' }),
    ...(waitMs !== undefined && { wait: 'realized', timeout: `${waitMs}ms` }),
  }
  const asking = rest
    .ask<Deleted>('DELETE', path, { query, limitMs: DELETE_LIMIT_MS })
    .catch((error: unknown) => {
      if (cascade || !(error instanceof RestError && error.type === 'in_use')) throw error
      throw new RestError(error.status, `${error.message}; --cascade deletes that too`, error.type)
    })
  const { status, body } = await withProgress('waiting for hosts', asking)
  await print(output, body, () => {
    const gone = [...(body.cascaded ?? []), body.deleted].map((each) => `- ${printable(each)}`)
    return [...gone.map((line) => paint('red', line)), `Deleted: revision ${body.revision}.`]
  })
  if (status !== 202) return 0
  process.stderr.write(`weft: ${body.note ?? 'not gone from every host yet'}\n`)
  return 3
}

async function found(rest: Rest, collection: Declared, key: string): Promise<readonly string[]> {
  const { referrersOf } = await import('../referrers.ts')
  const what = `looking for what refers to ${nounOf(collection)} ${key}`
  return withProgress(what, referrersOf(rest, collection, key))
}
