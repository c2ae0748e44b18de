/** Tables for people: columns as wide as they must be, two spaces between them. Pure text. Neighbour: terminal.ts. */
import { printable } from './printable.ts'
import { type Paint, type Style, unpainted } from './terminal.ts'

/** Text, or text with its colour. */
export type Cell = string | { readonly text: string; readonly style: Style }

const GAP = '  '
const textOf = (cell: Cell): string => printable(typeof cell === 'string' ? cell : cell.text)

/** Lines without ends. Cells may come from anybody. */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint = unpainted,
): string[] {
  const widths = headings.map((heading) => heading.length)
  for (const row of rows)
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, textOf(cell).length)
    })
  const laidOut = (cells: readonly Cell[], style?: Style): string => {
    const padded = cells.map((cell, at) => {
      const text = textOf(cell).padEnd(at === cells.length - 1 ? 0 : (widths[at] ?? 0))
      const own = typeof cell === 'string' ? style : cell.style
      return own === undefined ? text : paint(own, text)
    })
    return padded.join(GAP).trimEnd()
  }
  return [laidOut(headings, 'dim'), ...rows.map((row) => laidOut(row))]
}

/** '3 ports', '1 port', '1,200 ports'. */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
