/**
 * Who is which host: the sessions that have dialled in, and which of them the controller drives.
 *
 * A session says its system-id; the model names the host. Two that say the same are told apart by where they dial from (a
 * cloned disk has the same database too): the host that dials again replaces its old session, a stranger (the clone)
 * waits until the first one is gone, and is told about. Who the model does not name is pending and gets nothing.
 * Neighbours: `session.ts`, `reconciler.ts`.
 */
import type { Host } from '../model/schema.ts'
import type { PendingHost } from '../northbound/realization.ts'
import type { Store } from '../store/store.ts'
import type { EventLog } from './events.ts'
import type { Session } from './session.ts'

/** Sessions that are no host yet: more than this and the oldest is sent away. */
const MAX_PENDING = 1024

type Why = 'host_pending' | 'host_duplicate'
interface Waiting {
  readonly systemId: string
  readonly told: Set<Why>
}

export class Roster {
  readonly #store: Store
  readonly #events: EventLog
  readonly #sessions = new Set<Session>()
  readonly #hosts = new Map<string, Session>()
  readonly #pending = new Map<Session, Waiting>()

  constructor(store: Store, events: EventLog) {
    this.#store = store
    this.#events = events
  }

  add(session: Session): void {
    this.#sessions.add(session)
  }

  /** Forgets a session that has ended; one that waited for its place looks again. */
  remove(session: Session): void {
    this.#sessions.delete(session)
    this.#pending.delete(session)
    for (const [hostId, driven] of this.#hosts) if (driven === session) this.#hosts.delete(hostId)
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
    for (const [hostId, driven] of this.#hosts) if (driven === session) return hostId
    return undefined
  }

  pending(): PendingHost[] {
    return [...this.#pending].map(([session, { systemId }]) => ({
      systemId,
      address: session.peer,
      since: new Date(session.since).toISOString(),
      ...(session.identity && { certificateFingerprint: session.identity.fingerprint }),
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
      this.#hosts.delete(before)
      this.#lookAgain()
    }
    if (!host) {
      this.#wait(
        session,
        'host_pending',
        systemId ?? '',
        `${session.peer} dialled in as ${systemId ?? 'nobody'}; the model names no such host`,
      )
      return undefined
    }
    if (host.kind !== session.kind) {
      this.#wait(
        session,
        'host_pending',
        host.id,
        `${session.peer} dialled in as ${host.id} with a database of kind ${session.kind}; the model says that it is of kind ${host.kind}`,
      )
      return undefined
    }
    const other = this.#hosts.get(host.id)
    if (other === session) return host
    // The database tells nothing about the machine: a cloned disk has it too.
    if (other && other.address !== session.address) {
      this.#wait(
        session,
        'host_duplicate',
        host.id,
        `${session.peer} also says that it is ${host.id}, which is ${other.peer}; it waits and gets nothing`,
      )
      return undefined
    }
    this.#pending.delete(session)
    this.#hosts.set(host.id, session)
    other?.close(new Error(`${host.id} dialled in again from ${session.peer}`))
    return host
  }

  /** A place is free: whoever waits may be the one for it. */
  #lookAgain(): void {
    for (const waiting of this.#pending.keys()) waiting.look()
  }

  /** Lists a session as pending and tells why: of each reason once, however often it changes its mind. */
  #wait(session: Session, why: Why, host: string, message: string): void {
    const told = this.#pending.get(session)?.told ?? new Set()
    this.#pending.set(session, { systemId: session.systemId ?? '', told })
    if (told.has(why)) return
    told.add(why)
    this.#events.add(why, host, message)
    const [oldest] = this.#pending.keys()
    if (this.#pending.size > MAX_PENDING) oldest?.close(new Error('too many pending hosts'))
  }
}
