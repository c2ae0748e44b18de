/** The scenarios of a test run as lines. Neighbour: ../commands/lab-test.ts. */
import type { ScenarioResult } from '../lab/scenario-runs.ts'
import { tableLines } from './table.ts'
import { type Paint, type Style, unpainted } from './terminal.ts'

const marks: Readonly<Record<ScenarioResult['state'], { text: string; style: Style }>> = {
  passed: { text: '✓', style: 'green' },
  failed: { text: '✗', style: 'red' },
  skipped: { text: '–', style: 'yellow' },
}

/** A line each, and why below those that failed or were skipped. */
export function scenarioLines(
  scenarios: readonly ScenarioResult[],
  paint: Paint = unpainted,
): string[] {
  if (scenarios.length === 0) return ['There is no scenario of this topology.']
  const rows = scenarios.map(({ file, name, state, durationMs }) => [
    ...[marks[state], file],
    ...[state === 'skipped' ? '' : `${(durationMs / 1000).toFixed(1)} s`, name],
  ])
  const [heading = '', ...lines] = tableLines(['', 'file', 'time', 'scenario'], rows, paint)
  return [
    heading,
    ...lines.flatMap((line, at) => {
      const why = scenarios[at]?.why
      return why === undefined ? [line] : [line, ...why.split('\n').map((each) => `     ${each}`)]
    }),
  ]
}
