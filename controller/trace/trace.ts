/**
 * Whether one workload reaches another, and why not: the frame that would be sent is walked through what hosts should have; of
 * a drop the smallest change of the model that would let it pass is looked for, and walked too before it is told.
 *
 *     request -> frame.ts -> walk.ts (host by host) -> verdict -> advice.ts
 */
import type { Placement } from '../compiler/program.ts'
import type { Edit, Port } from '../model/schema.ts'
import { type Advice, adviceOn } from './advice.ts'
import { type Asking, type Between, betweenOf, frameOf, nameOf } from './frame.ts'
import type { TraceSite } from './site.ts'
import { type End, type Hop, walk, walkFromDevice } from './walk.ts'

export interface TraceRequest extends Asking {
  /** Keys of ports: 'acme/vm1'. */
  readonly from: string
  readonly to: string
}

export interface WalkOf {
  /** `TCP to 10.0.0.12 port 443`. */
  readonly what: string
  readonly verdict: 'delivered' | 'answered' | 'dropped'
  readonly hops: readonly Hop[]
  /** Where it came in, and as what; undefined: by no OpenFlow port. */
  readonly sent?: { readonly host: string; readonly ofport: number; readonly frame: Uint8Array }
}

/** Why a frame ended where it did. */
export interface Fault {
  /** A drop reason of Weft or of the switch, or of what keeps a frame from being sent at all. */
  readonly reason: string
  readonly sentence: string
  readonly host?: string
  /** The last flow that it met, and the intents behind it. */
  readonly flow?: string
  readonly from: readonly string[]
}

export interface Trace {
  readonly from: string
  readonly to: string
  readonly verdict: 'delivered' | 'dropped'
  /** First the question for the address, as a guest asks it. */
  readonly walks: readonly WalkOf[]
  readonly fault?: Fault
  readonly advice: readonly Advice[]
}

/** @param whatIf the site as it would be with these edits. @throws ModelError when the model refuses them */
export function trace(
  site: TraceSite,
  request: TraceRequest,
  whatIf: (edits: readonly Edit[]) => TraceSite,
): Trace {
  const plain = verdictOf(site, request)
  if (!plain.fault) return { ...plain, advice: [] }
  const isCured = (edits: readonly Edit[]) =>
    verdictOf(whatIf(edits), request).verdict === 'delivered'
  return { ...plain, advice: adviceOn(site, request, plain.fault, isCured) }
}

function verdictOf(site: TraceSite, request: TraceRequest): Omit<Trace, 'advice'> {
  const { from, to } = request
  const [sender, receiver] = [site.snapshot.get('port', from), site.snapshot.get('port', to)]
  const place = site.placement(from)
  if (!sender || !receiver || !place)
    return { from, to, verdict: 'dropped', walks: [], fault: unplaced(from) }
  const between = betweenOf(sender, receiver, request.family)
  if (!between) return { from, to, verdict: 'dropped', walks: [], fault: noAddress(request) }
  const question = { protocol: 'neighbour' } as const
  const asked = request.protocol === 'neighbour' ? [request] : [question, request]
  const walks: WalkOf[] = []
  for (const asking of asked) {
    const done = walkOf(site, { place, receiver, between, asking, sender })
    walks.push(done)
    if (done.verdict === 'dropped')
      return { from, to, verdict: 'dropped', walks, fault: faultOf(done.hops) }
  }
  return { from, to, verdict: 'delivered', walks }
}

const unplaced = (from: string): Fault => ({
  ...{ reason: 'port_unplaced', sentence: 'the sender is plugged in nowhere' },
  from: [`port/${from}`],
})

const noAddress = ({ from, to, family }: TraceRequest): Fault => ({
  reason: 'no_address',
  sentence: `${from} and ${to} have no ${family === undefined ? 'IP' : `IPv${family}`} addresses of one family`,
  from: [`port/${from}`, `port/${to}`],
})

interface Sending {
  readonly place: Placement
  readonly sender: Port
  readonly receiver: Port
  readonly between: Between
  readonly asking: Asking
}

function walkOf(site: TraceSite, { place, sender, receiver, between, asking }: Sending): WalkOf {
  const { hostId: host, at } = place
  const frame = frameOf(between, asking, at.kind === 'subport' ? at.vid : 0)
  const hops =
    at.kind === 'vtep'
      ? walkFromDevice(site, { host, port: sender, frame })
      : walk(site, { host, ofport: at.ofport, frame })
  const arrived = hops.flatMap(({ ends }) =>
    ends.flatMap((end) => (end.kind === 'arrives' ? (end.port ?? []) : [])),
  )
  const isAnswered =
    asking.protocol === 'neighbour' && arrived.includes(`${sender.tenant}/${sender.id}`)
  const isThere = arrived.includes(`${receiver.tenant}/${receiver.id}`)
  const verdict = isThere ? 'delivered' : isAnswered ? 'answered' : 'dropped'
  const sent = at.kind === 'vtep' ? {} : { sent: { host, ofport: at.ofport, frame } }
  return { what: nameOf(asking, between), verdict, hops, ...sent }
}

/** Of several drops the first; a frame that ends nowhere in particular was told so by no flow. */
function faultOf(hops: readonly Hop[]): Fault {
  for (const { host, stages, ends } of hops) {
    const drop = ends.find(
      (end): end is Extract<End, { kind: 'dropped' }> => end.kind === 'dropped',
    )
    if (!drop) continue
    // What drops for the whole site says less than the last one that was about somebody.
    const met = stages.filter(({ flow }) => flow !== undefined)
    const last = met.findLast(({ from }) => from.some((intent) => intent !== 'site')) ?? met.at(-1)
    const { reason, sentence } = drop
    const flow = last?.flow === undefined ? {} : { flow: last.flow }
    return { reason, sentence, host, ...flow, from: last?.from ?? [] }
  }
  const host = hops.at(-1)?.host
  const sentence = 'it went somewhere else, and to nobody of that name'
  return { reason: 'not_there', sentence, ...(host !== undefined && { host }), from: [] }
}
