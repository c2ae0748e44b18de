/**
 * Bearer tokens of somebody else: JWTs that an OIDC provider has signed with a key of its JWKS (RFC 7519, 7517).
 * Neighbours: access.ts asks.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose'
import { systemClock } from '../../southbound/wire/clock.ts'
import { idPattern } from '../model/values.ts'
import type { Principal, Role } from './principal.ts'

export interface JwtOptions {
  /** Where the keys are, asked again when a token names one that is not known; or the keys themselves. */
  readonly keys: URL | JSONWebKeySet
  /** What `iss` and `aud` must be. */
  readonly issuer: string
  readonly audience: string
  /** Claims that name role and tenant. */
  readonly roleClaim?: string
  readonly tenantClaim?: string
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** Keys of a pair alone: a shared secret would be a token that we could make ourselves. RFC 8725 §3.1. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
/** Clocks may differ by so much, seconds. */
const LEEWAY_S = 60
/** Of a JWKS that is asked for, milliseconds. */
const TIMEOUT_MS = 5000
/** Time between two askings because of an unknown key, milliseconds: whoever invents key ids must not make us ask. */
const COOLDOWN_MS = 30_000

/** Characters of a subject; of more, the rest is left out. */
const LONGEST_SUBJECT = 200

const tenantForm = new RegExp(idPattern)
const rolesOfTenant: ReadonlySet<unknown> = new Set<Role>(['admin', 'member', 'reader'])
const rolesOfSite: ReadonlySet<unknown> = new Set<Role>(['operator', 'reader'])

/** A JWT that lets nobody in: `reason` is for the log, never for whoever sent it. */
export class JwtRefused extends Error {
  override readonly name = 'JwtRefused'
}

/** The keys cannot be had now: not the fault of whoever sent the token. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
}

export type JwtVerifier = (token: string) => Promise<Principal>

/** Looks like a JWT: three parts of base64url. RFC 7515 §7.1. */
export const isJwt = (text: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text)

/** The verifier rejects with JwtRefused or KeysUnavailable. */
export function jwtVerifier(options: JwtOptions): JwtVerifier {
  const { keys, issuer, audience, now = systemClock.wall } = options
  const keyOf =
    keys instanceof URL
      ? createRemoteJWKSet(keys, { timeoutDuration: TIMEOUT_MS, cooldownDuration: COOLDOWN_MS })
      : createLocalJWKSet(keys)
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keyOf, {
        issuer,
        audience,
        algorithms,
        clockTolerance: LEEWAY_S,
        requiredClaims: ['exp', 'sub'],
        currentDate: new Date(now()),
      })
      return principalOf(payload, options)
    } catch (cause) {
      if (cause instanceof JwtRefused) throw cause
      if (cause instanceof errors.JOSEError && !isKeyTrouble(cause))
        throw new JwtRefused(cause.message, { cause })
      throw new KeysUnavailable(`the keys of ${issuer} cannot be had`, { cause })
    }
  }
}

const isKeyTrouble = ({ code }: errors.JOSEError): boolean =>
  code === 'ERR_JWKS_TIMEOUT' || code === 'ERR_JOSE_GENERIC' || code === 'ERR_JWKS_INVALID'

/** @throws JwtRefused */
function principalOf(payload: JWTPayload, options: JwtOptions): Principal {
  const { roleClaim = 'weft_role', tenantClaim = 'weft_tenant' } = options
  const { [roleClaim]: role, [tenantClaim]: tenant } = payload
  const { sub } = payload as { readonly sub?: unknown }
  if (typeof sub !== 'string' || sub === '') throw new JwtRefused('sub is no name')
  // By characters: half of one is none.
  const subject = `jwt ${[...sub.slice(0, 2 * LONGEST_SUBJECT)].slice(0, LONGEST_SUBJECT).join('').toWellFormed()}`
  if (tenant === undefined) {
    if (!rolesOfSite.has(role)) throw new JwtRefused(`${roleClaim} without ${tenantClaim}`)
    return { subject, role: role as Role }
  }
  if (typeof tenant !== 'string' || !tenantForm.test(tenant))
    throw new JwtRefused(`${tenantClaim} is no id of a tenant`)
  if (!rolesOfTenant.has(role)) throw new JwtRefused(`${roleClaim} is none of a tenant`)
  return { subject, role: role as Role, tenant }
}
