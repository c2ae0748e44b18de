/** What a run of the fuzzer says, and whether it is good. Neighbours: run.ts, engine.ts. */
import type { Branch } from './branches.ts'
import type { Coverage, Result, Target } from './engine.ts'
import { isRowOf, type Unreached } from './unreached.ts'

const MAX_GROWTH = 100 * 2 ** 20
const MiB = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
const percent = (part: number, whole: number) =>
  `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`

export interface Told {
  readonly name: string
  readonly seed: number
  readonly result: Result
  readonly target: Target
  /** Whether the run was long enough to owe every row and every branch. */
  readonly whole: boolean
  /** Of the decoders. */
  readonly branches: readonly Branch[]
  /** Those that may be missed, with the reason. */
  readonly excused: readonly Unreached[]
}

export function report({ name, seed, result, target, whole, branches, excused }: Told): {
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
    ...(whole ? missed(branches, excused) : []),
  ]
  const { inputs, passed, accepted, seconds, heapBefore, heapAfter } = result
  const text = [
    coverageTable(rows),
    errorTable(target.errors),
    branchTable(branches, excused),
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

const whereOf = ({ file, line, side, text }: Branch) => `${file}:${line} ${side} of ${text}`

/** What is wrong with the branches: one not taken without a reason, or a reason without its branch. */
function missed(branches: readonly Branch[], excused: readonly Unreached[]): string[] {
  const isExcused = (one: Branch) => excused.some((row) => isRowOf(one, row))
  const stale = excused.filter((row) => {
    const found = branches.filter((one) => isRowOf(one, row))
    return found.length === 0 || found.some(({ isTaken }) => isTaken)
  })
  return [
    ...branches
      .filter((one) => !one.isTaken && !isExcused(one))
      .map((one) => `branch never taken: ${whereOf(one)}`),
    ...stale.map(([file, side, text]) => `unreached.ts has it, but it is: ${file} ${side} ${text}`),
  ]
}

function branchTable(branches: readonly Branch[], excused: readonly Unreached[]): string {
  const count = (list: readonly Branch[]) =>
    `${list.filter(({ isTaken }) => isTaken).length}/${list.length}`
  const lines = [...Map.groupBy(branches, ({ file }) => file)].map(([file, list]) => {
    const lines = list.filter(({ isTaken }) => !isTaken).map(({ line }) => line)
    const where = lines.length ? ` never at lines ${[...new Set(lines)].join(' ')}` : ''
    return `  ${file.padEnd(42)} ${count(list)}${where}`
  })
  const taken = branches.filter(({ isTaken }) => isTaken).length
  const total = `${taken} of ${branches.length}, ${percent(taken, branches.length)}`
  const reasons = excused.map(
    ([file, side, text, reason]) => `  ${file} ${side} ${text}: ${reason}`,
  )
  return [`branches of the decoders that were taken: ${total}`, ...lines, ...reasons].join('\n')
}
