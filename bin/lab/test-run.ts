/**
 * What `weft lab test` does to a lab: the checks, the matrix of who reaches whom, the scenarios of its topology; in this order,
 * since some scenarios take a lab apart. Neighbours: control-server.ts (of a lab that runs), ../commands/lab-test.ts.
 */
import type { Traced } from '../../controller/trace/text.ts'
import { type CheckResult, runChecks, summarize } from '../../topologies/lab/checks/checks.ts'
import type { Lab } from '../../topologies/lab/lab.ts'
import { type Matrix, planMatrix, runMatrix } from '../../topologies/lab/matrix.ts'
import { exceptionOf } from '../../topologies/lab/matrix-report.ts'
import { runScenarios, type ScenarioResult } from './scenario-runs.ts'

export interface TestResult {
  readonly document: string
  readonly backend: Lab['backend']
  readonly checks: readonly CheckResult[]
  readonly matrix: Matrix
  /** Of the first pairs that are not as the document says: the walk of a packet, or why there is none. */
  readonly walks: readonly {
    readonly pair: string
    readonly trace?: Traced
    /** By the walk it arrives, and it does not. */
    readonly isContrary: boolean
    readonly why?: string
  }[]
  readonly scenarios: readonly ScenarioResult[]
  readonly ok: boolean
  /** Scenarios had run on this lab before; left out: it is a new one. */
  readonly isWorn?: boolean
}

export interface TestOptions {
  /** With the scenarios of the topology. */
  readonly scenarios: boolean
  readonly signal: AbortSignal
  /** What is being done, a line each. */
  readonly say: (line: string) => void
  /** As of runScenarios. */
  readonly onBegin?: () => void
}

/** After scenarios that take a lab apart. */
export const FRESH = 'for another test, weft lab down and up'

const WALKS = 3
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** @throws the signal's reason, and what a lab throws that is gone */
export async function runTest(
  lab: Lab,
  { signal, say, onBegin = () => {}, ...options }: TestOptions,
): Promise<TestResult> {
  say('checking on real packets')
  const checks = await runChecks(lab, {
    signal,
    onResult: ({ name, durationMs }) => say(`${name} (${seconds(durationMs)})`),
  })
  const plan = planMatrix(lab.document)
  const asked = plan.pairs.filter(({ expected }) => expected !== 'unasked').length
  say(`who reaches whom: ${asked} pairs`)
  const matrix = await runMatrix(lab, plan, {
    signal,
    onProgress: (done, all) => say(`who reaches whom: ${done} of ${all}`),
  })
  const walks = await walksOf(lab, matrix, signal)
  const onResult = ({ name, state, durationMs, why }: ScenarioResult) =>
    say(`${state}: ${name} (${state === 'skipped' ? why : seconds(durationMs)})`)
  const scenarios = options.scenarios ? await runScenarios(lab, { signal, onBegin, onResult }) : []
  const isAsSaid = matrix.cells.every(({ ok }) => ok)
  const ok = isAsSaid && isGreen(checks) && scenarios.every(({ state }) => state !== 'failed')
  const { document, backend } = lab
  return { document: document.name, backend, checks, matrix, walks, scenarios, ok }
}

/** Nothing failed; a site that can show none of the sentences has nothing to fail. */
const isGreen = (checks: readonly CheckResult[]): boolean => summarize(checks).failed === 0

async function problemOf(answer: Response): Promise<string> {
  const text = await answer.text()
  try {
    const { detail, title } = JSON.parse(text) as { detail?: string; title?: string }
    return detail ?? title ?? text
  } catch {
    return `${answer.status} ${text}`
  }
}

async function walksOf(
  lab: Lab,
  { cells }: Matrix,
  signal: AbortSignal,
): Promise<TestResult['walks']> {
  const wrong = cells.filter(({ ok }) => !ok).slice(0, WALKS)
  return Promise.all(
    wrong.map(async (cell) => {
      const pair = exceptionOf(cell)
      const { workloads } = lab.document
      const query = new URLSearchParams({
        ...{ from: workloads[cell.from] ?? '', to: workloads[cell.to] ?? '' },
      })
      const answer = await lab.fetch(`/v1:trace?${query}`, { signal })
      if (!answer.ok) return { pair, isContrary: false, why: await problemOf(answer) }
      const trace = (await answer.json()) as Traced
      return {
        ...{ pair, trace },
        isContrary: cell.expected === 'reached' && trace.verdict === 'delivered',
      }
    }),
  )
}
