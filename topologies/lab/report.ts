/**
 * What people see of a lab: the steps with their times while it comes up, the table of checks at the end.
 * Pure text from values; whoever calls knows the terminal.
 *
 *       0.4 s  h1 connected
 *     ✓  broadcast ARP for a known address   answered on the host itself   18 valid frames arrived
 */
import { type CheckResult, summarize } from './checks/checks.ts'
import type { Step } from './lab.ts'

export interface ReportOptions {
  /** Characters in a line; longer cells are wrapped. At least 60. */
  readonly columns: number
  /** Colour the marks (ANSI); only for a terminal. */
  readonly colour: boolean
}

const GAP = '   '
/** Shares of a line; the last column gets the rest. */
const SHARES = { name: 0.36, must: 0.24 }

const MARKS = {
  passed: { sign: '✓', ansi: 32 },
  failed: { sign: '✗', ansi: 31 },
  notApplicable: { sign: '–', ansi: 33 },
} as const

/** A Step that prints each line behind the seconds since `stepsTo` was called. */
export function stepsTo(print: (line: string) => void, now: () => number): Step {
  const began = now()
  return (text) => print(`${((now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}`)
}

/** The table of a run, its lines without line ends; the last one counts. */
export function formatChecks(results: readonly CheckResult[], options: ReportOptions): string[] {
  const room = Math.max(options.columns, 60) - 1 - 3 * GAP.length
  const longest = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length))
  const headings = { name: 'check', must: 'must be', detail: 'seen' }
  const rows = [headings, ...results]
  const name = Math.min(Math.floor(room * SHARES.name), longest(rows.map((row) => row.name)))
  const must = Math.min(Math.floor(room * SHARES.must), longest(rows.map((row) => row.must)))
  const detail = Math.min(room - name - must, longest(rows.map((row) => row.detail)))
  const widths = [name, must, detail]
  const line = (sign: string, row: { name: string; must: string; detail: string }) =>
    layOut(sign, [row.name, row.must, row.detail], widths)

  const rule = '─'.repeat(1 + 3 * GAP.length + name + must + detail)
  const table = [
    line(' ', headings),
    [rule],
    ...results.map((row) => line(mark(row, options), row)),
  ]
  return [...table.flat(), rule, count(results)]
}

/** `7 passed, 0 failed`, and how many rows the site cannot show, or not all of, where there are any. */
export function count(results: readonly CheckResult[]): string {
  const { passed, failed, notApplicable } = summarize(results)
  const rest = notApplicable > 0 ? `, ${notApplicable} that this topology cannot show in full` : ''
  const seconds = results.reduce((sum, result) => sum + result.durationMs, 0) / 1000
  return `${passed} passed, ${failed} failed${rest} (${seconds.toFixed(1)} s)`
}

function mark({ passed, applicable }: CheckResult, { colour }: ReportOptions): string {
  const { sign, ansi } = MARKS[passed ? 'passed' : applicable ? 'failed' : 'notApplicable']
  return colour ? `\u001b[${ansi}m${sign}\u001b[0m` : sign
}

/** One row of the table as lines: the sign before the first, cells wrapped below each other. */
function layOut(sign: string, cells: readonly string[], widths: readonly number[]): string[] {
  const wrapped = cells.map((cell, at) => wrap(cell, widths[at] ?? 0))
  const height = Math.max(...wrapped.map((lines) => lines.length))
  return Array.from({ length: height }, (_, at) => {
    const texts = wrapped.map((lines, cell) => (lines[at] ?? '').padEnd(widths[cell] ?? 0))
    return [at === 0 ? sign : ' ', ...texts].join(GAP).trimEnd()
  })
}

/** Lines of at most `width` characters, broken at spaces, and inside words that are longer. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let rest = text
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width)
    const end = space > 0 ? space : width
    lines.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return [...lines, rest]
}
