/**
 * `?wait=realized&timeout=5s`: hold an answer until hosts have confirmed, but no longer than the
 * client wishes.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Clock } from '../../southbound/wire/clock.ts'
import { nounOf } from '../model/collections.ts'
import type { Declared } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Backing } from './objects.ts'
import type { Realization } from './realization.ts'

const durationPattern = '^[0-9]{1,5}(ms|s)$'
const longestMs = 60_000
const defaultTimeout = '5s'

export const WriteQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.Literal('realized', {
        description:
          "'realized': answer when every host that it concerns has confirmed it, or the timeout has passed; the write is kept either way",
      }),
    ),
    timeout: Type.Optional(
      Type.String({
        pattern: durationPattern,
        description: `with wait: how long at most, such as 5s or 250ms, never more than 60s; left out, ${defaultTimeout}`,
      }),
    ),
  },
  { additionalProperties: false },
)
export interface WriteParams {
  readonly wait?: 'realized'
  readonly timeout?: string
}

/** An object, and the revision that hosts have to confirm. */
export interface Subject {
  readonly collection: Declared
  readonly key: string
  readonly revision: number
}

/**
 * Waits if asked to, for all that a write changed. A note when it was not realized in time, undefined otherwise.
 * @param revision that the write has made, or found
 */
export async function waited(
  { store, realization, closing, clock }: Backing,
  { subjects, revision }: { readonly subjects: readonly Subject[]; readonly revision: number },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<string | undefined> {
  const { wait, timeout = defaultTimeout } = request.query as WriteParams
  if (wait === undefined) return undefined
  const realized = await whileConnected(reply, closing, (signal) =>
    waitRealized(realization, subjects, { clock, timeoutMs: milliseconds(timeout), gone: signal }),
  )
  if (realized) return undefined
  const when = closing.aborted ? 'when the controller stopped' : `within ${timeout}`
  const late = firstLate(store.snapshot, realization, subjects)
  return `kept as revision ${revision}, not realized ${when}${late && `: ${late}`}`
}

/** `port acme/vm2 is not (no host carries it)`; '' when all of them are by now. */
function firstLate(site: Snapshot, realization: Realization, subjects: readonly Subject[]): string {
  for (const { collection, key } of subjects) {
    const object = site.get(collection, key)
    if (!object) continue
    const { realized, reason, hosts } = realization.status(collection, object)
    if (realized) continue
    const [late] = Object.entries(hosts).filter(([, { state }]) => state !== 'realized')
    const where = late ? `on ${late[0]}: ${late[1].reason ?? late[1].state}` : ''
    const why = reason ?? where
    return `${nounOf(collection)} ${key} is not${why && ` (${why})`}`
  }
  return ''
}

/** '5s' -> 5000, '250ms' -> 250; never more than a minute. `text` has passed the pattern. */
function milliseconds(text: string): number {
  const amount = Number.parseInt(text, 10)
  return Math.min(text.endsWith('ms') ? amount : amount * 1000, longestMs)
}

/** Whether all were realized in time. The write stands either way. */
async function waitRealized(
  realization: Realization,
  subjects: readonly Subject[],
  {
    clock,
    timeoutMs,
    gone,
  }: { readonly clock: Clock; readonly timeoutMs: number; readonly gone: AbortSignal },
): Promise<boolean> {
  const late = new AbortController()
  const cancel = clock.after(timeoutMs, () => late.abort())
  const signal = AbortSignal.any([late.signal, gone])
  try {
    // One after the other: what is realized already costs nothing, and all have one limit.
    for (const { collection, key, revision } of subjects)
      await realization.whenRealized(collection, key, revision, signal)
    return true
  } catch (error) {
    if (!signal.aborted) throw error
    return false
  } finally {
    cancel()
  }
}

/** Runs something whose signal aborts when the client goes away or the server is about to close. */
export async function whileConnected<T>(
  reply: FastifyReply,
  closing: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  reply.raw.once('close', leave)
  try {
    return await run(AbortSignal.any([gone.signal, closing]))
  } finally {
    reply.raw.off('close', leave)
  }
}
