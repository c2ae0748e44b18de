/**
 * Frames that a machine of a Vagrant lab sees, from here: asked for and ended by messages over its session. Neighbours: machine.ts
 * (whose session it is), far.ts (the other end), ../netns/taps.ts (which looks there).
 */
import type { OpenTap, Tap, Unsubscribe } from '../lab.ts'
import { NetnsError } from '../netns/error.ts'
import type { Place } from '../netns/raw-socket.ts'
import type { Reply, Request } from './messages.ts'

/** Where frames are seen: `leaving` those that the machine sends by the devices, else those that arrive there. */
export interface TapPlace {
  readonly namespace: string
  readonly devices: readonly string[]
  readonly leaving: boolean
}

export type Answer = (reply: Reply, bytes: Uint8Array) => void

/** A session as those see it who speak over it. */
export interface EyeLine {
  /** Of the machine. */
  readonly name: string
  readonly newId: () => number
  /** Who hears what comes, by id. A session that ends says `error` to all of them, and to who asks afterwards. */
  readonly answers: Map<number, Answer>
  readonly ask: (request: Request) => void
}

/** For a machine to hand over what has been on the wire before a watch was closed. */
const CLOSE_TIMEOUT_MS = 20_000
const NONE = new Uint8Array(0)

/** Resolves when frames are being seen. @throws NetnsError */
export function openTap(
  { name, newId, answers, ask }: EyeLine,
  place: TapPlace,
  listener: (frame: Uint8Array) => void,
): Promise<Unsubscribe> {
  const id = newId()
  const { promise, resolve, reject } = Promise.withResolvers<Unsubscribe>()
  const close = () => {
    if (!answers.has(id)) return
    // What is under way is not heard any more.
    answers.set(id, ({ is }) => is !== 'frame' && void answers.delete(id))
    ask({ do: 'end', id })
  }
  answers.set(id, (reply, bytes) => {
    if (reply.is === 'frame') listener(bytes)
    if (reply.is === 'tapped') resolve(close)
    if (reply.is !== 'error') return
    answers.delete(id)
    reject(new NetnsError(`${name}: ${reply.error}`))
  })
  ask({ do: 'tap', id, ...place })
  return promise
}

/** A device as a place to watch both ways, with the times of the machine's own clock. */
export function openWatch(
  { name, newId, answers, ask }: EyeLine,
  place: Place,
): (seen: Parameters<Tap['open']>[0]) => OpenTap {
  return (seen) => {
    const id = newId()
    const ready = Promise.withResolvers<void>()
    const failed = Promise.withResolvers<never>()
    const ended = Promise.withResolvers<void>()
    for (const { promise } of [ready, failed]) promise.catch(() => {})
    let lost = 0
    answers.set(id, (reply, bytes) => {
      if (reply.is === 'watched') ready.resolve()
      if (reply.is === 'seen')
        seen(bytes, reply.direction, reply.at === undefined ? undefined : BigInt(reply.at))
      if (reply.is === 'ended') lost = reply.lost
      if (reply.is === 'error') {
        const error = new NetnsError(`${name}: ${reply.error}`)
        ready.reject(error)
        failed.reject(error)
      } else if (reply.is !== 'ended') return
      answers.delete(id)
      ended.resolve()
    })
    ask({ do: 'watch', id, ...place })
    const end = async () => {
      if (!answers.has(id)) return
      ask({ do: 'end', id })
      const error = `does not answer after ${CLOSE_TIMEOUT_MS / 1000} s`
      const giveUp = () => answers.get(id)?.({ is: 'error', id, error }, NONE)
      const timer = setTimeout(giveUp, CLOSE_TIMEOUT_MS)
      await ended.promise
      clearTimeout(timer)
    }
    let closed: Promise<void> | undefined
    return {
      ready: ready.promise,
      failed: failed.promise,
      get lost() {
        return lost
      },
      close: () => (closed ??= end()),
    }
  }
}
