/** `weft plan` and `weft apply`: a document, what it would change, and the change. Neighbours: documents-options.ts, ../print/plan.ts. */

import { randomUUID } from 'node:crypto'
import { durationOf } from '../duration.ts'
import { print } from '../print/output.ts'
import { countChanges, type PlanAnswer, planLines } from '../print/plan.ts'
import { printable } from '../print/printable.ts'
import { paint, withProgress } from '../print/terminal.ts'
import { RestError } from '../rest-error.ts'
import { FileError, readText } from '../text-file.ts'
import { DOCUMENT_LIMIT_MS, verbPath } from './document-path.ts'
import { LONGEST_WAIT_MS, type OutputFormat, type RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface ApplyOptions extends RestArguments {
  readonly mode: 'plan' | 'apply'
  /** A path, or - for standard input. */
  readonly file: string
  readonly tenant?: string
  readonly prune: boolean
  readonly planId?: string
  /** Of apply: how long to wait for hosts; left out, not at all. */
  readonly wait?: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** @returns the exit code */
export async function applyDocument(options: ApplyOptions): Promise<number> {
  const { mode, file, tenant, prune, planId, output, signal } = options
  const path = verbPath('apply', tenant)
  const waitMs =
    options.wait === undefined ? undefined : durationOf('--wait', options.wait, LONGEST_WAIT_MS)
  const rest = openSession(options, signal)
  const query = {
    ...(mode === 'plan' && { mode }),
    ...(prune && { prune: 'true' }),
    planId,
    ...(waitMs !== undefined && { wait: 'realized', timeout: `${waitMs}ms` }),
  }
  const text = readText(file)
  if (text.trim() === '')
    throw new FileError(
      `${file === '-' ? 'standard input' : file} is empty; {} is a document of nothing`,
    )
  const document = { text, name: file === '-' ? 'standard input' : file }
  // With one key, so that what was done and not answered is not done twice.
  const headers = { 'idempotency-key': `"${randomUUID()}"` }
  const ask = () =>
    rest.ask<PlanAnswer>('POST', path, { query, headers, document, limitMs: DOCUMENT_LIMIT_MS })
  const asking = ask().catch((error: unknown) => {
    if (error instanceof RestError && error.type === 'connection_lost') return ask()
    throw error
  })
  const does = waitMs === undefined ? 'waiting for the controller' : 'waiting for hosts'
  const { status, body } = await withProgress(does, asking)
  if (!isPlan(body))
    throw new RestError(status, `${rest.controller} is no controller: it answers no plan`)
  await print(output, body, () => {
    const last = mode === 'plan' ? planned(body, options) : applied(body, options, status)
    return [...planLines(body, paint), ...last]
  })
  if (status !== 202) return 0
  process.stderr.write(`weft: ${printable(body.note ?? 'kept, and not realized yet')}\n`)
  return 3
}

/** What is printed of it as it is: numbers, and an id that is to be typed again. */
const isPlan = ({ changes, warnings, revision, planId = '' }: PlanAnswer): boolean =>
  Array.isArray(changes) &&
  Array.isArray(warnings) &&
  Number.isInteger(revision) &&
  /^[\w-]{0,128}$/.test(planId)

/** The site, or the part of it that the document is about. */
const about = ({ tenant }: ApplyOptions): string =>
  tenant === undefined ? 'the site' : `tenant ${tenant}`
const documentOf = ({ file }: ApplyOptions): string => (file === '-' ? 'the document' : file)

function planned(plan: PlanAnswer, options: ApplyOptions): string[] {
  const { revision, changes, planId } = plan
  if (changes.length === 0)
    return [
      `Nothing would change: ${about(options)} is as ${documentOf(options)} says (revision ${revision}).`,
    ]
  const sentence = `${countChanges(plan, false)}; nothing has been done. This applies exactly it, on revision ${revision}:`
  return [sentence, `  ${command(options, `${planId}`)}`]
}

function applied(plan: PlanAnswer, options: ApplyOptions, status: number): string[] {
  const { revision, changes } = plan
  if (changes.length === 0)
    return [
      `Nothing changed: ${about(options)} is as ${documentOf(options)} says (revision ${revision}).`,
    ]
  const confirmed = options.wait !== undefined && status === 200 ? ', confirmed by every host' : ''
  return [`${countChanges(plan, true)}: revision ${revision}${confirmed}.`]
}

/** What applies a plan, as it is typed. */
function command(
  { file, tenant, prune, controller, tokenFile, ca }: ApplyOptions,
  planId: string,
): string {
  const isUsual = controller === (process.env.WEFT_CONTROLLER ?? 'http://127.0.0.1:8080')
  const words = [
    ...['weft', 'apply', '-f', file],
    ...(tenant === undefined ? [] : ['--tenant', tenant]),
    ...(prune ? ['--prune'] : []),
    ...['--plan-id', planId],
    ...(isUsual ? [] : ['--controller', controller]),
    ...(tokenFile === undefined ? [] : ['--token-file', tokenFile]),
    ...(ca === undefined ? [] : ['--ca', ca]),
  ]
  return words.map(asWord).join(' ')
}

/** As a shell takes it for one word. */
const asWord = (text: string): string =>
  /^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
