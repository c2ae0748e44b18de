/** What vitest says of the scenarios, as a table. */
import { existsSync, readFileSync } from 'node:fs'

export interface Result {
  readonly name: string
  /** As vitest has it: passed, failed, skipped, pending, todo. */
  readonly state: string
  readonly ms: number
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string
      readonly status: string
      readonly duration?: number
    }[]
  }[]
}

/** Of a file of vitest's reporter `json`; none when there is no file. */
export function readReport(file: string): Result[] {
  if (!existsSync(file)) return []
  const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as Report
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ title, status, duration = 0 }) => ({
      ...{ name: title, state: status, ms: duration },
    })),
  )
}

export const table = (results: readonly Result[]): string =>
  ['| scenario | | seconds |', '|---|---|---|', ...results.map(row)].join('\n')

const row = ({ name, state, ms }: Result): string =>
  `| ${name} | ${state} | ${(ms / 1000).toFixed(1)} |`
