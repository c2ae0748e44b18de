/**
 * The matrix of who reaches whom as lines: guests by guests, or networks by networks where there are many. Pure text.
 *
 *                       1 2 3
 *      1 h1.acme-vm1    \ ✓ ·     ✓ reached   · silent   = not asked   ✗ ! other than the document says
 *
 * Neighbours: matrix.ts, report.ts.
 */
import type { Matrix, MatrixCell } from './matrix.ts'
import type { ReportOptions } from './report.ts'

const signs = {
  reached: { sign: '✓', ansi: 32, says: 'reached' },
  silent: { sign: '·', ansi: 2, says: 'silent, as it must be' },
  unasked: { sign: '=', ansi: 33, says: 'not asked: the address is in its own network, too' },
  lost: { sign: '✗', ansi: 31, says: 'must be reached, and is not' },
  leak: { sign: '!', ansi: 31, says: 'must be silent, and answers' },
  self: { sign: '\\', ansi: 2, says: '' },
  none: { sign: ' ', ansi: 0, says: '' },
} as const
type Sign = keyof typeof signs

/** Exceptions and networks beyond these are counted. */
const NAMED = 20
const LINES = 50

/** Lines without ends; the last one counts. */
export function formatMatrix(matrix: Matrix, options: ReportOptions): string[] {
  const paint = (sign: Sign): string => {
    const { sign: text, ansi } = signs[sign]
    return options.colour && ansi > 0 ? `\u001b[${ansi}m${text}\u001b[0m` : text
  }
  const used = new Set(matrix.cells.map(signOf))
  const legend = (Object.keys(signs) as Sign[])
    .filter((sign) => used.has(sign) && signs[sign].says !== '')
    .map((sign) => `${paint(sign)} ${signs[sign].says}`)
  const grid = matrix.isComplete ? guestGrid(matrix, paint) : networkLines(matrix, paint)
  return [...grid, '', ...legend, ...exceptions(matrix), countMatrix(matrix)]
}

/** `22 pairs: 12 reached, 10 silent, as the document says; 8 not asked`. */
export function countMatrix({ cells, isComplete }: Matrix): string {
  const asked = cells.filter(({ seen }) => seen !== undefined)
  const wrong = asked.filter(({ ok }) => !ok).length
  const reached = asked.filter(({ seen }) => seen === 'reached').length
  const says = wrong === 0 ? 'as the document says' : `${wrong} other than the document says`
  const unasked = cells.length - asked.length
  const rest = unasked > 0 ? `; ${unasked} not asked` : ''
  const choice = isComplete ? '' : ' (a choice of them)'
  const counts = `${reached} reached, ${asked.length - reached} silent`
  return `${asked.length} pairs of guests${choice}: ${counts}, ${says}${rest}`
}

/** `h1.vm1 -> h2.vm2 must be reached, and is not`. */
export const exceptionOf = (cell: MatrixCell): string =>
  `${cell.from} -> ${cell.to} ${signs[signOf(cell)].says}`

function signOf({ expected, seen, ok }: MatrixCell): Sign {
  if (expected === 'unasked' || seen === undefined) return 'unasked'
  if (ok) return seen
  return expected === 'reached' ? 'lost' : 'leak'
}

function exceptions({ cells }: Matrix): string[] {
  const wrong = cells.filter(({ ok }) => !ok)
  const more = wrong.length - NAMED
  return [
    ...wrong.slice(0, NAMED).map((cell) => `  ${exceptionOf(cell)}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
}

function guestGrid({ guests, cells }: Matrix, paint: (sign: Sign) => string): string[] {
  const found = new Map(cells.map((cell) => [`${cell.from} ${cell.to}`, cell]))
  const width = Math.max(0, ...guests.map(({ length }) => length))
  const digits = String(guests.length).length
  const label = (at: number, name: string) =>
    `  ${String(at + 1).padStart(digits)} ${name.padEnd(width)}  `
  // Numbers stand upright, a digit a line, so that a column is two characters.
  const headings = Array.from({ length: digits }, (_, line) => {
    const numbers = guests.map((_name, at) => String(at + 1).padStart(digits)[line])
    return `${' '.repeat(width + digits + 5)}${numbers.join(' ')}`.trimEnd()
  })
  const rows = guests.map((from, at) => {
    const row = guests.map((to) => {
      const cell = found.get(`${from} ${to}`)
      return paint(from === to ? 'self' : cell ? signOf(cell) : 'none')
    })
    return label(at, from) + row.join(' ')
  })
  return [...headings, ...rows]
}

/** One line a network: within it, and against the others. */
function networkLines(
  { guests, networks, cells }: Matrix,
  paint: (sign: Sign) => string,
): string[] {
  const networkOf = new Map(guests.map((name, at) => [name, networks[at] ?? '']))
  const keys = [...new Set(networks)]
  const width = Math.max('network'.length, ...keys.map(({ length }) => length))
  const sizes = Map.groupBy(networks, (key) => key)
  const bySender = Map.groupBy(cells, ({ from }) => networkOf.get(from) ?? '')
  const tally = (own: readonly MatrixCell[]): string => {
    const counts = Map.groupBy(own, signOf)
    const shown = (Object.keys(signs) as Sign[]).flatMap((sign) => {
      const count = counts.get(sign)?.length ?? 0
      return count > 0 ? [`${paint(sign)} ${count}`] : []
    })
    return shown.join('  ') || '-'
  }
  const hidden = keys.length - LINES
  const heading = `  ${'network'.padEnd(width)}  guests  within it, then to other networks`
  const rows = keys.slice(0, LINES).map((key) => {
    const own = bySender.get(key) ?? []
    const inside = own.filter(({ to }) => networkOf.get(to) === key)
    const outside = own.filter(({ to }) => networkOf.get(to) !== key)
    const size = String(sizes.get(key)?.length ?? 0).padStart(6)
    return `  ${key.padEnd(width)}  ${size}  ${tally(inside)}   |   ${tally(outside)}`
  })
  return [heading, ...rows, ...(hidden > 0 ? [`  and ${hidden} networks more`] : [])]
}
