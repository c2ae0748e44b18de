/**
 * Who is which host: the sessions that have dialled in, and which of them the controller drives.
 *
 * A session says its system-id; the model names the host. Of two that say the same the first is the host as long as it
 * answers (a cloned disk has the same database too, so nothing else tells them apart); the other waits until it is gone,
 * and is told about. A host that dials again from the address of its old session has that one asked at once whether
 * somebody is still there. Who the model does not name is pending and gets nothing.
 * Neighbours: `session.ts`, `host-line.ts`, `reconciler.ts`.
 */
import type { Host } from '../model/schema.ts'
import type { PendingHost } from '../northbound/realization.ts'
import type { Store } from '../store/store.ts'
import type { Refusals } from './refusals.ts'
import type { Session } from './session.ts'

/** Sessions that are no host yet: more than this and the oldest is sent away. */
const MAX_PENDING = 1024

type Why = 'host_pending' | 'host_duplicate'
/** Of what a waiting session was told already. */
type Told = Set<Why | 'asked'>

export class Roster {
  readonly #store: Store
  readonly #refusals: Refusals
  readonly #sessions = new Set<Session>()
  readonly #hosts = new Map<string, Session>()
  /** The same the other way round. */
  readonly #ids = new Map<Session, string>()
  readonly #pending = new Map<Session, Told>()

  /** @param refusals tells of who waits, once a minute for each */
  constructor(store: Store, refusals: Refusals) {
    this.#store = store
    this.#refusals = refusals
  }

  add(session: Session): void {
    this.#sessions.add(session)
  }

  /** Forgets a session that has ended; one that waited for its place looks again. */
  remove(session: Session): void {
    this.#sessions.delete(session)
    this.#pending.delete(session)
    this.#free(session)
    this.#lookAgain()
  }

  /** All sessions, driven or not. */
  sessions(): Iterable<Session> {
    return this.#sessions
  }

  /** The session of a host; undefined while it is away. */
  session(hostId: string): Session | undefined {
    return this.#hosts.get(hostId)
  }

  /** The host that a session is driven as now. */
  hostId(session: Session): string | undefined {
    return this.#ids.get(session)
  }

  pending(): PendingHost[] {
    return [...this.#pending.keys()].map(({ systemId = '', kind, line, says }) => ({
      ...{ phase: 'pending', systemId, kind, says },
      address: line.peer,
      since: new Date(line.since).toISOString(),
      ...(line.identity && { certificateFingerprint: line.identity.fingerprint }),
    }))
  }

  /** Finds out which host a session is and gives it that place, if it may have it. */
  place(session: Session): Host | undefined {
    const { systemId } = session
    const [hostId] =
      systemId === undefined ? [] : this.#store.snapshot.find('hostBySystemId', systemId)
    const host = hostId === undefined ? undefined : this.#store.snapshot.get('host', hostId)
    const before = this.hostId(session)
    if (before !== undefined && (before !== host?.id || host.kind !== session.kind)) {
      this.#free(session)
      this.#lookAgain()
    }
    if (!host) {
      const who = systemId ?? 'nobody'
      const claim = `dialled in as ${who}; the model names no such host`
      this.#wait(session, 'host_pending', systemId ?? '', claim)
      return undefined
    }
    if (host.kind !== session.kind) {
      const claim = `dialled in as ${host.id} with a database of kind ${session.kind}; the model says that it is of kind ${host.kind}`
      this.#wait(session, 'host_pending', host.id, claim)
      return undefined
    }
    const other = this.#hosts.get(host.id)
    if (other === session) return host
    if (other) {
      const duplicate = () => {
        const claim = `also says that it is ${host.id}, which is ${other.line.peer}; it waits and gets nothing`
        this.#wait(session, 'host_duplicate', host.id, claim)
      }
      if (other.line.address === session.line.address) this.#ask(session, other, duplicate)
      else duplicate()
      return undefined
    }
    this.#pending.delete(session)
    this.#hosts.set(host.id, session)
    this.#ids.set(session, host.id)
    return host
  }

  #free(session: Session): void {
    this.#hosts.delete(this.#ids.get(session) ?? '')
    this.#ids.delete(session)
  }

  /** A place is free: whoever waits may be the one for it. */
  #lookAgain(): void {
    for (const waiting of this.#pending.keys()) waiting.line.look()
  }

  /** Ends the session that has a host's place when it answers no more; each that comes for the place has it asked once. */
  #ask(session: Session, held: Session, duplicate: () => void): void {
    const told = this.#list(session)
    if (told.has('asked')) return
    told.add('asked')
    void held.line.answers().then((isThere) => {
      if (!isThere) held.line.close(new Error(`it answers no more, and ${session.line.peer} came`))
      else if (this.#pending.has(session) && this.#sessions.has(held)) duplicate()
    })
  }

  /** Lists a session as pending. */
  #list(session: Session): Told {
    const told: Told = this.#pending.get(session) ?? new Set()
    this.#pending.set(session, told)
    const [oldest] = this.#pending.keys()
    if (this.#pending.size > MAX_PENDING) oldest?.line.close(new Error('too many pending hosts'))
    return told
  }

  /** Lists it and tells why: of each reason once, and once a minute for an address that keeps dialling. */
  #wait(session: Session, why: Why, host: string, claim: string): void {
    const told = this.#list(session)
    if (told.has(why)) return
    told.add(why)
    const { peer, address } = session.line
    this.#refusals.add(why, host, `${peer} ${claim}`, {}, `${address} ${host}`)
  }
}
