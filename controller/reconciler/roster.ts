/**
 * Who is which host: the sessions that have dialled in, and which of them the controller drives.
 *
 * A session says its system-id; the model names the host. Two that say the same are told apart by the row of their
 * database and by where they dial from: the host that dials again replaces its old session, a stranger (a cloned image)
 * waits until the first one is gone, and is told about. Who the model does not name is pending and gets nothing.
 * Neighbours: `host-session.ts`, `reconciler.ts`.
 */
import type { Host } from '../model/schema.ts'
import type { PendingHost } from '../northbound/realization.ts'
import type { Store } from '../store/store.ts'
import type { EventLog } from './events.ts'
import type { HostSession } from './host-session.ts'

/** Sessions that are no host yet: more than this and the oldest is sent away. */
const MAX_PENDING = 1024

export class Roster {
  readonly #store: Store
  readonly #events: EventLog
  readonly #sessions = new Set<HostSession>()
  readonly #hosts = new Map<string, HostSession>()
  readonly #pending = new Map<HostSession, string>()

  constructor(store: Store, events: EventLog) {
    this.#store = store
    this.#events = events
  }

  add(session: HostSession): void {
    this.#sessions.add(session)
  }

  /** Forgets a session that has ended; one that waited for its place looks again. */
  remove(session: HostSession): void {
    this.#sessions.delete(session)
    this.#pending.delete(session)
    for (const [hostId, driven] of this.#hosts) if (driven === session) this.#hosts.delete(hostId)
    for (const waiting of this.#pending.keys()) waiting.look()
  }

  /** All sessions, driven or not. */
  sessions(): Iterable<HostSession> {
    return this.#sessions
  }

  /** The session of a host; undefined while it is away. */
  session(hostId: string): HostSession | undefined {
    return this.#hosts.get(hostId)
  }

  /** The host that a session is driven as now. */
  hostId(session: HostSession): string | undefined {
    for (const [hostId, driven] of this.#hosts) if (driven === session) return hostId
    return undefined
  }

  pending(): PendingHost[] {
    return [...this.#pending].map(([session, systemId]) => ({
      systemId,
      address: session.peer,
      since: new Date(session.since).toISOString(),
    }))
  }

  /** Finds out which host a session is and gives it that place, if it may have it. */
  place(session: HostSession): Host | undefined {
    const { systemId } = session
    const [hostId] =
      systemId === undefined ? [] : this.#store.snapshot.find('hostBySystemId', systemId)
    const host = hostId === undefined ? undefined : this.#store.snapshot.get('host', hostId)
    const before = this.hostId(session)
    if (before !== undefined && before !== host?.id) this.#hosts.delete(before)
    if (!host) {
      this.#wait(session, () =>
        this.#events.add(
          'host_pending',
          systemId ?? '',
          `${session.peer} dialled in as ${systemId ?? 'nobody'}; the model names no such host`,
        ),
      )
      return undefined
    }
    const other = this.#hosts.get(host.id)
    if (other === session) return host
    if (other && !session.isSameMachine(other)) {
      this.#wait(session, () =>
        this.#events.add(
          'host_duplicate',
          host.id,
          `${session.peer} also says that it is ${host.id}, which is ${other.peer}; it waits and gets nothing`,
        ),
      )
      return undefined
    }
    this.#pending.delete(session)
    this.#hosts.set(host.id, session)
    other?.close(new Error(`${host.id} dialled in again from ${session.peer}`))
    return host
  }

  /** Lists a session as pending and tells of it, once. */
  #wait(session: HostSession, tell: () => void): void {
    const known = this.#pending.has(session)
    this.#pending.set(session, session.systemId ?? '')
    if (known) return
    tell()
    const [oldest] = this.#pending.keys()
    if (this.#pending.size > MAX_PENDING) oldest?.close(new Error('too many pending hosts'))
  }
}
