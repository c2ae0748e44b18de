/**
 * Who makes a request: `Authorization: Bearer …` (RFC 6750) to a principal. Local tokens are objects of the model, found
 * by the SHA-256 of their secret; anything of the form of a JWT goes to the JWKS, where there is one.
 *
 * Neighbours: rights.ts says what a principal may; northbound/ turns a refusal into an answer.
 */
import { systemClock } from '../../southbound/wire/clock.ts'
import type { SiteToken, Token } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { isJwt, JwtRefused, type JwtVerifier, KeysUnavailable } from './jwt.ts'
import { anybody, type Principal } from './principal.ts'
import { hashOf, isSecret } from './secret.ts'

/** Why nobody is let in. `unavailable`: it cannot be told now. The reason is for the log. */
export interface Refused {
  readonly refused: 'missing' | 'invalid' | 'unavailable'
  readonly reason: string
}

export interface Access {
  /** @param authorization the header as it came; never rejects */
  authenticate(authorization: string | undefined): Promise<Principal | Refused>
}

/** Nobody is asked: everybody is an operator. */
export const openAccess: Access = { authenticate: async () => anybody }

export interface TokenAccessOptions {
  readonly snapshot: () => Snapshot
  readonly jwt?: JwtVerifier
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** Local tokens, and JWTs where a verifier is given. */
export function tokenAccess({ snapshot, jwt, now = systemClock.wall }: TokenAccessOptions): Access {
  return {
    async authenticate(authorization) {
      if (authorization === undefined) return refuse('missing', 'no Authorization header')
      const [, credentials] = /^bearer +(\S+)$/i.exec(authorization) ?? []
      if (credentials === undefined) return refuse('invalid', 'no bearer token')
      if (isSecret(credentials)) return local(snapshot(), credentials, now())
      if (!jwt || !isJwt(credentials)) return refuse('invalid', 'no form of token that is known')
      try {
        return await jwt(credentials)
      } catch (error) {
        if (error instanceof JwtRefused) return refuse('invalid', error.message)
        if (error instanceof KeysUnavailable) return refuse('unavailable', error.message)
        throw error
      }
    },
  }
}

const refuse = (refused: Refused['refused'], reason: string): Refused => ({ refused, reason })

function local(snapshot: Snapshot, secret: string, now: number): Principal | Refused {
  const sha256 = hashOf(secret)
  const [key] = snapshot.find('tokenBySecret', sha256)
  const [siteKey] = snapshot.find('siteTokenBySecret', sha256)
  const token = key === undefined ? undefined : snapshot.get('token', key)
  const siteToken = siteKey === undefined ? undefined : snapshot.get('siteToken', siteKey)
  const found = token ?? siteToken
  if (!found) return refuse('invalid', 'no token has this secret')
  const subject = `token ${key ?? siteKey}`
  if (hasExpired(found, now)) return refuse('invalid', `${subject} has expired`)
  return { subject, role: found.role, ...(token && { tenant: token.tenant }) }
}

const hasExpired = ({ expires }: Token | SiteToken, now: number): boolean =>
  expires !== undefined && Date.parse(expires) <= now
