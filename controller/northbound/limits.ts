/**
 * How much one may ask: requests of a principal of one tenant, and failed attempts of one address. Operators are not
 * limited. Who has a valid token is never held up by the failures of others at the same address.
 *
 * Neighbours: guard.ts asks; @fastify/rate-limit counts, in memory, for at most 5,000 principals and addresses.
 */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from './problem.ts'

export interface Limits {
  /** Requests of one principal of a tenant within ten seconds. */
  readonly perPrincipal: number
  /** Attempts of one address within a minute that let nobody in. */
  readonly failuresPerAddress: number
}
export const defaultLimits: Limits = { perPrincipal: 2000, failuresPerAddress: 60 }

export interface Limiter {
  /** @throws HttpError `too_many_requests` */
  count(request: FastifyRequest, reply: FastifyReply): Promise<void>
  /** @throws HttpError `too_many_requests` */
  countFailure(request: FastifyRequest): Promise<void>
}

/** Rejects never; to be awaited before routes are added. */
export async function addLimits(app: FastifyInstance, limits: Limits): Promise<Limiter> {
  await app.register(rateLimit, { global: false, cache: 5000 })
  const ofPrincipal = app.createRateLimit({
    max: limits.perPrincipal,
    timeWindow: 10_000,
    keyGenerator: ({ principal }) => principal.subject,
  })
  const ofFailures = app.createRateLimit({
    max: limits.failuresPerAddress,
    timeWindow: 60_000,
    keyGenerator: ({ ip }) => ip ?? 'unix',
  })
  const refuseExceeded = (counted: Awaited<ReturnType<typeof ofPrincipal>>): void => {
    if (counted.isAllowed || !counted.isExceeded) return
    const seconds = Math.max(1, counted.ttlInSeconds)
    const expected = `at most ${counted.max} within ${counted.timeWindow / 1000} s; again in ${seconds} s`
    throw new HttpError('too_many_requests', { expected }, { 'retry-after': `${seconds}` })
  }
  return {
    async count(request, reply) {
      if (request.principal.tenant === undefined) return
      const counted = await ofPrincipal(request)
      refuseExceeded(counted)
      if (!counted.isAllowed)
        reply.headers({ 'ratelimit-limit': counted.max, 'ratelimit-remaining': counted.remaining })
    },
    async countFailure(request) {
      refuseExceeded(await ofFailures(request))
    },
  }
}
