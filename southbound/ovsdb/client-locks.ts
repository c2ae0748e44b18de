/**
 * The locks of one session at the client's side (RFC 7047 §4.1.8 to §4.1.11). A Lock is one tenure:
 * from the moment the server gives it until it is released, stolen, or the session ends. Whoever
 * wants it again asks again.
 *
 * Operations guard themselves with `assert(name)`; `lost` ends what else goes on under the lock. In a
 * cluster each server keeps locks of its own: only sessions with the leader exclude each other.
 * Neighbours: client.ts; locks.ts is the server's side.
 */
import { type Clock, deadline } from '../wire/clock.ts'
import { ovsdbError } from './error.ts'
import type { JsonRpc } from './json-rpc.ts'

export interface Lock {
  readonly name: string
  /** Aborts with the reason (OvsdbError 'not owner') when the lock is ours no more. */
  readonly lost: AbortSignal
  /**
   * Gives it up; resolves when the server has it. Nothing happens when it is lost already, nor when
   * the signal has aborted before.
   */
  release(options: { signal: AbortSignal }): Promise<void>
}

export interface LockOptions {
  signal: AbortSignal
  /** Take it from whoever has it, who is told. */
  steal?: boolean
}

export interface ClientLocks {
  /** Resolves when the server has given the lock; an abort leaves the queue. */
  lock(name: string, options: LockOptions): Promise<Lock>
  onNotify(method: string, name: unknown): void
  /** The session is over. */
  end(reason: Error): void
}

interface Hold {
  /** Before the reply, notifications are about an earlier tenure. */
  state: 'asked' | 'queued' | 'held'
  grant(): void
  lose(reason: Error): void
}

export function clientLocks(rpc: JsonRpc, clock: Clock): ClientLocks {
  const holds = new Map<string, Hold>()

  /** After this the server has us neither as owner nor in the queue, whatever it answers. */
  function leave(name: string): void {
    rpc.request('unlock', [name], { signal: deadline(clock, 10_000) }).catch(() => undefined)
  }

  function lock(name: string, { signal, steal = false }: LockOptions): Promise<Lock> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (holds.has(name)) {
        throw ovsdbError('syntax error', `this session has asked for lock ${name} already`)
      }
      const lost = new AbortController()
      const abort = () => {
        holds.delete(name)
        leave(name)
        reject(signal.reason)
      }
      const granted: Lock = {
        name,
        lost: lost.signal,
        async release({ signal }) {
          if (lost.signal.aborted) return
          // Else the server would never hear of it, and we would hold a lock that nobody has.
          signal.throwIfAborted()
          holds.delete(name)
          lost.abort(ovsdbError('not owner', `lock ${name} was released`))
          await rpc.request('unlock', [name], { signal })
        },
      }
      const hold: Hold = {
        state: 'asked',
        grant() {
          hold.state = 'held'
          signal.removeEventListener('abort', abort)
          resolve(granted)
        },
        lose(reason) {
          if (holds.get(name) === hold) holds.delete(name)
          signal.removeEventListener('abort', abort)
          lost.abort(reason)
          reject(reason) // no effect on one that was granted
        },
      }
      holds.set(name, hold)
      // Its own signal: should ours abort, the unlock has to follow this very request.
      const asked = rpc.request(steal ? 'steal' : 'lock', [name], {
        signal: new AbortController().signal,
        read(result) {
          if (holds.get(name) !== hold) return
          if (Object(result).locked === true) hold.grant()
          else hold.state = 'queued'
        },
      })
      signal.addEventListener('abort', abort, { once: true })
      asked.catch((error: Error) => hold.lose(error))
    })
  }

  return {
    lock,
    onNotify(method, name) {
      const hold = typeof name === 'string' ? holds.get(name) : undefined
      if (typeof name !== 'string' || !hold || hold.state === 'asked') return
      if (method === 'locked' && hold.state === 'queued') hold.grant()
      else if (method === 'stolen' && hold.state === 'held') {
        // The server keeps us first in the queue; a tenure nobody awaits would follow.
        leave(name)
        hold.lose(ovsdbError('not owner', `lock ${name} was stolen`))
      }
    },
    end(reason) {
      for (const hold of [...holds.values()]) hold.lose(reason)
    },
  }
}
