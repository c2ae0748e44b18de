/**
 * `?wait=realized&timeout=5s`: hold an answer until hosts have confirmed, but no longer than the
 * client wishes.
 */
import type { FastifyReply } from 'fastify'
import type { Declared } from '../model/schema.ts'
import type { Realization } from './realization.ts'

export const durationPattern = '^[0-9]{1,5}(ms|s)$'
const longestMs = 60_000
export const defaultTimeout = '5s'

/** '5s' -> 5000, '250ms' -> 250; never more than a minute. `text` has passed the pattern. */
export function milliseconds(text: string): number {
  const amount = Number.parseInt(text, 10)
  return Math.min(text.endsWith('ms') ? amount : amount * 1000, longestMs)
}

/** Whether it was realized in time. The write stands either way. */
export async function waitRealized(
  realization: Realization,
  subject: { readonly collection: Declared; readonly key: string; readonly revision: number },
  timeoutMs: number,
  gone: AbortSignal,
): Promise<boolean> {
  const timer = new AbortController()
  const timeout = setTimeout(() => timer.abort(), timeoutMs)
  const signal = AbortSignal.any([timer.signal, gone])
  try {
    const { collection, key, revision } = subject
    await realization.whenRealized(collection, key, revision, signal)
    return true
  } catch (error) {
    if (!signal.aborted) throw error
    return false
  } finally {
    clearTimeout(timeout)
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
