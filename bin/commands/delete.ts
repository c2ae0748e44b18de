/** `weft delete`: one object, and with --cascade what refers to it. Neighbours: objects-options.ts, ../print/plan.ts. */
import { nounOf } from '../../controller/model/collections.ts'
import { durationOf } from '../duration.ts'
import { print } from '../print/output.ts'
import { type PlanAnswer, planLines } from '../print/plan.ts'
import { printable } from '../print/printable.ts'
import { counted } from '../print/table.ts'
import { canAsk, confirmed, paint, withProgress } from '../print/terminal.ts'
import type { Ask, Rest } from '../rest.ts'
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
  const along = { ...(cascade && { cascade: 'true' }) }
  let planId: string | undefined
  if (!yes && canAsk()) {
    const plan = await planOf(rest, path, along)
    for (const line of planLines(plan, paint)) process.stderr.write(`${line}\n`)
    const others = plan.changes.length - 1
    const also = others > 0 ? ` and the ${counted(others, 'other object')} above` : ''
    if (!(await confirmed(`Delete ${name}${also}?`, signal))) {
      process.stderr.write('weft: nothing was deleted\n')
      return 1
    }
    // Exactly what was shown, or nothing.
    planId = plan.planId
  }
  const query = {
    ...along,
    planId,
    ...(waitMs !== undefined && { wait: 'realized', timeout: `${waitMs}ms` }),
  }
  const asking = rest.ask<Deleted>('DELETE', path, { query, limitMs: DELETE_LIMIT_MS })
  const { status, body } = await withProgress('waiting for hosts', asking).catch(advised)
  await print(output, body, () => {
    const gone = [...(body.cascaded ?? []), body.deleted].map((each) => `- ${printable(each)}`)
    return [
      ...gone.map((line) => paint('red', line)),
      `Deleted: revision ${printable(`${body.revision}`)}.`,
    ]
  })
  if (status !== 202) return 0
  process.stderr.write(`weft: ${printable(body.note ?? 'not gone from every host yet')}\n`)
  return 3
}

/** What would go. */
async function planOf(rest: Rest, path: string, along: Ask['query']): Promise<PlanAnswer> {
  const query = { ...along, mode: 'plan' }
  const asking = rest.ask<PlanAnswer>('DELETE', path, { query, limitMs: DELETE_LIMIT_MS })
  const { status, body } = await withProgress('looking for what goes along', asking).catch(advised)
  if (Array.isArray(body.changes) && Array.isArray(body.warnings)) return body
  throw new RestError(status, `${rest.controller} is no controller: it answers no plan`)
}

/** A refusal, with what helps. */
function advised(error: unknown): never {
  if (!(error instanceof RestError && error.type === 'in_use')) throw error
  throw new RestError(error.status, `${error.message}; --cascade deletes that too`, error.type)
}
