/** The walk of a packet on a terminal. Neighbours: ../../controller/trace/text.ts (the text), ../commands/trace.ts. */
import {
  type Traced,
  type TraceLine,
  type TraceTextOptions,
  traceText,
} from '../../controller/trace/text.ts'
import { printable } from './printable.ts'
import { type Paint, type Style, unpainted } from './terminal.ts'

const styles: Readonly<Record<NonNullable<TraceLine['means']>, Style>> = {
  heading: 'dim',
  good: 'green',
  bad: 'red',
}

export const traceLines = (
  traced: Traced,
  paint: Paint = unpainted,
  options: TraceTextOptions = {},
): string[] =>
  traceText(traced, options).map(({ text, means }) => {
    const line = printable(text)
    return means === undefined ? line : paint(styles[means], line)
  })
