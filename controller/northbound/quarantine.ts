/**
 * A number that is asked for again at once: connected hosts confirm within milliseconds that they have taken it away, so a
 * write that only they hold up waits for them, and one that a host which is away holds up is refused. Neighbours: objects.ts,
 * ../model/quarantine.ts.
 */
import type { FastifyReply } from 'fastify'
import { deadline } from '../../southbound/wire/clock.ts'
import { ModelError } from '../model/errors.ts'
import type { Backing } from './objects.ts'
import { whileConnected } from './wait.ts'

/** How long connected hosts may take. Milliseconds. */
const PATIENCE_MS = 5000

/** What `commit` gives, called again when what it was refused is free. @throws what it throws */
export async function commitWhenFree<T>(
  { realization, closing, clock }: Backing,
  reply: FastifyReply,
  commit: () => Promise<T>,
): Promise<T> {
  const patience = deadline(clock, PATIENCE_MS)
  for (;;) {
    try {
      return await commit()
    } catch (error) {
      const key = quarantineOf(error)
      if (key === undefined) throw error
      const isFree = await whileConnected(reply, closing, (signal) =>
        realization.whenFree(key, AbortSignal.any([signal, patience])),
      )
      if (!isFree) throw error
    }
  }
}

/** What it waits for; undefined where waiting does not help. */
function quarantineOf(error: unknown): string | undefined {
  if (!(error instanceof ModelError)) return undefined
  const isAll = error.problems.every(({ type }) => type === 'quarantined')
  return isAll ? error.problems[0].quarantine : undefined
}
