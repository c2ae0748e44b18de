/**
 * How much one may ask: requests of a principal of one tenant, answers of a tenant that are under way (waits and streams,
 * each of which costs with everything that happens), and failed attempts of one address. Operators are not limited. Who has a valid token is never held up by the failures of others at the same address.
 *
 * Neighbours: guard.ts asks; @fastify/rate-limit counts, in memory, for at most 5,000 principals and addresses.
 */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from './problem.ts'

export interface Limits {
  /** Requests of one principal of a tenant within ten seconds. */
  readonly perPrincipal: number
  /** Answers that all principals of one tenant wait for at a time, event streams among them. */
  readonly heldPerTenant: number
  /** Attempts of one address within a minute that let nobody in. */
  readonly failuresPerAddress: number
  /** Idempotency keys of one principal that are remembered. */
  readonly keysPerPrincipal: number
}
export const defaultLimits: Limits = {
  perPrincipal: 2000,
  heldPerTenant: 200,
  failuresPerAddress: 60,
  keysPerPrincipal: 1000,
}

export interface Limiter {
  /** @throws HttpError `too_many_requests` */
  count(request: FastifyRequest, reply: FastifyReply): Promise<void>
  /** Counts the answer until it has been given. @throws HttpError `too_many_requests` */
  hold(request: FastifyRequest, reply: FastifyReply): void
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
  const held = new Map<string, number>()
  return {
    hold({ principal: { tenant } }, { raw }) {
      if (tenant === undefined) return
      const others = held.get(tenant) ?? 0
      if (others >= limits.heldPerTenant) {
        const expected = `at most ${limits.heldPerTenant} of a tenant at a time`
        throw new HttpError('too_many_requests', { expected }, { 'retry-after': '1' })
      }
      held.set(tenant, others + 1)
      raw.once('close', () => {
        const left = (held.get(tenant) ?? 1) - 1
        if (left > 0) held.set(tenant, left)
        else held.delete(tenant)
      })
    },
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
