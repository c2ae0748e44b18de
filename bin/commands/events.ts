/** `weft events`: what happened, and what happens. A stream that is lost is taken up where it was. Neighbours: events-options.ts, ../rest.ts. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ControllerEvent } from '../../controller/northbound/realization.ts'
import { durationMs } from '../duration.ts'
import { printable } from '../print/printable.ts'
import { paint } from '../print/terminal.ts'
import type { Rest } from '../rest.ts'
import { RestError } from '../rest-error.ts'
import { checkId, objectPath } from '../target.ts'
import { UsageError } from '../usage.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface EventsOptions extends RestArguments {
  readonly follow: boolean
  /** Id of an event, or a duration. */
  readonly since?: string
  readonly tenant?: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** With --follow so many of those before. */
const BEFORE = 10
const AGAIN_MS = 1000

/** @returns the exit code; with --follow only the signal ends it */
export async function events(options: EventsOptions): Promise<number> {
  const { follow, since, tenant, output, signal } = options
  const from = fromOf(since)
  if (tenant !== undefined) checkId(tenant)
  const path = tenant === undefined ? '/v1/events' : `${objectPath('tenant', tenant)}/events`
  const rest = openSession(options, signal)
  const printer = await printerOf(output)
  const show = (event: ControllerEvent): void => {
    process.stdout.write(printer(event))
  }
  const kept = await listed(rest, path, from)
  for (const event of follow && since === undefined ? kept.slice(-BEFORE) : kept) show(event)
  if (!follow) return 0
  let last = kept.at(-1)?.id ?? from.id
  for (;;) {
    try {
      for await (const { data } of rest.events(path, last === undefined ? undefined : `${last}`)) {
        const event = JSON.parse(data) as ControllerEvent
        show(event)
        last = event.id
      }
    } catch (error) {
      if (!(error instanceof RestError)) throw error
      if (error.type === 'events_gone') {
        process.stderr.write(`weft: ${error.message.split(';')[0]}: some were missed\n`)
        for (const event of await listed(rest, path, {})) {
          show(event)
          last = event.id
        }
      } else if (error.status !== 0 && error.status < 500) throw error
      else process.stderr.write(`weft: ${error.message}; trying again\n`)
    }
    await delay(AGAIN_MS, undefined, { signal })
  }
}

interface From {
  readonly id?: number
  /** ISO 8601. */
  readonly at?: string
}

/** @throws UsageError */
function fromOf(since: string | undefined): From {
  if (since === undefined) return {}
  if (/^\d{1,15}$/.test(since)) return { id: Number(since) }
  const ago = durationMs(since)
  if (ago !== undefined) return { at: new Date(Date.now() - ago).toISOString() }
  throw new UsageError(`--since ${since} would be the id of an event, or a time such as 10m`)
}

async function listed(rest: Rest, path: string, { id, at = '' }: From): Promise<ControllerEvent[]> {
  const query = { since: id === undefined ? undefined : `${id}` }
  const { body } = await rest.ask<{ events: ControllerEvent[] }>('GET', path, { query })
  return body.events.filter((event) => event.at >= at)
}

/** One event as text: a line, or with YAML a document. */
async function printerOf(output: OutputFormat): Promise<(event: ControllerEvent) => string> {
  if (output === 'json') return (event) => `${JSON.stringify(event)}\n`
  if (output === 'table') return lineOf
  const { stringify } = await import('yaml')
  return (event) => `---\n${stringify(event, { lineWidth: 0 })}`
}

function lineOf(event: ControllerEvent): string {
  const { at, type, host = '', message } = event
  const time = `${at}`.slice(0, 19).replace('T', ' ')
  const columns = [`${type}`.padEnd(20), `${host}`.padEnd(8), `${message}`].map(printable)
  return `${[paint('dim', printable(time)), ...columns].join('  ')}\n`
}
