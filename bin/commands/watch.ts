/** `weft watch`: one object until it is realized, a line for each change of its state. Neighbours: objects-options.ts, ../print/state.ts. */
import { setTimeout as delay } from 'node:timers/promises'
import { nounOf } from '../../controller/model/collections.ts'
import { durationOf } from '../duration.ts'
import { printable } from '../print/printable.ts'
import { progressOf } from '../print/state.ts'
import { paint } from '../print/terminal.ts'
import type { Answered } from '../print/views.ts'
import { objectOf, objectPath } from '../target.ts'
import type { RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface WatchOptions extends RestArguments {
  /** Plural of the collection. */
  readonly of: string
  readonly id: string
  readonly tenant?: string
  readonly timeout: string
  readonly signal: AbortSignal
}

/** Not the numbers of items, which cost a controller most. */
const fields = 'id,status.realized,status.reason,status.conditions'
/** A look so often. */
const INTERVAL_MS = 250

/** @returns the exit code: 3 when it was not realized in time */
export async function watch(options: WatchOptions): Promise<number> {
  const { of, id, timeout, signal } = options
  const { collection, key } = objectOf(of, id, options.tenant)
  const limitMs = durationOf('--timeout', timeout)
  const rest = openSession(options, signal)
  const path = objectPath(collection, key)
  const ends = performance.now() + limitMs
  let last: string | undefined
  for (;;) {
    const { body } = await rest.ask<Answered>('GET', path, { query: { fields } })
    const { text, style = 'yellow' } = progressOf(body.status)
    if (text !== last)
      process.stdout.write(`${paint('dim', clock())}  ${paint(style, printable(text))}\n`)
    last = text
    if (body.status?.realized) return 0
    if (performance.now() >= ends) break
    await delay(INTERVAL_MS, undefined, { signal })
  }
  process.stderr.write(`weft: ${nounOf(collection)} ${key} was not realized within ${timeout}\n`)
  return 3
}

/** Time of day, UTC as in events. */
const clock = (): string => new Date().toISOString().slice(11, 19)
