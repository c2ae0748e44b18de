/**
 * Whether two guests are isolated: all that one sends, of every kind that a network may carry further than it should, is never
 * seen by the other. Only of guests that are alive: each sends to, and hears from, a member of its own network; one that is
 * alone in it is seen to send by its host. Neighbours: arrival.ts, matchers.ts.
 */
import { BROADCAST_MAC } from '../../southbound/wire/address.ts'
import { unicast } from '../lab/checks/claims.ts'
import { strays } from '../lab/checks/evidence.ts'
import { markedArp, markedPacket, type Station } from '../lab/checks/frames.ts'
import { siteOf } from '../lab/checks/site.ts'
import { UNDERLAY } from '../lab/checks/watch.ts'
import type { Workload } from '../lab/lab.ts'
import { deliver } from './arrival.ts'
import type { Inside } from './site.ts'

/** One guest as the other sees it. */
interface Pair {
  readonly from: Workload
  readonly to: Workload
}

/** `ARP for its address: 3 of 3 of h1.web seen by h2.db`. */
export interface Breach extends Pair {
  readonly what: string
}

const FRAMES = 3
const LIMITED_BROADCAST = 0xffff_ffff
/** A MAC that nobody has, locally administered; the next ones when somebody has. */
const NOBODY = 0x0257_ffff_fe00
const [PATIENCE_MS, POLL_MS] = [8_000, 1_000]

const kinds: Readonly<
  Record<string, (mark: Uint8Array, pair: Pair, nobody: number) => Uint8Array>
> = {
  'packets to its MAC': (mark, { from, to }) => markedPacket(mark, from, to),
  'packets to a MAC that nobody has': (mark, { from, to }, mac) =>
    markedPacket(mark, from, { mac, address: to.address }),
  broadcasts: (mark, { from }) => markedPacket(mark, from, EVERYBODY),
  'ARP for its address': (mark, { from, to }) => markedArp(mark, from, to.address),
}
const EVERYBODY: Station = { mac: BROADCAST_MAC, address: LIMITED_BROADCAST }

/** @returns what was seen that was not to be; none: isolated. @throws Error when one of them is not alive */
export async function breachesOf(inside: Inside, a: Workload, b: Workload): Promise<Breach[]> {
  const both = [
    { from: a, to: b },
    { from: b, to: a },
  ]
  const controls = both.map(({ from, to }) => controlOf(inside, from, to))
  for (const { show } of controls) await show()
  const probes = both.flatMap((pair) => probe(inside, pair))
  // What was sent before has passed where this passes.
  for (const { show } of controls) await show()
  await inside.sleep(inside.lab.settleMs)
  const seen = probes.flatMap(({ what, from, to, marks }) => {
    const isSeen = (mark: Uint8Array) =>
      inside.watch.seen(mark).some(({ where }) => where === to.name)
    const count = marks.filter(isSeen).length
    const sentence = `${what}: ${count} of ${FRAMES} that ${from.name} sent were seen by ${to.name}`
    return count === 0 ? [] : [{ what: sentence, from, to }]
  })
  if (seen.length === 0 && controls.some(({ isEachOther }) => isEachOther))
    throw notAlive(
      a,
      `${b.name} is the only other guest of its network, and does not hear it either`,
    )
  return seen
}

function probe({ lab, watch }: Inside, pair: Pair) {
  const taken = new Set([...lab.workloads.values()].map(({ mac }) => mac))
  let nobody = NOBODY
  while (taken.has(nobody)) nobody++
  return Object.entries(kinds).map(([what, make]) => {
    const marks = Array.from({ length: FRAMES }, () => watch.mark())
    for (const mark of marks) pair.from.send(make(mark, pair, nobody))
    return { what, marks, ...pair }
  })
}

interface Control {
  /** The only other member of its network is the one that it should be isolated from. */
  readonly isEachOther: boolean
  /** @throws Error when the guest is not alive */
  show(): Promise<void>
}

/** With the nearest member of its network; of a guest that is alone there, what its host has seen of it. */
function controlOf(inside: Inside, guest: Workload, other: Workload): Control {
  const { lab, watch } = inside
  const network = siteOf(lab).networks.find(({ workloads }) => workloads.includes(guest))
  const members = (network?.workloads ?? []).filter((one) => one !== guest)
  const peers = members.filter((one) => one !== other)
  const peer = peers.find(({ hostId }) => hostId === guest.hostId) ?? peers[0]
  if (peer === undefined && members.length === 0) return alone(inside, guest)
  const everywhere = [...lab.workloads.keys(), ...lab.physicalNetworks.keys(), UNDERLAY]
  const ways = [unicast(guest, peer ?? other), unicast(peer ?? other, guest)]
  return {
    isEachOther: peer === undefined,
    async show() {
      for (const way of ways) {
        const claim = { ...way, crossesUnderlay: false, tolerated: everywhere }
        const [problem] = strays(watch, await deliver(inside, claim))
        if (problem !== undefined && peer) throw notAlive(guest, problem)
      }
    },
  }
}

function alone(inside: Inside, guest: Workload): Control {
  let before: number | undefined
  return {
    isEachOther: false,
    async show() {
      if (before === undefined) before = await sentOf(inside, guest)
      else await untilSent(inside, guest, before)
    },
  }
}

const notAlive = ({ name }: Workload, why: string): Error =>
  new Error(`whether ${name} is isolated cannot be said, for it is not seen to be alive: ${why}`)

/** Frames of a guest that its host has seen: what its port has sent, which is not asked at once, and what was dropped of it. */
async function sentOf({ lab, signal }: Inside, { tenant, portId, hostId }: Workload) {
  const ask = async (path: string) => (await lab.fetch(path, { signal })).json()
  const { status } = (await ask(`/v1/tenants/${tenant}/ports/${portId}`)) as {
    readonly status?: { readonly counters?: { readonly sent?: { readonly frames: number } } }
  }
  const { drops = [] } = (await ask(`/v1/infra/hosts/${hostId}/drops`)) as {
    readonly drops?: readonly { readonly port?: string; readonly packets: number }[]
  }
  const own = drops.filter(({ port }) => port === undefined || port === `${tenant}/${portId}`)
  const dropped = own.reduce((sum, { packets }) => sum + packets, 0)
  return dropped + (status?.counters?.sent?.frames ?? 0)
}

/** @throws Error when the host never saw any */
async function untilSent(inside: Inside, guest: Workload, before: number): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
    if ((await sentOf(inside, guest)) > before) return
    await inside.sleep(POLL_MS)
  }
  throw notAlive(guest, `it is alone in its network, and ${guest.hostId} has seen no frame of it`)
}
