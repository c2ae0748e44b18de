/** `weft host drain` and `undrain`: workloads shall leave a host; what still runs there, until nothing does. Neighbours: host-options.ts. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Drain } from '../../controller/northbound/realization.ts'
import { durationOf } from '../duration.ts'
import { print } from '../print/output.ts'
import { printable } from '../print/printable.ts'
import { counted } from '../print/table.ts'
import type { Answered } from '../print/views.ts'
import { checkId, objectPath } from '../target.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface DrainOptions extends RestArguments {
  readonly id: string
  readonly draining: boolean
  readonly wait?: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** A look so often. */
const INTERVAL_MS = 500
const nothing: Drain = { empty: true, ports: [], joins: [], bridges: [] }

/** @returns the exit code: 3 when it was not empty in time */
export async function drain(options: DrainOptions): Promise<number> {
  const { id, draining, output, signal } = options
  checkId(id)
  const waitMs = options.wait === undefined ? undefined : durationOf('--wait', options.wait)
  const rest = openSession(options, signal)
  const path = objectPath('host', id)
  let { body } = await rest.ask<Answered>('PATCH', path, { json: { draining: draining || null } })
  const ends = performance.now() + (waitMs ?? 0)
  let last = ''
  while (waitMs !== undefined && !left(body).empty && performance.now() < ends) {
    const now = sentence(left(body))
    if (now !== last) process.stderr.write(`${clock()}  ${now}\n`)
    last = now
    await delay(INTERVAL_MS, undefined, { signal })
    body = (await rest.ask<Answered>('GET', path)).body
  }
  await print(output, body, () =>
    draining ? lines(id, left(body)) : [`${id} is in service again.`],
  )
  if (waitMs === undefined || left(body).empty) return 0
  process.stderr.write(`weft: ${id} was not empty within ${options.wait}\n`)
  return 3
}

const left = ({ status }: Answered): Drain => status?.drain ?? nothing

/** '3 ports, 1 network joined there'. */
function sentence({ ports, joins }: Drain): string {
  const joined = joins.length === 0 ? [] : [`${counted(joins.length, 'network')} joined there`]
  return [...(ports.length === 0 ? [] : [counted(ports.length, 'port')]), ...joined].join(', ')
}

function lines(id: string, { empty, ports, joins, bridges }: Drain): string[] {
  const also = bridges.map((key) => `  bridge ${printable(key)}, which goes with it (--cascade)`)
  if (empty) return [`${id} is empty: weft host remove ${id} gives it back.`, ...also]
  return [
    `${id} is draining; there still:`,
    ...ports.map((key) => `  port ${printable(key)}`),
    ...joins.map(
      (key) =>
        `  network ${printable(key)} is joined to its VLAN there: name another host in its extension`,
    ),
    ...also,
  ]
}

/** Time of day, UTC as in events. */
const clock = (): string => new Date().toISOString().slice(11, 19)
