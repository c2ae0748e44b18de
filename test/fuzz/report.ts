/** What a run of the fuzzer says, and whether it is good. Neighbours: run.ts, engine.ts. */
import type { Branches } from './branches.ts'
import type { Coverage, Result, Target } from './engine.ts'

const MAX_GROWTH = 100 * 2 ** 20
const MiB = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
const percent = (part: number, whole: number) =>
  `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`

export interface Told {
  readonly name: string
  readonly seed: number
  readonly result: Result
  readonly target: Target
  /** Whether the run was long enough to owe every row. */
  readonly whole: boolean
  readonly branches: Awaited<ReturnType<Branches['take']>>
}

export function report({ name, seed, result, target, whole, branches }: Told): {
  text: string
  isGood: boolean
} {
  const rows = target.coverage()
  const undecoded = rows.filter((row) => row.decoded === 0)
  const unrefused = rows.filter((row) => row.refusable && row.refused === 0)
  const growth = result.heapAfter - result.heapBefore
  const problems = [
    ...(result.failure ? [failure(name, seed, result.failure)] : []),
    ...(2 * result.passed < result.inputs
      ? ['fewer than half of the inputs passed the header']
      : []),
    ...(growth > MAX_GROWTH ? [`memory grew by ${MiB(growth)}`] : []),
    ...(whole ? never('decoded', undecoded) : []),
    ...(whole ? never('refused', unrefused) : []),
  ]
  const { inputs, passed, accepted, seconds, heapBefore, heapAfter } = result
  const text = [
    coverageTable(rows),
    errorTable(target.errors),
    branchTable(branches),
    `rows never decoded: ${names(undecoded)}; never refused: ${names(unrefused)}`,
    `memory ${MiB(heapBefore)} -> ${MiB(heapAfter)}`,
    `${name}: seed ${seed}, ${inputs} inputs in ${seconds.toFixed(1)} s, ${percent(passed, inputs)} ` +
      `past the header, ${accepted} accepted, ${inputs - accepted} refused`,
    ...problems.map((problem) => `FAILED: ${problem}`),
    '',
  ].join('\n')
  return { text, isGood: problems.length === 0 }
}

const names = (rows: readonly Coverage[]) =>
  rows.length > 40
    ? `${rows.length} rows`
    : rows.map(({ table, row }) => `${table} ${row}`).join(', ') || 'none'
const never = (what: string, rows: readonly Coverage[]) =>
  rows.length ? [`never ${what}: ${names(rows)}`] : []

function failure(name: string, seed: number, found: NonNullable<Result['failure']>): string {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const { error, input, shortest, number } = found
  const story = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return [
    `input ${number} of npm run fuzz -- ${name} --seed ${seed}`,
    story,
    `input    ${hex(input)}`,
    `shortest ${hex(shortest)}`,
  ].join('\n')
}

/** Each table of rows: decoded/refused of every row; a dash for what cannot be refused. */
function coverageTable(rows: readonly Coverage[]): string {
  const tables = Map.groupBy(rows, ({ table }) => table)
  const cell = (one: Coverage) =>
    `${one.row} ${one.decoded}/${one.refusable ? one.refused : '-'}`.padEnd(38)
  return [...tables]
    .map(([table, of]) => {
      const lines = [`${table} (${of.length} rows: decoded/refused)`]
      for (let i = 0; i < of.length; i += 3) {
        lines.push(
          `  ${of
            .slice(i, i + 3)
            .map(cell)
            .join('')}`.trimEnd(),
        )
      }
      return lines.join('\n')
    })
    .join('\n')
}

function errorTable(errors: ReadonlyMap<string, number>): string {
  const sorted = [...errors].sort((a, b) => b[1] - a[1])
  const lines = sorted.map(([message, count]) => `  ${String(count).padStart(8)} ${message}`)
  const shown = lines.slice(0, 120)
  const more = lines.length > shown.length ? [`  and ${lines.length - shown.length} more`] : []
  return [`refusals by sentence (${sorted.length})`, ...shown, ...more].join('\n')
}

function branchTable(branches: Told['branches']): string {
  const sum = (key: 'blocks' | 'taken') => branches.reduce((n, one) => n + one[key], 0)
  const lines = branches.map(({ file, blocks, taken, missed }) => {
    const where = missed.length ? ` never at lines ${missed.join(' ')}` : ''
    return `  ${file.padEnd(26)} ${taken}/${blocks}${where}`
  })
  const total = `${sum('taken')} of ${sum('blocks')}, ${percent(sum('taken'), sum('blocks'))}`
  return [`blocks of code that ran: ${total}`, ...lines].join('\n')
}
