/** What the doctor has found, as a person reads it: a line for each, what to do below. Pure text. Neighbour: ../doctor/check.ts. */
import type { Result, Verdict } from '../doctor/check.ts'
import { printable } from './printable.ts'
import { counted, tableLines } from './table.ts'
import type { Paint, Style } from './terminal.ts'

const styles: Readonly<Record<Verdict, Style>> = {
  ...{ ok: 'green', warn: 'yellow', bad: 'red', unknown: 'dim' },
}

export function findingLines(results: readonly Result[], paint: Paint): string[] {
  const rows = results.map(({ check, verdict, seen }, at) => [
    // A check that has found several things is named once.
    results[at - 1]?.check === check ? '' : check,
    { text: verdict, style: styles[verdict] },
    seen,
  ])
  const [heading = '', ...lines] = tableLines(['check', 'is', 'seen'], rows, paint)
  const body = lines.flatMap((line, at) => {
    const { todo, check } = results[at] as Result
    const next = results[at + 1]
    // Said once where the next one says the same.
    const isSaid = todo === undefined || (next?.check === check && next.todo === todo)
    return isSaid ? [line] : [line, paint('bold', `    -> ${printable(todo)}`)]
  })
  const count = (of: Verdict) => results.filter(({ verdict }) => verdict === of).length
  const [bad, warnings, unseen] = [count('bad'), count('warn'), count('unknown')]
  const sums = [
    ...(bad > 0 ? [`${bad} bad`] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
    ...(unseen > 0 ? [`${unseen} not known`] : []),
  ]
  const total = sums.length === 0 ? 'All is well.' : sums.join(', ')
  return [heading, ...body, '', total]
}
