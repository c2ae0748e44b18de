/**
 * Hosts that the model has lost since the controller was started and that are not yet as Weft found them: they are given back
 * while they are there, or when they dial in. Neighbours: `farewell.ts` and `vtep/vtep-session.ts` do it, `host-life.ts`.
 */
import type { Host } from '../model/schema.ts'
import type { PendingHost } from '../northbound/realization.ts'
import type { Store } from '../store/store.ts'
import type { EventLog } from './events.ts'
import type { Session } from './session.ts'

export interface LeavingOptions {
  readonly store: Store
  readonly events: EventLog
  /** Whether a host that is deleted now may have something of ours. */
  readonly hasOurs: (hostId: string) => boolean
  /** The sessions that say they are this. */
  readonly sessionsNamed: (systemId: string) => readonly Session[]
}

export class Leaving {
  readonly #options: LeavingOptions
  /** By system-id. */
  readonly #hosts = new Map<string, Host>()

  constructor(options: LeavingOptions) {
    this.#options = options
    // Told a moment before the session knows that it is all.
    options.events.onEvent(({ type }) => {
      if (type === 'host_removed') queueMicrotask(() => this.#review())
    })
    options.store.onCommit(({ changes }) => {
      for (const { collection, key, before, after } of changes) {
        if (collection !== 'host') continue
        if (after) this.#hosts.delete(after.systemId)
        else if (before && options.hasOurs(key)) this.#hosts.set(before.systemId, before)
      }
    })
  }

  /** Those that are not given back yet, each with why. */
  list(): PendingHost[] {
    this.#review()
    return [...this.#hosts.values()].map(({ id, systemId, kind }) => {
      const [session] = this.#options.sessionsNamed(systemId)
      return {
        ...{ phase: 'removing', systemId, kind, hostId: id, reason: reasonOf(session) },
        ...(session && { address: session.line.peer }),
      } as const
    })
  }

  /** Something may have been given back. */
  #review(): void {
    for (const systemId of this.#hosts.keys()) {
      // A clone that waits has the same name.
      const sessions = this.#options.sessionsNamed(systemId)
      if (sessions.length > 0 && sessions.every(({ isReturned }) => isReturned))
        this.#hosts.delete(systemId)
    }
  }
}

function reasonOf(session: Session | undefined): string {
  if (!session) return 'it is away, and is given back when it dials in'
  const plugged = session.kind === 'ovs' ? session.plugged : []
  if (plugged.length === 0) return 'it is being given back'
  return `br-int stays, without flows, as long as something is plugged into it: ${plugged.join(', ')}`
}
