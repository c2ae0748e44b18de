/** `weft flows`: page by page, so that a host of 100,000 flows is printed as it is read. Neighbours: flows-options.ts, ../print/flows.ts. */
import { once } from 'node:events'
import { type FlowPage, flowHead, flowPrinter } from '../print/flows.ts'
import { paint } from '../print/terminal.ts'
import type { Rest } from '../rest.ts'
import { checkId } from '../target.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface FlowsOptions extends RestArguments {
  readonly host: string
  readonly table?: string
  readonly of?: string
  readonly diff: boolean
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** What --table and --of take: both ask for what may be there later, so neither is held against a list. */
const ASKABLE =
  '--table takes a stage such as l2 or 50, --of an object such as port/acme/vm1, as weft flows names them'

/** The host is not as it should be. */
const DIFFERENT = 3

/** @returns the exit code */
export async function flows(options: FlowsOptions): Promise<number> {
  checkId(options.host)
  try {
    return await printed(openSession(options, options.signal), options)
  } catch (error) {
    // Who reads, such as head, has had enough.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
    return 0
  }
}

async function printed(rest: Rest, options: FlowsOptions): Promise<number> {
  const { host, output, diff, table, of } = options
  const count = await (output === 'table' ? forPeople : forPrograms)(rest, options)
  const asked = [table, of].filter((part) => part !== undefined).join(' of ')
  if (count === 0 && !diff && asked !== '')
    process.stderr.write(`weft: ${host} has nothing of ${asked}; ${ASKABLE}\n`)
  return diff && count > 0 ? DIFFERENT : 0
}

/** @returns how many there were */
async function forPeople(rest: Rest, options: FlowsOptions): Promise<number> {
  const lines = flowPrinter({ isDiff: options.diff, paint })
  let isFirst = true
  for await (const page of pagesOf(rest, options)) {
    if (isFirst) await write([flowHead(page, paint)])
    isFirst = false
    await write(page.items.flatMap(lines))
  }
  return lines.count
}

/** As forPeople: one list, whose items are written as they come. */
async function forPrograms(rest: Rest, options: FlowsOptions): Promise<number> {
  const { output } = options
  let count = 0
  const { stringify } = await import('yaml')
  for await (const { items } of pagesOf(rest, options)) {
    for (const item of items) {
      const text = output === 'json' ? JSON.stringify(item) : stringify([item], { lineWidth: 0 })
      const lead = output === 'yaml' ? '' : count === 0 ? '[\n' : ',\n'
      await write([`${lead}${text.trimEnd()}`], output === 'json' ? '' : '\n')
      count++
    }
  }
  if (output === 'json') await write([count === 0 ? '[]' : '\n]'])
  else if (count === 0) await write(['[]'])
  return count
}

async function* pagesOf(
  rest: Rest,
  { host, table, of, diff }: FlowsOptions,
): AsyncGenerator<FlowPage> {
  const path = `/v1/infra/hosts/${host}/flows`
  let cursor: string | undefined
  do {
    const query = { table, of, diff: diff ? 'true' : undefined, cursor }
    const { body } = await rest.ask<FlowPage>('GET', path, { query })
    yield body
    cursor = body.next
  } while (cursor !== undefined)
}

/** Waits while nobody reads. */
async function write(lines: readonly string[], end = '\n'): Promise<void> {
  const text = lines.map((line) => `${line}${end}`).join('')
  if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain')
}
