/** Who `weft serve` lets in: tokens of the store, JWTs where keys are named, or everybody. Neighbour: serve.ts. */
import { readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import { type Access, openAccess, tokenAccess } from '../../controller/access/access.ts'
import { ensureOperator } from '../../controller/access/bootstrap.ts'
import { type JwtOptions, jwtVerifier } from '../../controller/access/jwt.ts'
import type { Store } from '../../controller/store/store.ts'

export interface AccessOptions {
  /** SQLite file, or `:memory:`. */
  readonly store: string
  /** false: everybody is an operator. */
  readonly auth?: boolean
  /** URL or file of a JWKS; all three or none. */
  readonly jwks?: string
  readonly jwtIssuer?: string
  readonly jwtAudience?: string
}

/** Options that do not go together, or name what is not there: one sentence for whoever typed them. */
export class AccessOptionsError extends Error {
  override readonly name = 'AccessOptionsError'
}

/** @throws AccessOptionsError */
export function checkAccess({ auth, jwks, jwtIssuer, jwtAudience, store }: AccessOptions): void {
  const given = [jwks, jwtIssuer, jwtAudience].filter((each) => each !== undefined)
  if (given.length > 0 && given.length < 3)
    throw new AccessOptionsError('--jwks, --jwt-issuer and --jwt-audience go together')
  if (auth === false && given.length > 0)
    throw new AccessOptionsError('--no-auth lets everybody in: keys of tokens say nothing then')
  if (auth !== false && store === ':memory:')
    throw new AccessOptionsError(
      'a store in memory has no file beside which the token of its operator could be: say --store FILE or --no-auth',
    )
}

/** To be called once the options are checked. @throws AccessOptionsError when keys cannot be read */
export function accessOf(options: AccessOptions, store: Store, log: Logger): Access {
  if (options.auth === false) {
    log.warn('everybody who reaches REST is an operator: --no-auth')
    return openAccess
  }
  const file = `${options.store}.operator-token`
  if (ensureOperator(store, file)) log.info({ file }, 'the token of the first operator is here')
  const jwt = jwtOptions(options)
  const snapshot = () => store.snapshot
  return tokenAccess({ snapshot, ...(jwt && { jwt: jwtVerifier(jwt) }) })
}

function jwtOptions({ jwks, jwtIssuer, jwtAudience }: AccessOptions): JwtOptions | undefined {
  if (jwks === undefined || jwtIssuer === undefined || jwtAudience === undefined) return undefined
  const names = { issuer: jwtIssuer, audience: jwtAudience }
  if (/^https?:\/\//.test(jwks)) return { keys: new URL(jwks), ...names }
  try {
    return { keys: JSON.parse(readFileSync(jwks, 'utf8')), ...names }
  } catch (cause) {
    throw new AccessOptionsError(`${jwks} has no JWKS`, { cause })
  }
}
