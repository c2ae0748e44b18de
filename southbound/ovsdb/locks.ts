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
  const queues = new Map<string, LockClient[]>()

  function leave(name: string, queue: LockClient[], client: LockClient): void {
    const owned = queue[0] === client
    const rest = queue.filter((waiting) => waiting !== client)
    if (rest.length === 0) queues.delete(name)
    else queues.set(name, rest)
    if (owned) rest[0]?.onLock('locked', name)
  }

  return {
    lock(name, client, steal) {
      const queue = queues.get(name) ?? []
      if (queue.includes(client)) {
        throw ovsdbError('syntax error', 'must issue "unlock" before new "lock"')
      }
      const owner = queue[0]
      queues.set(name, steal ? [client, ...queue] : [...queue, client])
      if (steal) owner?.onLock('stolen', name)
      return steal || owner === undefined
    },
    unlock(name, client) {
      const queue = queues.get(name)
      if (!queue?.includes(client)) {
        throw ovsdbError('syntax error', '"unlock" without "lock" or "steal"')
      }
      leave(name, queue, client)
    },
    holds: (name, client) => queues.get(name)?.[0] === client,
    countOf(client) {
      let count = 0
      for (const queue of queues.values()) if (queue.includes(client)) count++
      return count
    },
    release(client) {
      for (const [name, queue] of [...queues]) {
        if (queue.includes(client)) leave(name, queue, client)
      }
    },
  }
}
