/**
 * `weft token create`: the secret is made here and leaves only as its hash, so that the controller, its journal and
 * its backups let nobody in. Neighbours: token-options.ts, ../../controller/access/secret.ts.
 */
import { hashOf, newSecret } from '../../controller/access/secret.ts'
import { durationMs } from '../duration.ts'
import { print } from '../print/output.ts'
import { RestError } from '../rest-error.ts'
import { objectOf, objectPath } from '../target.ts'
import { UsageError } from '../usage.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface TokenOptions extends RestArguments {
  readonly name: string
  readonly role: string
  readonly tenant?: string
  /** A time, or a duration from now. */
  readonly expires?: string
  readonly description?: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/

/** The secret goes to stdout alone, all else to stderr. @returns the exit code */
export async function createToken(options: TokenOptions): Promise<number> {
  const { role, description, output, signal } = options
  const { collection, key } = objectOf('tokens', options.name, options.tenant)
  checkRole(role, collection === 'token')
  const expires = options.expires === undefined ? undefined : expiryOf(options.expires)
  const secret = newSecret()
  const json = { role, sha256: hashOf(secret), expires, description }
  const rest = openSession(options, signal)
  const headers = { 'if-none-match': '*' }
  await rest.ask('PUT', objectPath(collection, key), { json, headers }).catch((error: unknown) => {
    if (!(error instanceof RestError)) throw error
    if (error.type === 'precondition_failed')
      throw new RestError(error.status, `there is a token ${key} already`, error.type)
    // Lost on the way there or back: nobody has this secret now.
    const doubt = `; if token ${key} is there now, delete it and make another`
    throw error.status === 0 ? new RestError(0, error.message + doubt) : error
  })
  await print(output, { id: key, role, ...(expires !== undefined && { expires }), secret }, () => [
    secret,
  ])
  if (output === 'table')
    process.stderr.write(
      `token ${key}, role ${role}${expires === undefined ? '' : `, until ${expires}`}; the secret is shown this once\n`,
    )
  return 0
}

/** @throws UsageError */
function checkRole(role: string, isOfTenant: boolean): void {
  const known = isOfTenant ? ['admin', 'member', 'reader'] : ['operator', 'reader']
  if (known.includes(role)) return
  const whose = isOfTenant ? 'a tenant' : 'the site'
  const help = isOfTenant ? '' : '; --tenant TENANT makes a token of a tenant'
  throw new UsageError(`a token of ${whose} has role ${known.join(' or ')}, not ${role}${help}`)
}

/** @throws UsageError */
function expiryOf(text: string): string {
  if (time.test(text) && !Number.isNaN(Date.parse(text))) return text
  const ms = durationMs(text)
  if (ms !== undefined) return `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`
  throw new UsageError(
    `--expires ${text} would be a time such as 2027-01-31T00:00:00Z, or 30d from now`,
  )
}
