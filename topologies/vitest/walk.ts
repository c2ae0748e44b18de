/**
 * Why: the walk of a packet as the controller tells it (`/v1:trace`), for the message of a failed expectation. When all flows
 * that hosts should have would deliver it and yet nothing came, it is sent for real and the counters of those flows are read.
 * Neighbours: ../../controller/trace/text.ts (the text), matchers.ts.
 */
import { type Traced, traceText } from '../../controller/trace/text.ts'
import type { Lab } from '../lab/lab.ts'

/** As the query of `/v1:trace` has it. */
export interface Asked {
  /** Keys of ports. */
  readonly from: string
  readonly to: string
  readonly protocol: 'icmp' | 'tcp' | 'udp'
  readonly port?: number
  readonly packetBytes: number
}

export interface WalkOptions {
  /** It has to come back as well. */
  readonly isAnswered?: boolean
  /** It was seen to arrive: nothing is sent for real. */
  readonly isSeen?: boolean
}

/** Fits a terminal, and a page. */
export const COLUMNS = 110

/** Lines, none longer than COLUMNS; what the controller says when it does not answer. */
export async function walkLines(lab: Lab, asked: Asked, options: WalkOptions): Promise<string[]> {
  const there = await trace(lab, 'GET', asked)
  if ('refused' in there) return [`no walk: ${there.refused}`]
  if (there.verdict === 'dropped' || options.isSeen) return linesOf(there)
  if (options.isAnswered) {
    const { from, to } = asked
    const back = await trace(lab, 'GET', { ...asked, from: to, to: from })
    if ('verdict' in back && back.verdict === 'dropped') return linesOf(back)
  }
  const sent = await trace(lab, 'POST', asked)
  const lines = linesOf('refused' in sent ? there : sent, true)
  if ('refused' in sent) lines.push(`  sent for real: not possible, ${sent.refused}`)
  const hosts = new Set(there.walks.flatMap(({ hops }) => hops.map(({ host }) => host)))
  for (const host of hosts) if (await isAway(lab, host)) lines.push(`  ${host} is away`)
  return [...lines, '  That is what hosts should do, and not what came of it.']
}

async function isAway(lab: Lab, host: string): Promise<boolean> {
  const answer = await lab.fetch(`/v1/infra/hosts/${host}`)
  const { status } = (await answer.json()) as { readonly status?: { readonly phase?: string } }
  return status?.phase === 'away'
}

const linesOf = (traced: Traced, isContrary = false): string[] =>
  traceText(traced, { columns: COLUMNS, isBrief: true, isContrary }).map(({ text }) => text)

async function trace(
  lab: Lab,
  method: 'GET' | 'POST',
  { packetBytes, port, ...asked }: Asked,
): Promise<Traced | { readonly refused: string }> {
  const query = new URLSearchParams({ ...asked, packetBytes: `${packetBytes}` })
  if (port !== undefined) query.set('port', `${port}`)
  try {
    const answer = await lab.fetch(`/v1:trace?${query}`, { method })
    if (answer.ok) return (await answer.json()) as Traced
    const problem = (await answer.json()) as { readonly title?: string; readonly detail?: string }
    return { refused: problem.detail ?? problem.title ?? `${answer.status}` }
  } catch (error) {
    return { refused: `the controller does not answer: ${(error as Error).message}` }
  }
}
