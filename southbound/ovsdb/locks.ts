/**
 * The named locks of a server (RFC 7047 §4.1.8 to §4.1.11): per lock a queue whose head owns it.
 * Neighbour: session.ts gives them to clients, server.ts frees those of a client that leaves.
 */
import { ovsdbError } from './error.ts'

/** Who waits for locks: told when it gets one later ('locked') or loses one ('stolen'). */
export interface LockClient {
  onLock(event: 'locked' | 'stolen', lock: string): void
}

export interface Locks {
  /** True: owned now. False: onLock will tell. Stealing goes to the head of the queue. */
  lock(name: string, client: LockClient, steal: boolean): boolean
  unlock(name: string, client: LockClient): void
  holds(name: string, client: LockClient): boolean
  /** Locks that the client owns or waits for. */
  countOf(client: LockClient): number
  /** Gives up all locks and waits of a client. */
  release(client: LockClient): void
}

export function makeLocks(): Locks {
  const queues = new Map<string, Set<LockClient>>()
  /** The same by client: what one costs does not grow with the others. */
  const names = new Map<LockClient, Set<string>>()

  const owner = (name: string): LockClient | undefined => queues.get(name)?.values().next().value

  function leave(name: string, client: LockClient): void {
    const owned = owner(name) === client
    queues.get(name)?.delete(client)
    if (queues.get(name)?.size === 0) queues.delete(name)
    names.get(client)?.delete(name)
    if (names.get(client)?.size === 0) names.delete(client)
    if (owned) owner(name)?.onLock('locked', name)
  }

  return {
    lock(name, client, steal) {
      const queue = queues.get(name) ?? new Set<LockClient>()
      if (queue.has(client)) {
        throw ovsdbError('syntax error', 'must issue "unlock" before new "lock"')
      }
      const before = owner(name)
      queues.set(name, steal ? new Set([client, ...queue]) : queue.add(client))
      names.set(client, (names.get(client) ?? new Set<string>()).add(name))
      if (steal) before?.onLock('stolen', name)
      return steal || before === undefined
    },
    unlock(name, client) {
      if (!queues.get(name)?.has(client)) {
        throw ovsdbError('syntax error', '"unlock" without "lock" or "steal"')
      }
      leave(name, client)
    },
    holds: (name, client) => owner(name) === client,
    countOf: (client) => names.get(client)?.size ?? 0,
    release(client) {
      for (const name of [...(names.get(client) ?? [])]) leave(name, client)
    },
  }
}
