/**
 * What may limit anything, by host: interfaces that carry less than the model says, and paths on which less passes than is
 * needed. Whoever asks about hosts that are not in it pays nothing. Neighbour: `mtu-status.ts` judges by it.
 */

/** An interface and the MTU that it has now. */
export interface SeenInterface {
  readonly interface: string
  readonly mtuBytes: number
}

/** An interface that carries less than the model says of its host or of its physical network. */
export interface LowInterface extends SeenInterface {
  readonly host: string
  /** Absent: it carries the host's tunnels. */
  readonly physicalNetwork?: string
}

/** What gets from a host, by peer, and the least of it; undefined: not known now. */
interface Peers {
  readonly passes: Map<string, number>
  least: number | undefined
}

/** Bytes of the largest packet of a workload that gets from one host to another, by both. */
export class NarrowPaths {
  readonly #from = new Map<string, Peers>()
  readonly #to = new Map<string, Set<string>>()

  get(from: string, to: string): number | undefined {
    return this.#from.get(from)?.passes.get(to)
  }

  /** @returns whether it was another size; undefined: all passes */
  set(from: string, to: string, passes: number | undefined): boolean {
    if (this.get(from, to) === passes) return false
    const peers = this.#from.get(from) ?? { passes: new Map(), least: undefined }
    const others = this.#to.get(to) ?? new Set()
    peers.least = undefined
    if (passes === undefined) {
      peers.passes.delete(to)
      others.delete(from)
      if (peers.passes.size === 0) this.#from.delete(from)
      if (others.size === 0) this.#to.delete(to)
    } else {
      this.#from.set(from, peers)
      this.#to.set(to, others.add(from))
      peers.passes.set(to, passes)
    }
    return true
  }

  /** Hosts with a path from them, or to them. */
  *hosts(): Iterable<string> {
    yield* this.#from.keys()
    for (const host of this.#to.keys()) if (!this.#from.has(host)) yield host
  }

  /** Those from a host and those to it. */
  *of(hostId: string): Iterable<readonly [from: string, to: string]> {
    for (const to of this.peersOf(hostId)) yield [hostId, to]
    for (const from of this.#to.get(hostId) ?? none) yield [from, hostId]
  }

  /** Where the narrow paths from a host lead. */
  peersOf(from: string): Iterable<string> {
    return this.#from.get(from)?.passes.keys() ?? []
  }

  /**
   * Paths between these hosts; with `at` only those from and to this one of them. Hosts from which nothing passes that
   * `isOfInterest` are left out.
   */
  *between(
    hosts: ReadonlySet<string>,
    at: string | undefined,
    isOfInterest: (passes: number) => boolean,
  ): Iterable<readonly [from: string, to: string, passes: number]> {
    for (const from of at === undefined ? common(hosts, this.#from) : [at]) {
      const peers = this.#from.get(from)
      if (!peers || !isOfInterest(leastOf(peers))) continue
      for (const to of common(hosts, peers.passes)) yield [from, to, peers.passes.get(to) ?? 0]
    }
    if (at === undefined) return
    for (const from of common(hosts, this.#to.get(at) ?? none))
      yield [from, at, this.get(from, at) ?? 0]
  }
}

const none: ReadonlySet<string> = new Set()

interface Keyed {
  readonly size: number
  has(key: string): boolean
  keys(): Iterable<string>
}

/** The keys that both have, at the cost of the smaller. */
export function* common(a: Keyed, b: Keyed): Iterable<string> {
  const [few, many] = a.size < b.size ? [a, b] : [b, a]
  for (const key of few.keys()) if (many.has(key)) yield key
}

function leastOf(peers: Peers): number {
  if (peers.least === undefined) {
    peers.least = Number.POSITIVE_INFINITY
    for (const passes of peers.passes.values()) peers.least = Math.min(peers.least, passes)
  }
  return peers.least
}
