/**
 * The matchers of `weft/lab`, registered with vitest's `expect` when this is imported. What is said of a failure is always: what
 * was seen, the packet's walk with the intents behind it, the seed. Neighbours: api.ts (declares them), walk.ts.
 */
import { expect } from 'vitest'
import { wrap } from '../../controller/trace/text.ts'
import { arrow, thousands } from '../lab/checks/claims.ts'
import type { Workload } from '../lab/lab.ts'
import type { Guest, ReachOptions } from './api.ts'
import { arrivalOf } from './arrival.ts'
import { bytesOf, PING_BYTES } from './frame.ts'
import { breachesOf } from './isolation.ts'
import { checkKeys } from './options.ts'
import { PING_HEADERS, reach } from './reach.ts'
import { frameOf, guestOf, type Inside, workloadOf } from './site.ts'
import { type Asked, COLUMNS, type WalkOptions, walkLines } from './walk.ts'

const PING_MS = 2_000
/** What vitest writes before a message. */
const NAME = 'Error: '

interface Verdict {
  readonly pass: boolean
  message(): string
}

expect.extend({
  async toReach(received: unknown, named: string | Guest, options: ReachOptions = {}) {
    const { inside, workload: from } = guestOf(received, 'toReach')
    const to = workloadOf(inside, named)
    checkKeys(options, ['bytes', 'timeoutMs'], 'toReach')
    const bytes = bytesOf(options.bytes, from, PING_HEADERS)
    const timeoutMs = options.timeoutMs ?? PING_MS
    const asking = reach(inside, from, to, { bytes, timeoutMs })
    const { isAnswered, asked } = await awaited(inside, 'toReach', asking)
    const isReached = isAnswered && asked.includes(to.name)
    const ping = `a ping of ${thousands(bytes)} bytes of IP`
    const said = isReached
      ? `${from.name} reaches ${to.name}: ${ping} was answered`
      : `${from.name} does not reach ${to.name}: ${
          isAnswered && asked.length > 0
            ? `${ping} was answered by ${asked.join(', ')}, which has that address as well`
            : `no answer to ${ping} within ${timeoutMs} ms`
        }`
    const walk = { isAnswered: true, isSeen: isReached }
    return verdict(this.isNot, isReached, () =>
      told(inside, [said], between(from, to, bytes), { ...walk, apart: apart(inside, from, to) }),
    )
  },

  async toBeIsolatedFrom(received: unknown, named: string | Guest) {
    const { inside, workload: one } = guestOf(received, 'toBeIsolatedFrom')
    const other = workloadOf(inside, named)
    if (one === other)
      throw new Error(`${one.name} is not isolated from itself: name another guest`)
    const breaches = await awaited(inside, 'toBeIsolatedFrom', breachesOf(inside, one, other))
    const pass = breaches.length === 0
    const said = pass
      ? [`${one.name} is isolated from ${other.name}: nothing that one sent was seen by the other`]
      : [
          `${one.name} is not isolated from ${other.name}:`,
          ...breaches.map(({ what }) => `  ${what}`),
        ]
    const { from, to } = breaches[0] ?? { from: one, to: other }
    const asked = between(from, to, PING_BYTES)
    return verdict(this.isNot, pass, () =>
      told(inside, said, asked, { isSeen: true, apart: apart(inside, from, to) }),
    )
  },

  async toArriveAt(received: unknown, named: string | Guest) {
    const { inside, sending } = frameOf(received, 'toArriveAt')
    const place = typeof named === 'string' ? named : named.name
    const arriving = arrivalOf(inside, sending, place)
    const { isSeen, problems } = await awaited(inside, 'toArriveAt', arriving)
    const pass = this.isNot ? isSeen : problems.length === 0
    const said = pass
      ? [`${arrow(sending.from, { name: place })}, ${sending.what}: it arrived`]
      : problems.map((problem) => `${sending.from.name} sent ${problem}`)
    return verdict(this.isNot, pass, () => told(inside, said, sending.asked, { isSeen }))
  },
})

/** What was asked of a lab. @throws Error when that is closed by now: the test has not waited */
async function awaited<T>({ isClosed }: Inside, matcher: string, asking: Promise<T>): Promise<T> {
  // Made now, since its stack has the line of the test.
  const late = new Error(`the lab was closed before this was known: await expect(…).${matcher}(…)`)
  const [answer] = await Promise.allSettled([asking])
  if (isClosed()) throw late
  if (answer.status === 'rejected') throw answer.reason
  return answer.value
}

/** The message is made only of what fails: it asks the controller. */
async function verdict(
  isNot: boolean | undefined,
  pass: boolean,
  say: () => Promise<string>,
): Promise<Verdict> {
  const message = pass === Boolean(isNot) ? await say() : ''
  return { pass, message: () => message }
}

const between = (from: Workload, to: Workload, packetBytes: number): Asked => ({
  from: `${from.tenant}/${from.portId}`,
  to: `${to.tenant}/${to.portId}`,
  protocol: 'icmp',
  packetBytes,
})

/** What would keep two guests from each other that are in one network. */
function apart({ lab }: Inside, from: Workload, to: Workload): string | undefined {
  const [one, other] = [from, to].map(({ tenant, portId }) => {
    const network = lab.document.tenants[tenant]?.ports?.[portId]?.network
    return `${tenant}/${network}`
  })
  if (one !== other) return undefined
  return `  both are in network ${one}: a port in another network would keep one of them apart`
}

async function told(
  { lab, replay }: Inside,
  said: readonly string[],
  asked: Asked | undefined,
  options: WalkOptions & { readonly apart?: string | undefined },
): Promise<string> {
  const walk = asked ? ['', ...(await walkLines(lab, asked, options))] : []
  if (options.isSeen && options.apart !== undefined) walk.push(options.apart)
  const again = replay === undefined ? [] : ['', replay]
  const seen = said.flatMap((line) => wrap(line, COLUMNS - NAME.length))
  return [...seen, ...walk, ...again].join('\n')
}
