/**
 * Who reaches whom: of each ordered pair of guests what the document says, and what a ping says. Guests of one Ethernet reach
 * each other, others do not.
 *
 * A ping is for an address, and tenants may have the same ones: where the guest's own network has somebody with the address of the
 * other, a ping would be answered by that one and say nothing of the pair. Such pairs are not asked; that nothing of them crosses
 * is proven by frames with a mark (checks/tenants.ts). Nor are those of one network whose subnets differ.
 *
 * In a site of more than MOST_GUESTS the pairs are a choice: in a network each guest with the next ones, one pair for two networks.
 * Neighbours: segments.ts, matrix-report.ts.
 */
import { isWithin } from '../../controller/model/cidr.ts'
import { familyOf } from '../../controller/model/ip-address.ts'
import { formatIpv4, parseIpv4 } from '../../southbound/wire/address.ts'
import { ipv4Of } from './addresses.ts'
import type { Lab, LabDocument } from './lab.ts'
import { networkOfGuests, networksOf } from './segments.ts'

/** A site with more is shown by networks. */
export const MOST_GUESTS = 30
/** Peers of each guest in a network with more guests than MOST_GUESTS. */
const NEXT = 3
/** Other networks that each network is held against, at most. */
const NETWORKS = 20

const ATTEMPTS = 4
const BYTES = 56

/** For who must answer, and for who must not: what crosses a lab does so in milliseconds, where a machine is emulated in a hundred. */
const patience = {
  memory: { timeoutMs: 1_000, silenceMs: 500, atOnce: 64 },
  // Each ping is a process.
  netns: { timeoutMs: 1_000, silenceMs: 500, atOnce: 8 },
  vagrant: { timeoutMs: 5_000, silenceMs: 3_000, atOnce: 4 },
} as const

export type Reach = 'reached' | 'silent'

export interface MatrixPair {
  readonly from: string
  readonly to: string
  /** What the document says; `unasked`: no ping can tell. */
  readonly expected: Reach | 'unasked'
  /** Why it is not asked. */
  readonly why?: string
}

export interface MatrixPlan {
  /** Names, in the document's order. */
  readonly guests: readonly string[]
  /** Keys of their networks, in the order of guests. */
  readonly networks: readonly string[]
  readonly pairs: readonly MatrixPair[]
  /** All ordered pairs are there. */
  readonly isComplete: boolean
}

export interface MatrixCell extends MatrixPair {
  /** Undefined: not asked. */
  readonly seen?: Reach
  readonly ok: boolean
}

export interface Matrix extends Omit<MatrixPlan, 'pairs'> {
  readonly cells: readonly MatrixCell[]
}

interface Station {
  readonly name: string
  readonly network: string
  readonly segment: string
  readonly address: string
}

/** Pure; a guest without IPv4 address or network is left out. */
export function planMatrix(document: LabDocument): MatrixPlan {
  const networks = networksOf(document)
  const networkOf = networkOfGuests(document)
  const stations = Object.entries(document.workloads).flatMap(([name, port]): Station[] => {
    const [tenant = '', portId = ''] = port.split('/')
    const network = networks.get(networkOf.get(name) ?? '')
    const address = ipv4Of(document.tenants[tenant]?.ports?.[portId]?.addresses ?? [])
    if (!network || address === undefined) return []
    const { key, segment } = network
    return [{ name, network: key, segment, address: formatIpv4(address) }]
  })
  const taken = addressesBySegment(document)
  const judge = (from: Station, to: Station): MatrixPair => {
    const pair = { from: from.name, to: to.name }
    const { cidrs = [] } = networks.get(from.network) ?? {}
    if (from.segment === to.segment) {
      const isNear = cidrs.some(
        (cidr) => isWithin(from.address, cidr) && isWithin(to.address, cidr),
      )
      if (isNear || from.network !== to.network) return { ...pair, expected: 'reached' }
      return { ...pair, expected: 'unasked', why: 'another subnet' }
    }
    if (from.address === to.address)
      return { ...pair, expected: 'unasked', why: `both have ${to.address}` }
    if (taken.get(from.segment)?.has(to.address))
      return { ...pair, expected: 'unasked', why: `${to.address} is in its own network, too` }
    return { ...pair, expected: 'silent' }
  }
  const isComplete = stations.length <= MOST_GUESTS
  const chosen = isComplete ? allPairs(stations) : somePairs(stations, judge)
  return {
    guests: stations.map(({ name }) => name),
    networks: stations.map(({ network }) => network),
    pairs: chosen.map(([from, to]) => judge(from, to)),
    isComplete,
  }
}

/** Of all ports, with and without a guest. */
function addressesBySegment(document: LabDocument): Map<string, Set<string>> {
  const networks = networksOf(document)
  const found = new Map<string, Set<string>>()
  for (const [tenant, { ports = {} }] of Object.entries(document.tenants))
    for (const { network, addresses } of Object.values(ports)) {
      const segment = networks.get(`${tenant}/${network}`)?.segment ?? ''
      const own = found.get(segment) ?? new Set()
      for (const address of addresses)
        if (familyOf(address) === 4) own.add(formatIpv4(parseIpv4(address)))
      found.set(segment, own)
    }
  return found
}

type Way = readonly [from: Station, to: Station]

const allPairs = (stations: readonly Station[]): Way[] =>
  stations.flatMap((from) => stations.flatMap((to) => (to === from ? [] : [[from, to] as const])))

/** In each network all, or each guest with the next ones; and of networks one pair that can be asked, both ways. */
function somePairs(
  stations: readonly Station[],
  judge: (from: Station, to: Station) => MatrixPair,
): Way[] {
  const byNetwork = [...Map.groupBy(stations, ({ network }) => network).values()]
  const within = byNetwork.flatMap((own) => {
    if (own.length <= MOST_GUESTS) return allPairs(own)
    return own.flatMap((from, at) =>
      Array.from({ length: NEXT }, (_, n) => [from, own[(at + n + 1) % own.length]!] as const),
    )
  })
  const between = byNetwork.flatMap((own, at) => {
    const others = Array.from(
      { length: Math.min(NETWORKS, byNetwork.length - 1) },
      (_, n) => byNetwork[(at + n + 1) % byNetwork.length]!,
    )
    return others.flatMap((other): Way[] => {
      const ways = own.slice(0, NEXT).flatMap((from) => other.map((to) => [from, to] as const))
      const asked = ways.find((way) => judge(...way).expected !== 'unasked') ?? ways[0]
      return asked ? [asked] : []
    })
  })
  return [...within, ...between]
}

export interface MatrixOptions {
  readonly signal: AbortSignal
  /** Called now and then with how many pairs are done. */
  readonly onProgress?: (done: number, all: number) => void
}

/** Asks all pairs of the plan; a ping that cannot be sent is silence. */
export async function runMatrix(
  lab: Lab,
  plan: MatrixPlan,
  { signal, onProgress }: MatrixOptions,
): Promise<Matrix> {
  const { pairs, ...rest } = plan
  const cells = new Array<MatrixCell>(pairs.length)
  let next = 0
  let done = 0
  const work = async (): Promise<void> => {
    for (let at = next++; at < pairs.length; at = next++) {
      signal.throwIfAborted()
      const pair = pairs[at]!
      if (pair.expected === 'unasked') cells[at] = { ...pair, ok: true }
      else {
        const seen = await ask(lab, pair, signal)
        signal.throwIfAborted()
        cells[at] = { ...pair, seen, ok: seen === pair.expected }
      }
      done++
      if (done % 100 === 0) onProgress?.(done, pairs.length)
    }
  }
  const workers = Math.min(patience[lab.backend].atOnce, pairs.length)
  await Promise.all(Array.from({ length: workers }, work))
  return { ...rest, cells }
}

async function ask(
  lab: Lab,
  { from, to, expected }: MatrixPair,
  signal: AbortSignal,
): Promise<Reach> {
  const [sender, target] = [lab.workloads.get(from), lab.workloads.get(to)]
  if (!sender || !target) return 'silent'
  const isMeant = expected === 'reached'
  const { timeoutMs, silenceMs } = patience[lab.backend]
  const options = { bytes: BYTES, timeoutMs: isMeant ? timeoutMs : silenceMs, signal }
  for (let attempt = 0; attempt < (isMeant ? ATTEMPTS : 1); attempt++) {
    try {
      if (await sender.ping(target.address, options)) return 'reached'
    } catch (error) {
      // "Network is unreachable", say: its own stack has no way there.
      if (signal.aborted || !(error instanceof Error)) throw error
      return 'silent'
    }
  }
  return 'silent'
}
