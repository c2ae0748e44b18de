/**
 * A plan as a person reads it: + what comes, ~ what changes with before -> after, - what goes; then what each host gets and
 * loses. Pure text from the answer of `:apply`.
 */
import type { Static } from 'typebox'
import type { PlanSchema } from '../../controller/northbound/plan.ts'
import { printable } from './printable.ts'
import { counted, tableLines } from './table.ts'
import type { Paint, Style } from './terminal.ts'
import { shown } from './views.ts'

export type PlanAnswer = Static<typeof PlanSchema>
type Change = PlanAnswer['changes'][number]
type Counts = PlanAnswer['hosts'][string]['flows']

const marks: Readonly<Record<string, { readonly sign: string; readonly style: Style }>> = {
  add: { sign: '+', style: 'green' },
  change: { sign: '~', style: 'yellow' },
  remove: { sign: '-', style: 'red' },
}

/** All of it but the last sentence; empty when nothing changes. */
export function planLines({ changes, hosts, warnings }: PlanAnswer, paint: Paint): string[] {
  const objects = changes.flatMap((change) => changeLines(change, paint))
  const costs = costLines(hosts, paint)
  const said = warnings.map(({ message }) => paint('yellow', `warning: ${printable(message)}`))
  return [objects, costs, said]
    .filter((lines) => lines.length > 0)
    .flatMap((lines) => [...lines, ''])
}

/** '5 objects to add, 1 to change', '5 objects added, 1 changed'. */
export function countChanges({ changes }: PlanAnswer, isDone: boolean): string {
  const verbs = [
    ['add', 'to add', 'added'],
    ['change', 'to change', 'changed'],
    ['remove', 'to remove', 'removed'],
  ] as const
  const parts = verbs
    .map(([action, todo, done]) => {
      const count = changes.filter((each) => each.action === action).length
      return { count, verb: isDone ? done : todo }
    })
    .filter(({ count }) => count > 0)
  return parts
    .map(({ count, verb }, at) =>
      at === 0 ? `${counted(count, 'object')} ${verb}` : `${count.toLocaleString('en')} ${verb}`,
    )
    .join(', ')
}

function changeLines({ action, object, properties }: Change, paint: Paint): string[] {
  const { sign, style } = marks[action] ?? { sign: '?', style: 'red' }
  const head = paint(style, `${sign} ${printable(object)}`)
  if (action !== 'change') {
    const given = properties.map(({ pointer, after }) => `${nameOf(pointer)} ${quoted(after)}`)
    return [given.length === 0 ? head : `${head}  ${given.join(', ')}`]
  }
  return [
    head,
    ...properties.map(({ pointer, before, after }) => {
      const [old, now] = [before, after].map((value) =>
        value === undefined ? 'none' : quoted(value),
      )
      return `    ${nameOf(pointer)}: ${old} -> ${now}`
    }),
  ]
}

/** '/extension/vid' -> 'extension.vid'. */
const nameOf = (pointer: string): string =>
  printable(pointer.slice(1).replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~'))

const quoted = (value: unknown): string => {
  const text = printable(shown(value))
  return Array.isArray(value) ? `[${text}]` : text || "''"
}

const kinds = ['rows', 'flows', 'groups', 'meters'] as const

function costLines(hosts: PlanAnswer['hosts'], paint: Paint): string[] {
  const rows = Object.entries(hosts)
    .map(([id, costs]) => [id, ...kinds.map((kind) => countsText(costs[kind]))])
    .filter(([, ...cells]) => cells.some((cell) => cell !== ''))
  return rows.length === 0 ? [] : tableLines(['host', ...kinds], rows, paint)
}

/** '+12 ~1 -3'; empty when nothing changes. */
const countsText = ({ added, changed, removed }: Counts): string =>
  [
    [added, '+'],
    [changed, '~'],
    [removed, '-'],
  ]
    .filter(([count]) => count !== 0)
    .map(([count, sign]) => `${sign}${count}`)
    .join(' ')
