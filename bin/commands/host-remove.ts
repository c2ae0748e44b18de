/** `weft host remove`: a host leaves the site, and the machine is as Weft found it. Neighbours: host-options.ts, delete.ts (any object). */
import { setTimeout as delay } from 'node:timers/promises'
import { durationOf } from '../duration.ts'
import { print } from '../print/output.ts'
import { type PlanAnswer, planLines } from '../print/plan.ts'
import { printable } from '../print/printable.ts'
import { counted } from '../print/table.ts'
import { canAsk, confirmed, paint, withProgress } from '../print/terminal.ts'
import type { Rest } from '../rest.ts'
import { RestError } from '../rest-error.ts'
import { checkId, objectPath } from '../target.ts'
import { waitingHosts } from './host-list.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface HostRemoveOptions extends RestArguments {
  readonly id: string
  readonly cascade: boolean
  readonly yes: boolean
  readonly wait: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

interface Deleted {
  readonly deleted: string
  readonly cascaded?: readonly string[]
  readonly revision: number
}

/** A look so often. */
const INTERVAL_MS = 250

/** @returns the exit code: 3 when the host is away, or not given back in time */
export async function removeHost(options: HostRemoveOptions): Promise<number> {
  const { id, cascade, yes, output, signal } = options
  checkId(id)
  const waitMs = durationOf('--wait', options.wait)
  const rest = openSession(options, signal)
  const path = objectPath('host', id)
  const whole = { mode: 'plan', cascade: 'true' }
  const asking = rest.ask<PlanAnswer>('DELETE', path, { query: whole })
  const { body: plan } = await withProgress(`looking for what refers to ${id}`, asking)
  const along = plan.changes.filter(({ object }) => object !== `host ${id}`)
  if (along.length > 0 && !cascade) {
    for (const { object } of along) process.stderr.write(`  ${printable(object)}\n`)
    const what = `${counted(along.length, 'object')} above still ${along.length === 1 ? 'refers' : 'refer'} to ${id}`
    const help = `weft host drain ${id} says what runs there; --cascade deletes all of it`
    throw new RestError(409, `${what}: ${help}`)
  }
  const running = await workloadsOn(rest, path)
  if (running > 0 && !yes && !canAsk()) {
    const help = `weft host drain ${id} says which; --yes removes it all the same`
    throw new RestError(409, `${id} still carries ${counted(running, 'workload')}: ${help}`)
  }
  const isAsked = !yes && canAsk()
  if (isAsked) {
    for (const line of planLines(plan, paint)) process.stderr.write(`${line}\n`)
    const also = along.length > 0 ? ` and the ${counted(along.length, 'other object')} above` : ''
    if (
      !(await confirmed(
        `Remove host ${id}${also}${running > 0 ? `, with ${counted(running, 'workload')} on it` : ''}?`,
        signal,
      ))
    ) {
      process.stderr.write('weft: nothing was removed\n')
      return 1
    }
  }
  // Exactly what was shown, or nothing.
  const query = { ...(cascade && { cascade: 'true' }), planId: isAsked ? plan.planId : undefined }
  const { body } = await rest.ask<Deleted>('DELETE', path, { query })
  const why = await withProgress(`giving ${id} back`, whyHeld(rest, id, waitMs, signal))
  const answer = {
    ...body,
    givenBack: why === undefined,
    ...(why !== undefined && { reason: why }),
  }
  await print(output, answer, () => [
    ...[...(body.cascaded ?? []), body.deleted].map((each) => paint('red', `- ${printable(each)}`)),
    `Removed: revision ${body.revision}.${why === undefined ? ` Nothing of Weft is on ${id}.` : ''}`,
  ])
  if (why === undefined) return 0
  process.stderr.write(`weft: ${id} is no host any longer; ${printable(why)}\n`)
  return 3
}

async function workloadsOn(rest: Rest, path: string): Promise<number> {
  const { body } = await rest.ask<{ readonly status?: { readonly workloads?: number } }>(
    'GET',
    path,
  )
  return body.status?.workloads ?? 0
}

/** Waits until a host that is gone from the model is given back. @returns why it is not; undefined: it is */
async function whyHeld(
  rest: Rest,
  id: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ends = performance.now() + waitMs
  for (;;) {
    const held = (await waitingHosts(rest)).find(
      ({ phase, hostId }) => phase === 'removing' && hostId === id,
    )
    if (!held) return undefined
    // Nobody knows when somebody who is away comes.
    if (held.address === undefined || performance.now() >= ends) return held.reason ?? ''
    await delay(INTERVAL_MS, undefined, { signal })
  }
}
