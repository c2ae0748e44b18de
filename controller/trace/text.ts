/**
 * The walk of a packet as lines for people, none wider than they ask for: on each host stage by stage which intent a flow is
 * from and the flow, the verdict, what would change it. Neighbours: trace.ts (walks), ../northbound/trace.ts (its answer is
 * what is shown), bin/print/trace.ts and topologies/vitest (print it).
 */

/** As `/v1:trace` answers. */
export interface Traced {
  readonly from: string
  readonly to: string
  readonly verdict: 'delivered' | 'dropped'
  readonly walks: readonly TracedWalk[]
  readonly fault?: { readonly reason: string; readonly sentence: string; readonly host?: string }
  readonly advice: readonly { readonly says: string; readonly proven: boolean }[]
  readonly counted?: readonly {
    readonly host: string
    readonly flows: number
    readonly counted: number
    readonly silent?: string
  }[]
}

export interface TracedWalk {
  readonly what: string
  readonly verdict: string
  readonly hops: readonly TracedHop[]
}

export interface TracedHop {
  readonly host: string
  readonly by: string
  readonly frameBytes: number
  readonly stages: readonly TracedStage[]
  readonly ends: readonly Readonly<Record<string, string | number>>[]
}

interface TracedStage {
  readonly stage: string
  readonly flow?: string
  readonly from: readonly string[]
}

/** One line without its end; `means` is for whoever has colours. */
export interface TraceLine {
  readonly text: string
  readonly means?: 'heading' | 'good' | 'bad'
}

export interface TraceTextOptions {
  /** Characters of a line; default 110, at least 60. A word that is longer is cut. */
  readonly columns?: number
  /** One line for the question for the address where it was answered. */
  readonly isBrief?: boolean
  /** It was sent and has not come: the verdict is what should be. */
  readonly isContrary?: boolean
}

const COLUMNS = 110
const [INDENT, GAP] = ['    ', '  ']
/** Share of a line for the intents. */
const SHARE_OF_INTENTS = 0.3

export function traceText(traced: Traced, options: TraceTextOptions = {}): TraceLine[] {
  const columns = Math.max(60, options.columns ?? COLUMNS)
  const { from, to, verdict, walks, fault, advice, counted = [] } = traced
  const shown = walks.flatMap(({ what, verdict: of, hops }, at): TraceLine[] => {
    const headline = wrapped(`${what}: ${of}`, columns)
    const isAside = options.isBrief && of === 'answered' && at < walks.length - 1
    return isAside
      ? headline
      : [...headline, ...hops.flatMap((hop) => hopLines(hop, columns)), { text: '' }]
  })
  const where = fault?.host === undefined ? '' : ` on ${fault.host}`
  const why = fault ? `${where}: ${fault.reason}, ${fault.sentence}` : ''
  const isContrary = options.isContrary === true && verdict === 'delivered'
  const says = isContrary ? 'should be delivered, and was not' : verdict
  const means = verdict === 'delivered' && !isContrary ? 'good' : 'bad'
  return [
    ...shown,
    ...wrapped(`${from} -> ${to} ${says}${why}`, columns, means),
    ...advice.flatMap(({ says, proven }) =>
      wrapped(`  ${says}${proven ? ' (tried on a copy of the site: it arrives)' : ''}`, columns),
    ),
    ...counted.flatMap(({ host, flows, counted: count, silent }, at) => {
      // Flows that carry others' packets as well have counted theirs.
      const before = at === 0 ? 'it was' : 'it was lost on the way there, or'
      const doubt = silent === undefined ? '' : `; ${before} dropped before ${silent}`
      const text = `  sent for real: ${count} of ${flows} flows of ${host} counted it${doubt}`
      return wrapped(text, columns, count === flows ? 'good' : 'bad')
    }),
  ]
}

function hopLines({ host, by, frameBytes, stages, ends }: TracedHop, columns: number): TraceLine[] {
  return [
    ...wrapped(`  ${host}, by ${by}, ${frameBytes} bytes`, columns),
    ...(stages.length === 0 ? [] : stageLines(stages, columns)),
    ...ends.flatMap((end) => wrapped(`    -> ${endText(end)}`, columns)),
  ]
}

/** Three columns, each cell wrapped below itself. */
function stageLines(stages: readonly TracedStage[], columns: number): TraceLine[] {
  const widest = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length))
  const rows = stages.map(({ stage, flow = 'no flow matches', from }) => ({
    stage,
    of: from.join(', '),
    flow: flow.replace(/^table=\d+, /, ''),
  }))
  const stage = widest(['stage', ...rows.map((row) => row.stage)])
  const of = Math.min(
    widest(['of', ...rows.map((row) => row.of)]),
    Math.floor(columns * SHARE_OF_INTENTS),
  )
  const flow = columns - INDENT.length - stage - of - 2 * GAP.length
  const line = (cells: readonly [string, string, string]) =>
    INDENT + [cells[0].padEnd(stage), cells[1].padEnd(of), cells[2]].join(GAP).trimEnd()
  const body = rows.flatMap((row): TraceLine[] => {
    const [intents, text] = [broken(row.of, of), flowLines(row.flow, flow)]
    return Array.from({ length: Math.max(intents.length, text.length) }, (_, at) => ({
      text: line([at === 0 ? row.stage : '', intents[at] ?? '', text[at] ?? '']),
    }))
  })
  return [{ text: line(['stage', 'of', 'flow']), means: 'heading' }, ...body]
}

/** What it matches and what it does each from a line of its own when it is too long for one. */
function flowLines(flow: string, width: number): string[] {
  if (flow.length <= width) return [flow]
  const at = flow.indexOf(' actions=')
  const [match, actions] = at < 0 ? [flow, ''] : [flow.slice(0, at), flow.slice(at + 1)]
  const below = broken(actions, width - GAP.length).map((text) => GAP + text)
  return [...broken(match, width), ...(actions === '' ? [] : below)]
}

function wrapped(text: string, columns: number, means?: TraceLine['means']): TraceLine[] {
  return wrap(text, columns).map((line) => ({ text: line, ...(means && { means }) }))
}

/** Lines of at most `columns` characters; further ones are four characters further in than the first. */
export function wrap(text: string, columns: number): string[] {
  const inner = `${/^ */.exec(text)?.[0] ?? ''}${INDENT}`
  const [first = '', ...rest] = broken(text, columns)
  const more =
    rest.length === 0 ? [] : broken(text.slice(first.length).trimStart(), columns - inner.length)
  return [first, ...more.map((line) => inner + line)]
}

/** Lines of at most `width` characters, broken behind a comma or a space, and inside words that are longer. */
function broken(text: string, width: number): string[] {
  const lines: string[] = []
  let rest = text
  while (rest.length > width) {
    const room = rest.slice(0, width + 1)
    const space = Math.max(room.lastIndexOf(' '), room.lastIndexOf(',', width - 1) + 1)
    const end = space > 0 && rest.slice(0, space).trim() !== '' ? space : width
    lines.push(rest.slice(0, end).trimEnd())
    rest = rest.slice(end).trimStart()
  }
  return [...lines, rest]
}

function endText(end: Readonly<Record<string, string | number>>): string {
  switch (end.kind) {
    case 'arrives':
      return end.port === undefined ? `port ${end.ofport}, which is nobody's` : `${end.port}`
    case 'tunnel':
      return `the tunnel to ${end.host}, VNI ${end.vni}, ${end.remote}`
    case 'physical':
      return `physical network ${end.physicalNetwork}`
    default:
      return `dropped: ${end.reason}, ${end.sentence}`
  }
}
