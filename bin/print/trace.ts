/** The walk of a packet as lines for people. Neighbours: ../commands/trace.ts, table.ts. */
import { printable } from './printable.ts'
import { tableLines } from './table.ts'
import { type Paint, unpainted } from './terminal.ts'

/** As `/v1:trace` answers. */
export interface Traced {
  readonly from: string
  readonly to: string
  readonly verdict: 'delivered' | 'dropped'
  readonly walks: readonly {
    readonly what: string
    readonly verdict: string
    readonly hops: readonly Hop[]
  }[]
  readonly fault?: { readonly reason: string; readonly sentence: string; readonly host?: string }
  readonly advice: readonly { readonly says: string; readonly proven: boolean }[]
  readonly counted?: readonly {
    readonly host: string
    readonly flows: number
    readonly counted: number
    readonly silent?: string
  }[]
}

interface Hop {
  readonly host: string
  readonly by: string
  readonly frameBytes: number
  readonly stages: readonly {
    readonly stage: string
    readonly flow?: string
    readonly from: readonly string[]
  }[]
  readonly ends: readonly Readonly<Record<string, string | number>>[]
}

export function traceLines(traced: Traced, paint: Paint = unpainted): string[] {
  const { from, to, verdict, walks, fault, advice, counted } = traced
  const lines = walks.flatMap(({ what, verdict: of, hops }) => [
    `${printable(what)}: ${of}`,
    ...hops.flatMap((hop) => hopLines(hop, paint)),
    '',
  ])
  const colour = verdict === 'delivered' ? 'green' : 'red'
  const where = fault?.host === undefined ? '' : ` on ${fault.host}`
  const why = fault ? `${where}: ${fault.reason}, ${fault.sentence}` : ''
  lines.push(paint(colour, printable(`${from} -> ${to} ${verdict}${why}`)))
  for (const { says, proven } of advice)
    lines.push(printable(`  ${says}${proven ? ' (tried on a copy of the site: it arrives)' : ''}`))
  for (const { host, flows, counted: count, silent } of counted ?? []) {
    const doubt = silent === undefined ? '' : `; it did not pass ${silent}`
    const line = `  sent for real: ${count} of ${flows} flows of ${host} counted it${doubt}`
    lines.push(paint(count === flows ? 'green' : 'red', printable(line)))
  }
  return lines
}

function hopLines({ host, by, frameBytes, stages, ends }: Hop, paint: Paint): string[] {
  const rows = stages.map(({ stage, flow = 'no flow matches', from }) => [
    stage,
    from.join(', '),
    flow.replace(/^table=\d+, /, ''),
  ])
  const body = rows.length === 0 ? [] : tableLines(['stage', 'of', 'flow'], rows, paint)
  return [
    printable(`  ${host}, by ${by}, ${frameBytes} bytes`),
    ...body.map((line) => `    ${line}`),
    ...ends.map((end) => `    -> ${printable(endText(end))}`),
  ]
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
