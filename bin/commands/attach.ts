/** `weft attach`: asks the controller for a port, prints what binds a workload to it. Neighbours: attach-options.ts, ../attach/print.ts. */
import type { Declared, Objects } from '../../controller/model/schema.ts'
import { hint } from '../../controller/model/suggest.ts'
import type { Status } from '../../controller/northbound/realization.ts'
import { objectIn } from '../answers.ts'
import { attachmentOf } from '../attach/attachment.ts'
import { AttachError } from '../attach/error.ts'
import { type FormatName, formats } from '../attach/formats.ts'
import { printAttachment } from '../attach/print.ts'
import { printable } from '../print/printable.ts'
import { RestError } from '../rest-error.ts'
import { listPath } from '../target.ts'
import type { RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface AttachOptions extends RestArguments {
  /** `tenant/port`. */
  readonly port: string
  readonly format: FormatName
  /** Id of the host that the workload will run on. */
  readonly host?: string
  readonly signal: AbortSignal
}

type Answer<C extends Declared> = Objects[C] & { readonly status?: Partial<Status> }

/** Prints to stdout; to stderr what is worth a warning. @returns the exit code */
export async function attach(options: AttachOptions): Promise<number> {
  const { port: key, format, host, signal } = options
  const rest = openSession(options, signal)
  const [tenant = ''] = key.split('/')
  /** All of a collection, each held against its schema: the text may go to a root shell. */
  const list = async <C extends Declared>(collection: C): Promise<readonly Answer<C>[]> => {
    const answers: Answer<C>[] = []
    for await (const answer of rest.items<Answer<C>>(listPath(collection, tenant)))
      answers.push({ ...objectIn(collection, answer), status: answer.status } as Answer<C>)
    return answers
  }
  const ports = await list('port').catch(async (error: unknown) => {
    if (!(error instanceof RestError && error.status === 404)) throw error
    const known = (await list('tenant')).map(({ id }) => id)
    throw new AttachError(`there is no tenant ${tenant}; ${hint(tenant, known)}`)
  })
  const isPlaced = host !== undefined || ports.some((port) => keyOf(port) === key && port.hostId)
  const [networks, subnets, hosts] = await Promise.all([
    list('network'),
    list('subnet'),
    list('host').catch((error: unknown) => {
      // Which hosts there are is the operator's to know; a port that may be anywhere needs none.
      if (error instanceof RestError && error.type === 'forbidden' && !isPlaced) return []
      throw error
    }),
  ])
  const attachment = attachmentOf(key, { ports, networks, subnets, hosts }, host)
  process.stdout.write(printAttachment(format, attachment))

  const bound = ports.find(({ uuid }) => uuid === attachment.uuid)?.status?.binding
  const kinds = new Set(hosts.map(({ kind }) => kind))
  const warnings = [
    bound &&
      `port ${attachment.key} is plugged in already, on ${bound.hostId} (${placeOf(bound)}): a second interface there is refused, one on another host takes the port over`,
    kinds.size > 1 &&
      attachment.hostId === undefined &&
      formats[format].hosts.length > 1 &&
      `this is for a host of kind ${attachment.hostKind}; the site has both kinds, --host HOST says which`,
  ]
  for (const warning of warnings)
    if (warning) process.stderr.write(`weft: warning: ${printable(warning)}\n`)
  return 0
}

const keyOf = ({ tenant, id }: Objects['port']): string => `${tenant}/${id}`

function placeOf({ ofport, interface: name, vid = 0 }: NonNullable<Status['binding']>): string {
  if (ofport !== undefined) return `ofport ${ofport}`
  return vid === 0 ? `interface ${name}` : `interface ${name}, VLAN ${vid}`
}
