/** `weft doctor`: of a site over REST, of this machine, or of a store's file. Neighbours: doctor-options.ts, ../doctor/. */
import { setTimeout as delay } from 'node:timers/promises'
import { examine, type Result } from '../doctor/check.ts'
import { machineChecks, siteChecks, storeChecks } from '../doctor/groups.ts'
import { type HostKind, hostFacts } from '../doctor/host-facts.ts'
import { siteFacts } from '../doctor/site-facts.ts'
import { findingLines } from '../print/findings.ts'
import { print } from '../print/output.ts'
import { paint, withProgress } from '../print/terminal.ts'
import { checkId } from '../target.ts'
import { UsageError } from '../usage.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface DoctorOptions extends RestArguments {
  readonly hosts: readonly string[]
  readonly host: boolean
  readonly kind: HostKind
  readonly vtep?: string
  readonly rundir: string
  readonly store?: string
  /** A controller was named: a machine's clock can be compared with that one. */
  readonly isControllerGiven?: boolean
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** Between two looks at what counts up: switches tell their counters about once a second. Milliseconds. */
const LATER_MS = 2500

/** @returns the exit code */
export async function doctor(options: DoctorOptions): Promise<number> {
  const { hosts, host, store, output } = options
  if (host && store !== undefined) throw new UsageError('--host and --store are two questions')
  if ((host || store !== undefined) && hosts.length > 0)
    throw new UsageError(`${hosts[0]}: hosts are named of a site, without --host and --store`)
  for (const id of hosts) checkId(id)
  const results = await withProgress('looking', resultsOf(options))
  await print(output, results, () => findingLines(results, paint))
  return results.some(({ verdict }) => verdict === 'bad') ? 1 : 0
}

function resultsOf(options: DoctorOptions): Promise<Result[]> {
  const { hosts, host, kind, rundir, vtep, store, isControllerGiven, signal } = options
  const now = Date.now
  if (store !== undefined) return examine(storeChecks, { path: store }, signal)
  if (host) {
    const rest = isControllerGiven ? openSession(options, signal) : undefined
    return examine(
      machineChecks[kind],
      hostFacts({ kind, rundir, vtep, rest, now, signal }),
      signal,
    )
  }
  return ofSite(options, hosts)
}

async function ofSite(options: DoctorOptions, chosen: readonly string[]): Promise<Result[]> {
  const { signal } = options
  const rest = openSession(options, signal)
  const done = new AbortController()
  const later = delay(LATER_MS, undefined, { signal: AbortSignal.any([signal, done.signal]) })
  later.catch(() => {}) // ends with the doctor
  try {
    const facts = siteFacts({ rest, chosen, now: Date.now, later })
    // Without a controller there is nothing else to ask.
    const answers = await examine(siteChecks.slice(0, 1), facts, signal)
    if (answers.some(({ verdict }) => verdict === 'bad')) return answers
    // One that there is not is a slip, not a finding.
    if (chosen.length > 0) await facts.hosts()
    return [...answers, ...(await examine(siteChecks.slice(1), facts, signal))]
  } finally {
    done.abort()
  }
}
