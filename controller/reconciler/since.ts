/**
 * Since when conditions are what they are. Status is computed when it is asked for; the few times that this needs are kept here,
 * and taken when things happen, not when somebody looks:
 *
 *   of a host     since when it is here, or away; the last revision that it has answered
 *   of an object  when it was made, placed, written and confirmed; nothing of what has not changed since the start
 *   noticed       what a device or the underlay says of an object, since it was first seen; gone with it
 *
 * So memory is bounded by the objects that there are, and nothing is known from before the start. Who waits for hosts waits
 * at one of them, and goes on to the next when that has confirmed: a commit costs by its change. Neighbours: `conditions.ts`, `status.ts`.
 */
import { ensure } from '../compiler/maps.ts'
import type { ConditionReason } from '../northbound/conditions.ts'
import type { Draft } from './conditions.ts'

export interface SinceSources {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Up to which revision a host is confirmed; undefined while it is away or its rows are not real. */
  readonly confirmed: (hostId: string) => number | undefined
  readonly isAway: (hostId: string) => boolean
}

interface HostPast {
  isHere: boolean
  /** Since when. */
  at: number
  answered: number
}

interface Past {
  born?: number
  isPlaced?: boolean
  /** Since when it is placed, or is not. */
  placed?: number
  /** Since when a host is behind it. */
  written?: number
  settled?: number
  revision: number
  /** By condition: when something that was noticed had gone. */
  ended?: Partial<Record<Draft['type'], number>>
}

/** An object as it was written. */
export interface Written {
  /** 'port acme/vm1'. */
  readonly name: string
  readonly revision: number
  readonly hosts: ReadonlySet<string>
  readonly isNew: boolean
  /** Of a port: whether it is somewhere now, and whether it was before, where that is known. */
  readonly isPlaced?: boolean
  readonly wasPlaced?: boolean
}

interface Waiting {
  readonly name: string
  readonly revision: number
  /** Hosts that have not been asked yet. */
  readonly rest: Iterator<string>
}

const types = ['Accepted', 'Realized', 'Degraded'] as const

export class Since {
  readonly #sources: SinceSources
  readonly #start: number
  readonly #hosts = new Map<string, HostPast>()
  readonly #objects = new Map<string, Past>()
  /** By the host that has not confirmed it. */
  readonly #waiting = new Map<string, Waiting[]>()
  /** 'Realized port acme/vm1' -> what it is that nothing else tells of. */
  readonly #noticed = new Map<string, { readonly reason: ConditionReason; readonly at: number }>()

  constructor(sources: SinceSources) {
    this.#sources = sources
    this.#start = sources.now()
  }

  /** A host has confirmed something, or has come or gone. */
  progressed(hostId: string): void {
    const { now, confirmed, isAway } = this.#sources
    const revision = confirmed(hostId)
    const host = this.#host(hostId)
    // Rows that are being written are no absence.
    if (host.isHere ? isAway(hostId) : revision !== undefined) {
      host.isHere = !host.isHere
      host.at = now()
    }
    if (revision === undefined) return
    host.answered = Math.max(host.answered, revision)
    const waiting = this.#waiting.get(hostId)
    if (!waiting) return
    this.#waiting.delete(hostId)
    for (const each of waiting)
      if (each.revision > revision) ensure(this.#waiting, hostId, () => []).push(each)
      else this.#wait(each)
  }

  /** The newest revision that a host has confirmed since the start, be it here or away now; 0: none. */
  answered(hostId: string): number {
    return Math.max(this.#hosts.get(hostId)?.answered ?? 0, this.#sources.confirmed(hostId) ?? 0)
  }

  written({ name, revision, hosts, isNew, isPlaced, wasPlaced }: Written): void {
    const now = this.#sources.now()
    const past = ensure(this.#objects, name, (): Past => ({ revision }))
    past.revision = revision
    if (isNew) past.born = now
    if (isPlaced !== undefined) {
      const before = past.isPlaced ?? wasPlaced ?? (isNew ? undefined : isPlaced)
      if (before !== isPlaced) past.placed = now
      past.isPlaced = isPlaced
    }
    past.written ??= now
    this.#wait({ name, revision, rest: hosts.values() })
  }

  deleted(name: string): void {
    this.#objects.delete(name)
    for (const type of types) this.#noticed.delete(`${type} ${name}`)
  }

  /** The model has lost a host: nobody waits for it. */
  lost(hostId: string): void {
    this.#hosts.delete(hostId)
    const waiting = this.#waiting.get(hostId) ?? []
    this.#waiting.delete(hostId)
    for (const each of waiting) this.#wait(each)
  }

  /** Names of the objects that a reason was noticed of. */
  noticed(reason: ConditionReason): string[] {
    return [...this.#noticed]
      .filter(([, each]) => each.reason === reason)
      .map(([name]) => name.replace(/^\w+ /, ''))
  }

  /** When a condition of an object became what it is. @param hosts that it concerns; away: of these those that are */
  of(name: string, { type, reason }: Draft, hosts: Iterable<string>, away: readonly string[]) {
    const past = this.#objects.get(name)
    const born = past?.born ?? this.#start
    if (reason === 'accepted' || reason === 'complete') {
      const times = reason === 'complete' ? this.#here(hosts) : 0
      return Math.max(born, this.#ended(name, type), times)
    }
    if (reason === 'confirmed' || reason === 'nothing_to_do') {
      if (past?.written !== undefined) this.#settle(past)
      const placed = past?.placed ?? 0
      const ended = this.#ended(name, type)
      return Math.max(past?.settled ?? born, placed, ended, this.#here(hosts))
    }
    const placed = past?.placed ?? born
    if (reason === 'unplugged') return this.#known(name, type, placed)
    if (reason === 'disconnected') {
      const left = Math.min(...away.map((id) => this.#host(id).at))
      return this.#known(name, type, Math.max(placed, left))
    }
    if (reason === 'pending' && past?.written !== undefined)
      return this.#known(name, type, past.written)
    return this.#notice(name, type, reason)
  }

  /** The last time that one of them came. */
  #here(hosts: Iterable<string>): number {
    let last = 0
    for (const hostId of hosts) last = Math.max(last, this.#hosts.get(hostId)?.at ?? 0)
    return last
  }

  #host(hostId: string): HostPast {
    return ensure(this.#hosts, hostId, () => ({ isHere: false, at: this.#start, answered: 0 }))
  }

  #wait(waiting: Waiting): void {
    const past = this.#objects.get(waiting.name)
    // Written again meanwhile: that one waits.
    if (past?.revision !== waiting.revision) return
    for (let next = waiting.rest.next(); !next.done; next = waiting.rest.next()) {
      if ((this.#sources.confirmed(next.value) ?? -1) >= waiting.revision) continue
      ensure(this.#waiting, next.value, () => []).push(waiting)
      return
    }
    this.#settle(past)
  }

  #settle(past: Past): void {
    past.settled = this.#sources.now()
    delete past.written
    // Whoever waits for it still does so in vain.
    past.revision = -1
  }

  #notice(name: string, type: Draft['type'], reason: ConditionReason): number {
    const key = `${type} ${name}`
    const known = this.#noticed.get(key)
    if (known?.reason === reason) return known.at
    const at = this.#sources.now()
    this.#noticed.set(key, { reason, at })
    return at
  }

  /** What was noticed before is over, and what is now is known to be since then. */
  #known(name: string, type: Draft['type'], at: number): number {
    this.#noticed.delete(`${type} ${name}`)
    return at
  }

  /** When the last of what was noticed had gone; 0: nothing was. */
  #ended(name: string, type: Draft['type']): number {
    if (this.#noticed.delete(`${type} ${name}`)) {
      const past = ensure(this.#objects, name, (): Past => ({ revision: -1 }))
      past.ended = { ...past.ended, [type]: this.#sources.now() }
    }
    return this.#objects.get(name)?.ended?.[type] ?? 0
  }
}
