/** The table of `port-realized`, from its results; pure. */

/** What was measured at one size; without a peer's name it is Weft. */
export interface Result {
  readonly peer?: string
  /** Declared besides the real ones. */
  readonly ports: number
  readonly samples: number
  readonly median_ms: number
  readonly p99_ms: number
  /** New flows of a measured port on its own host and on the other. */
  readonly flows_own: number
  readonly flows_other: number
}

/** A line a size, the peer's figures of the same size beside Weft's; then what the ports present cost each. */
export function formatResults(weft: readonly Result[], peer: readonly Result[]): string[] {
  const name = peer[0]?.peer
  const rows = weft.map((ours): string[] => {
    const theirs = peer.find((result) => result.ports === ours.ports)
    if (theirs === undefined) return [String(ours.ports), ...cells(ours)]
    const ratio = `${(theirs.median_ms / ours.median_ms).toFixed(1)} x`
    return [String(ours.ports), ...cells(ours), ...cells(theirs), ratio]
  })
  const headings = ['median ms', 'p99 ms', 'flows']
  const theirs = name === undefined ? [] : [`${name}: median ms`, ...headings.slice(1), 'to Weft']
  const table = [['ports', ...headings, ...theirs], ...rows]
  const widths = (table[0] ?? []).map((_, at) =>
    Math.max(...table.map((row) => row[at]?.length ?? 0)),
  )
  const lines = table.map((row) =>
    row.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('   '),
  )
  return ['', ...lines, '', growth('Weft', weft), ...(name ? [growth(name, peer)] : [])]
}

function cells({ median_ms, p99_ms, flows_own, flows_other }: Result): string[] {
  return [median_ms.toFixed(2), p99_ms.toFixed(2), `${flows_own}/${flows_other}`]
}

function growth(name: string, results: readonly Result[]): string {
  const [first, last] = [results[0], results.at(-1)]
  const ratio = (last?.median_ms ?? Number.NaN) / (first?.median_ms ?? Number.NaN)
  return `${name}: a port beside ${last?.ports} costs ${ratio.toFixed(2)} times one beside ${first?.ports}`
}
