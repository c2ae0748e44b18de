/**
 * Who is let in: each route says what it needs (`config.needs`), and is not added without. The guard asks before a body
 * is read and before anything is looked up, so that what a principal may not see answers alike whether it exists or not.
 *
 * Neighbours: controller/access proves and decides; limits.ts counts; problem.ts has the refusals.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Access, Refused } from '../access/access.ts'
import type { Principal } from '../access/principal.ts'
import { type Need, needs, verdict } from '../access/rights.ts'
import { ModelError, problem } from '../model/errors.ts'
import type { Limiter } from './limits.ts'
import { HttpError } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly needs?: Need
  }
  interface FastifyRequest {
    /** Of a route that needs more than `public`. */
    principal: Principal
    /** Whether the same header would still be let in: an answer that goes on for long outlives no token. */
    isLetIn: () => Promise<boolean>
  }
}

/** To be called before routes are added. */
export function addGuard(app: FastifyInstance, access: Access, limiter: Limiter): void {
  app.decorateRequest('principal', null as never)
  app.decorateRequest('isLetIn', null as never)
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.needs === undefined) throw new Error(`${method} ${url} does not say what it needs`)
  })
  app.addHook('onRequest', async (request, reply) => {
    // Nobody learns by guessing which paths there are.
    const need = request.is404 ? 'tenant:read' : request.routeOptions.config.needs
    if (need === 'public') return
    const principal = await access.authenticate(request.headers.authorization)
    if ('refused' in principal) {
      // Who sends no token at all is not guessing.
      if (principal.refused === 'invalid') await limiter.countFailure(request)
      throw refusal(principal, request)
    }
    request.principal = principal
    await limiter.count(request, reply)
    limiter.hold(request, reply)
    if (request.is404) return
    const { tenant } = request.params as { readonly tenant?: string }
    const answer = need === undefined ? 'forbidden' : verdict(principal, need, tenant)
    if (answer === 'hidden') throw noTenant(`${tenant}`)
    if (need === undefined) return
    request.isLetIn = async () => {
      const now = await access.authenticate(request.headers.authorization)
      if ('refused' in now) return now.refused === 'unavailable'
      return verdict(now, need, tenant) === 'allowed'
    }
    if (answer === 'allowed') return
    const { role } = principal
    throw new HttpError('forbidden', { value: role, expected: `a token that may: ${needs[need]}` })
  })
}

/** The reason goes to the log alone: who guesses learns nothing from it. */
function refusal({ refused, reason }: Refused, request: FastifyRequest): HttpError {
  request.log.info({ refused, reason, address: request.ip }, 'nobody was let in')
  if (refused === 'unavailable') return new HttpError('identity_unavailable')
  const challenge = refused === 'missing' ? 'Bearer' : 'Bearer error="invalid_token"'
  const headers = { 'www-authenticate': challenge }
  const expected = 'Authorization: Bearer TOKEN, with a token that is valid'
  return new HttpError('unauthenticated', { expected }, headers)
}

/** What a tenant that does not exist answers, whatever is asked of it. */
export function noTenant(tenant: string): ModelError {
  const facts = { pointer: '', value: `tenant ${tenant}`, expected: 'a tenant that exists' }
  return new ModelError([problem('not_found', { ...facts, collection: 'tenant', key: tenant })])
}
