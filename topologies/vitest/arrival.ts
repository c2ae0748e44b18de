/** Whether a frame arrives somewhere, and where else. Eyes and judgement are those of the checks. Neighbours: matchers.ts, frame.ts. */
import type { Delivery } from '../lab/checks/claims.ts'
import { type Attempts, arrived, strays } from '../lab/checks/evidence.ts'
import { siteOf } from '../lab/checks/site.ts'
import { UNDERLAY } from '../lab/checks/watch.ts'
import type { Workload } from '../lab/lab.ts'
import type { Sending } from './frame.ts'
import type { Inside } from './site.ts'

/** A VTEP may lose the first frame to a peer whose MAC it has yet to resolve: what did not arrive is sent again. */
const ATTEMPTS = 4
const ATTEMPT_MS = 500

export interface Arrival {
  /** At that place, whatever else. */
  readonly isSeen: boolean
  /** What is wrong, one sentence each; none: there, byte for byte, once, and nowhere else. */
  readonly problems: readonly string[]
}

/** Sends it and looks. @param place a guest's name, or the id of a physical network */
export async function arrivalOf(inside: Inside, sending: Sending, place: string): Promise<Arrival> {
  const { lab, watch, sleep } = inside
  const at = lab.workloads.get(place)
  if (at === undefined && !lab.physicalNetworks.has(place))
    throw new Error(`no guest and no physical network ${place} in ${lab.document.name}`)
  if (sending.isRaw) return rawArrival(inside, sending, place)
  const sent: Uint8Array[] = []
  const claim = claimOf(inside, sending, place, at)
  const attempts = await deliver(inside, {
    ...claim,
    frame(mark) {
      const frame = sending.frame(mark)
      sent.push(frame)
      return frame
    },
    complaint: (frame) => (isOneOf(frame, sent) ? undefined : 'it is not the same byte for byte'),
  })
  // What comes late, or elsewhere.
  await sleep(lab.settleMs)
  const isSeen = attempts.sent.some(({ mark }) =>
    watch.seen(mark).some(({ where }) => where === place),
  )
  return { isSeen, problems: strays(watch, attempts) }
}

/** Sends until it was seen where it should be. */
export async function deliver(inside: Inside, delivery: Delivery): Promise<Attempts> {
  const { watch, signal } = inside
  const attempts: Attempts = { delivery, sent: [] }
  for (let attempt = 0; attempt < ATTEMPTS && !arrived(watch, attempts); attempt++) {
    const mark = watch.mark()
    const frame = delivery.frame(mark)
    const { what, tolerated } = delivery
    attempts.sent.push({ what, frame, mark, tolerated })
    delivery.from.send(frame)
    await watch.until(() => arrived(watch, attempts), { timeoutMs: ATTEMPT_MS, signal })
  }
  return attempts
}

/** Between hosts it crosses what is between them; a network that is on a physical one may be seen there. */
function claimOf(
  { lab }: Inside,
  { what, from }: Sending,
  place: string,
  at: Workload | undefined,
): Omit<Delivery, 'frame'> {
  const network = siteOf(lab).networks.find(({ workloads }) => workloads.includes(from))
  const isLocal = network?.isPlain && at?.hostId === from.hostId
  const between = isLocal
    ? []
    : [UNDERLAY, ...(network?.isPlain ? [] : lab.physicalNetworks.keys())]
  return {
    what,
    from,
    to: [place],
    crossesUnderlay: false,
    // A kernel that has nobody at the port quotes the packet back to who sent it.
    tolerated: [...between, from.name].filter((name) => name !== place),
    outcome: '',
  }
}

/** Raw bytes have no mark of ours: they are found as a whole. */
async function rawArrival({ lab, sleep }: Inside, { from, what, frame }: Sending, place: string) {
  const raw = frame(new Uint8Array())
  const seen = new Map<string, number>()
  const stops = [...lab.workloads, ...lab.physicalNetworks].map(([name, wire]) =>
    wire.onFrame((arriving) => {
      if (isOneOf(arriving, [raw])) seen.set(name, (seen.get(name) ?? 0) + 1)
    }),
  )
  try {
    from.send(raw)
    await sleep(ATTEMPT_MS + lab.settleMs)
  } finally {
    for (const stop of stops) stop()
  }
  const times = seen.get(place) ?? 0
  const others = [...seen.keys()].filter((name) => name !== place).join(', ')
  const missing = others === '' ? '' : `, but at ${others}`
  return {
    isSeen: times > 0,
    problems: [
      ...(times === 0 ? [`${what}: not seen at ${place}${missing}`] : []),
      ...(times > 1 ? [`${what}: seen ${times} times at ${place}`] : []),
      ...(times > 0 && others !== '' ? [`${what}: also seen at ${others}`] : []),
    ],
  }
}

const isOneOf = (frame: Uint8Array, frames: readonly Uint8Array[]): boolean =>
  frames.some((one) => Buffer.compare(one, frame) === 0)
