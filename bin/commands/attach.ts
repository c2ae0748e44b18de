/** `weft attach`: asks the controller for a port, prints what binds a workload to it. Neighbours: attach-options.ts, ../attach/print.ts. */
import type { Host, Network, Port, Subnet } from '../../controller/model/schema.ts'
import { hint } from '../../controller/model/suggest.ts'
import type { Status } from '../../controller/northbound/realization.ts'
import { attachmentOf } from '../attach/attachment.ts'
import { AttachError } from '../attach/error.ts'
import { type FormatName, formats } from '../attach/formats.ts'
import { printAttachment } from '../attach/print.ts'
import { getJson, RestError } from '../rest.ts'

export interface AttachOptions {
  /** `tenant/port`. */
  readonly port: string
  readonly format: FormatName
  /** Id of the host that the workload will run on. */
  readonly host?: string
  /** Of the controller's REST: a URL, or `unix:PATH`. */
  readonly controller: string
  readonly signal: AbortSignal
}

type Answer<T> = T & { readonly status: Status }

/** Prints to stdout; to stderr what is worth a warning. @returns the exit code */
export async function attach(options: AttachOptions): Promise<number> {
  const { port: key, format, host } = options
  const list = async <T>(path: string): Promise<readonly Answer<T>[]> => {
    const { controller, signal } = options
    return (await getJson<{ items: Answer<T>[] }>(controller, path, signal)).items
  }
  const [tenant = ''] = key.split('/')
  const ofTenant = `/v1/tenants/${tenant}`
  const ports = await list<Port>(`${ofTenant}/ports`).catch(async (error: unknown) => {
    if (!(error instanceof RestError && error.status === 404)) throw error
    const known = (await list<{ id: string }>('/v1/tenants')).map(({ id }) => id)
    throw new AttachError(`there is no tenant ${tenant}; ${hint(tenant, known)}`)
  })
  const [networks, subnets, hosts] = await Promise.all([
    list<Network>(`${ofTenant}/networks`),
    list<Subnet>(`${ofTenant}/subnets`),
    list<Host>('/v1/infra/hosts'),
  ])
  const attachment = attachmentOf(key, { ports, networks, subnets, hosts }, host)
  process.stdout.write(printAttachment(format, attachment))

  const bound = ports.find(({ uuid }) => uuid === attachment.uuid)?.status.binding
  const kinds = new Set(hosts.map(({ kind }) => kind))
  const warnings = [
    bound &&
      `port ${attachment.key} is plugged in already, on ${bound.hostId} (${placeOf(bound)}): a second interface there is refused, one on another host takes the port over`,
    kinds.size > 1 &&
      attachment.hostId === undefined &&
      formats[format].hosts.length > 1 &&
      `this is for a host of kind ${attachment.hostKind}; the site has both kinds, --host HOST says which`,
  ]
  for (const warning of warnings) if (warning) process.stderr.write(`weft: warning: ${warning}\n`)
  return 0
}

function placeOf({ ofport, interface: name, vid = 0 }: NonNullable<Status['binding']>): string {
  if (ofport !== undefined) return `ofport ${ofport}`
  return vid === 0 ? `interface ${name}` : `interface ${name}, VLAN ${vid}`
}
