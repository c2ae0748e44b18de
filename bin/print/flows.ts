/**
 * Flows as `weft flows` prints them: each in the syntax of ovs-ofctl, counters included, under its stage and the intents behind
 * it, which are comments there. So what is printed of a stage is what `ovs-ofctl add-flows` takes. Pure text.
 * Neighbour: ../commands/flows.ts.
 */
import type { HostItem, Inspection } from '../../controller/northbound/realization.ts'
import { printable } from './printable.ts'
import { counted } from './table.ts'
import type { Paint, Style } from './terminal.ts'

export interface FlowPage extends Pick<Inspection, 'revision' | 'desired' | 'differences'> {
  readonly host: string
  readonly kind: 'ovs' | 'vtep'
  readonly at?: string
  readonly items: readonly HostItem[]
  readonly next?: string
}

/** What goes before: of when all this is. */
export function flowHead(page: FlowPage, paint: Paint): string {
  const { host, kind, revision, at, desired, differences } = page
  const count =
    kind === 'ovs'
      ? `${desired.toLocaleString('en')} flows, groups and meters`
      : counted(desired, 'row')
  const read =
    at === undefined
      ? 'it is not connected: what it should have, and no counters'
      : differences === 0
        ? `as it has them at ${at}`
        : `read at ${at}: ${counted(differences, 'difference')}`
  return paint('dim', `# ${host} at revision ${revision}: ${count}, ${read}`)
}

interface Printer {
  /** Lines of the next one; they may begin with headings. */
  (item: HostItem): string[]
  /** Of items so far. */
  readonly count: number
}

const signs: Readonly<Partial<Record<HostItem['state'], string>>> = {
  ...{ missing: 'missing', different: 'different', foreign: 'nobody asks for it' },
}

export function flowPrinter({ isDiff, paint }: { isDiff: boolean; paint: Paint }): Printer {
  let [stage, about, count] = ['', '', 0]
  const print = (item: HostItem): string[] => {
    const lines: string[] = []
    count++
    if (item.stage !== stage) {
      about = ''
      stage = item.stage
      lines.push(paint('bold', `# ${headingOf(item)}`))
    }
    const said = aboutOf(item)
    if (said !== about) lines.push(paint('dim', `#   ${printable(said)}`))
    about = said
    lines.push(...(isDiff ? diffLines(item, paint) : plainLines(item, paint)))
    return lines
  }
  return Object.defineProperty(print, 'count', { get: () => count }) as Printer
}

const headingOf = ({ stage, table }: HostItem): string =>
  table === undefined || stage.startsWith('table ') ? stage : `${stage} (table ${table})`

/** A group and a meter have no place for their counters in their own syntax. */
function aboutOf({ kind, from, state, packets }: HostItem): string {
  const what = from.length > 0 ? from.join(', ') : 'foreign'
  const wrong = signs[state]
  const counters =
    (kind === 'group' || kind === 'meter') && packets !== undefined
      ? `; ${counted(packets, 'packet')}`
      : ''
  return `${what}${wrong === undefined ? '' : `; ${wrong}`}${counters}`
}

function plainLines(item: HostItem, paint: Paint): string[] {
  const { state, actual, kind } = item
  const text = printable(countedText(item))
  if (state === 'foreign') return [paint('red', `# ${text}`)]
  const line = kind === 'row' ? `# ${text}` : text
  if (state === 'missing' || actual === undefined) return [styled(state, line, paint)]
  return [styled(state, line, paint), paint('red', `# instead: ${printable(actual)}`)]
}

const styled = (state: HostItem['state'], line: string, paint: Paint): string => {
  const styles: Partial<Record<HostItem['state'], Style>> = {
    missing: 'green',
    different: 'yellow',
  }
  const style = styles[state]
  return style === undefined ? line : paint(style, line)
}

/** As `ovs-ofctl diff-flows` has it: - what is there, + what should be. */
function diffLines({ kind, state, text, actual }: HostItem, paint: Paint): string[] {
  const plus = paint('green', `+${printable(text)}`)
  if (state === 'foreign') return [paint('red', `-${printable(text)}`)]
  if (actual === undefined) return [plus]
  const there = kind === 'row' ? `#   ${printable(actual)}` : `-${printable(actual)}`
  return [paint('red', there), plus]
}

/** `cookie=0x…, table=5, n_packets=12, priority=100,… actions=…`, as dump-flows has it. */
function countedText({ kind, text, packets }: HostItem): string {
  if (kind !== 'flow' || packets === undefined) return text
  const [, head = '', rest = ''] = /^((?:cookie=[^,]*, )?(?:table=[^,]*, )?)(.*)$/s.exec(text) ?? []
  return `${head}n_packets=${packets}, ${rest}`
}
