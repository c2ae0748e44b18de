/** `weft lab test`: what a topology promises, on a lab that runs or on one of its own. Neighbours: lab-run-options.ts, ../lab/test-run.ts. */
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { countMatrix, formatMatrix } from '../../topologies/lab/matrix-report.ts'
import { count, formatChecks, stepsTo } from '../../topologies/lab/report.ts'
import { followLab } from '../lab/control-client.ts'
import type { Backend } from '../lab/control-schema.ts'
import { checkBackend, openLab } from '../lab/open-lab.ts'
import { type RunningLab, runningLab, runningLabs } from '../lab/run-folder.ts'
import { FRESH, runTest, type TestResult } from '../lab/test-run.ts'
import { readTopology } from '../lab/topology.ts'
import { scenarioLines } from '../print/lab-test.ts'
import { print } from '../print/output.ts'
import { paint } from '../print/terminal.ts'
import { traceLines } from '../print/trace.ts'
import { UsageError } from '../usage.ts'
import type { OutputFormat } from './rest-options.ts'

export interface LabTestOptions {
  /** Of a lab of its own; default memory. */
  readonly backend?: Backend
  readonly tls: boolean
  /** Of a memory lab of its own: virtual time, everything that is random; default: some number. */
  readonly seed?: number
  /** File that a memory lab of its own writes what happened to. */
  readonly trace?: string
  /** With those of the topology. */
  readonly scenarios: boolean
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** Behind a run on a lab that goes on. */
const CHANGED = `Scenarios take ports, networks and hosts away: ${FRESH}.`

const WORN = `Scenarios had run on this lab before, and what they took away was missed: ${FRESH}.`

const CONTRARY =
  'By the flows it arrives: it is lost between the hosts, on its way back, or a host lacks one of them (weft doctor, weft trace --send)'
const LARGEST_SEED = 2 ** 32 - 1

/** @returns 0 when all is as the document says and nothing failed, else 1 */
export async function labTest(what: string | undefined, options: LabTestOptions): Promise<number> {
  const { output, scenarios, signal } = options
  const toStderr = output !== 'table'
  const step = stepsTo(
    (line) => void (toStderr ? process.stderr : process.stdout).write(`${line}\n`),
    () => performance.now(),
  )
  const running = await labOf(what, options)
  const result = running
    ? await followLab<TestResult>(
        running,
        '/test',
        { method: 'POST', json: { scenarios }, signal },
        step,
      )
    : await testOwn(what, options, step)
  const isChanged =
    running !== undefined && result.scenarios.some(({ state }) => state !== 'skipped')
  const note = result.isWorn && !result.ok ? [WORN] : isChanged ? [CHANGED] : []
  await print(output, result, () => [...lines(result, scenarios), ...note])
  return result.ok ? 0 : 1
}

/** The lab that is meant; undefined: one of its own is wanted. @throws LabError, UsageError */
async function labOf(
  what: string | undefined,
  { backend, tls, seed, trace }: LabTestOptions,
): Promise<RunningLab | undefined> {
  const isOwn = backend !== undefined || tls || seed !== undefined || trace !== undefined
  const isReal = tls || (backend ?? 'memory') !== 'memory'
  if ((seed !== undefined || trace !== undefined) && isReal)
    throw new UsageError(
      '--seed and --trace are for the memory lab without --tls: others take real time',
    )
  if (seed !== undefined && seed > LARGEST_SEED)
    throw new UsageError(`--seed ${seed} is more than ${LARGEST_SEED}`)
  if (isOwn) return undefined
  if (what === undefined) return (await runningLabs()).length === 0 ? undefined : runningLab()
  const named = (await runningLabs()).find(({ name }) => name === what)
  // A word that is no file, and does not look like one, was meant as a name.
  const isFile = what === '-' || /[./]/.test(what) || existsSync(what)
  return named ?? (isFile ? undefined : runningLab(what))
}

async function testOwn(
  what: string | undefined,
  { backend = 'memory', tls, trace, signal, ...options }: LabTestOptions,
  step: (line: string) => void,
): Promise<TestResult> {
  const { document, text } = readTopology(what)
  checkBackend(backend, document)
  const isSeeded = backend === 'memory' && !tls
  const seed = isSeeded ? (options.seed ?? randomInt(LARGEST_SEED + 1)) : undefined
  const again = seed === undefined ? '' : `: --seed ${seed} is this run again`
  step(`${document.name} on a ${backend} lab of its own${again}`)
  const lab = await openLab(backend, { document, text, tls, seed, trace, step, signal })
  try {
    return await runTest(lab, { signal, say: step, scenarios: options.scenarios })
  } finally {
    step('taking the lab down')
    await lab.close()
  }
}

function lines({ checks, matrix, walks, scenarios }: TestResult, isAsked: boolean): string[] {
  const columns = process.stdout.columns ?? 110
  const look = { columns, colour: Boolean(process.stdout.isTTY) }
  const walked = walks.flatMap(({ pair, trace, why, isContrary }) => [
    '',
    `${pair}:`,
    ...(trace
      ? traceLines(trace, paint, { columns: columns - 2, isContrary }).map((line) => `  ${line}`)
      : [`  ${why}`]),
    ...(isContrary ? [`  ${CONTRARY}`] : []),
  ])
  return [
    ...['', ...formatChecks(checks, look)],
    ...['', 'Who reaches whom, from the left to above:', '', ...formatMatrix(matrix, look)],
    ...walked,
    ...(isAsked ? ['', ...scenarioLines(scenarios, paint)] : []),
    ...['', `checks     ${count(checks)}`, `matrix     ${countMatrix(matrix)}`],
    `scenarios  ${isAsked ? countScenarios(scenarios) : 'not asked for'}`,
  ]
}

function countScenarios(scenarios: TestResult['scenarios']): string {
  if (scenarios.length === 0) return 'none of this topology'
  const of = (state: string) => scenarios.filter((one) => one.state === state).length
  return `${of('passed')} passed, ${of('failed')} failed, ${of('skipped')} skipped`
}
