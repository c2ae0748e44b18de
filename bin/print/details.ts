/**
 * One object with all that is known of it, as lines. The form follows from the values, so that what a controller learns to
 * say is shown without a change here: a value is a line, a list of objects or a record of objects a table.
 */
import { printable } from './printable.ts'
import { stateOf, styleOf } from './state.ts'
import { type Cell, tableLines } from './table.ts'
import type { Paint } from './terminal.ts'
import { type Answered, shown } from './views.ts'

type Json = Readonly<Record<string, unknown>>

/** @param title 'port acme/vm1' */
export function detailLines(title: string, { status, ...spec }: Answered, paint: Paint): string[] {
  const state = briefOf(status)
  const { text, style } = typeof state === 'string' ? { text: state, style: 'dim' as const } : state
  const head = status
    ? [`${paint('bold', printable(title))}  ${paint(style, printable(text))}`]
    : [paint('bold', printable(title))]
  const { realized: _, revision: seen, observedRevision, ...known } = withFailed(status ?? {})
  const { revision, note: _note, ...declared } = spec as Json
  const own = {
    ...{ ...declared, revision, ...(seen !== revision && { 'revision seen': seen }) },
    'observed revision': observedRevision,
  }
  return [...head, ...block(own, paint, '  '), ...sections(known, paint)]
}

/** As stateOf; of what concerns no host but one, that one's code says more than its name: 'failed: bridge_foreign'. */
function briefOf(status: Answered['status']): Cell {
  const state = stateOf(status)
  const [only, ...more] = Object.values(status?.hosts ?? {})
  const [, code] = /^([a-z_]+):/.exec(only?.reason ?? '') ?? []
  if (typeof state === 'string' || code === undefined || more.length > 0) return state
  return { ...state, text: `${state.text.replace(/: .*/, '')}: ${code}` }
}

/** What hosts refuse is a table of its own behind the one of hosts. */
function withFailed(status: Json): Json {
  const { hosts, ...rest } = status
  if (!isObject(hosts)) return status
  const failed: Json[] = []
  const shortened = Object.entries(hosts).map(([host, value]) => {
    const { failed: items, ...state } = value as Json
    if (isList(items)) failed.push(...items.map((item) => ({ host, ...item })))
    return [host, state]
  })
  const { reason, conditions, ...others } = rest
  return { reason, conditions, hosts: Object.fromEntries(shortened), failed, ...others }
}

/** A section: its title and what is in it. */
export function sections(values: Json, paint: Paint): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined || isEmpty(value)) return []
    const title = paint('bold', printable(name))
    if (!isObject(value) && !isList(value)) return ['', `${title}  ${printable(shown(value))}`]
    return ['', title, ...inside(name, value, paint)]
  })
}

/** A record of hosts with a state each is a table of hosts. */
function inside(name: string, value: unknown, paint: Paint): string[] {
  if (isList(value)) return table(value, paint)
  const entries = Object.entries(value as Json)
  if (!entries.every(([, each]) => isObject(each) && 'state' in each))
    return block(value as Json, paint, '  ')
  const one = name.replace(/s$/, '')
  return table(
    entries.map(([id, each]) => ({ [one]: id, ...(each as Json) })),
    paint,
  )
}

/** Lines 'name  value', names as wide as the widest; lists of objects follow with a title of their own. */
function block(values: Json, paint: Paint, indent: string): string[] {
  const entries = Object.entries(values).filter(
    ([, value]) => value !== undefined && !isEmpty(value),
  )
  const plain = entries.filter(([, value]) => !isList(value))
  const width = Math.max(0, ...plain.map(([name]) => name.length))
  const lines = plain.map(([name, value]) => {
    const label = paint('dim', printable(name).padEnd(width))
    return `${indent}${label}  ${printable(shown(value))}`
  })
  const lists = entries.filter(([, value]) => isList(value))
  return [
    ...lines,
    ...lists.flatMap(([name, value]) => [
      `${indent}${paint('dim', printable(name))}`,
      ...table(value as Json[], paint).map((line) => indent + line),
    ]),
  ]
}

function table(rows: readonly Json[], paint: Paint): string[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = rows.map((row) => names.map((name): Cell => cellOf(name, row[name])))
  return tableLines(names, cells, paint).map((line) => `  ${line}`)
}

function cellOf(name: string, value: unknown): Cell {
  const text = shown(value)
  const style = name === 'state' ? styleOf(text) : undefined
  return style === undefined ? text : { text, style }
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isList = (value: unknown): value is Json[] =>
  Array.isArray(value) && value.length > 0 && value.every(isObject)

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0
