/** `weft host list`: hosts of the site and machines that are none, in one table. Neighbours: host-options.ts, ../print/table.ts. */
import type { PendingHost } from '../../controller/northbound/realization.ts'
import { print } from '../print/output.ts'
import { stateOf } from '../print/state.ts'
import { type Cell, tableLines } from '../print/table.ts'
import { paint, type Style, withProgress } from '../print/terminal.ts'
import { type Answered, shown } from '../print/views.ts'
import type { Rest } from '../rest.ts'
import { listPath } from '../target.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface HostListOptions extends RestArguments {
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** A host of the site, or a machine that is none: then without what only those have. */
interface Listed {
  readonly phase: string
  readonly id?: string
  readonly systemId: string
  readonly kind?: string
  readonly vtepAddress?: string
  readonly workloads?: number
  readonly version?: string
  readonly state: string
}

const styles: Readonly<Record<string, Style>> = {
  ...{ active: 'green', pending: 'yellow', approved: 'yellow', draining: 'yellow' },
  ...{ away: 'red', removing: 'yellow' },
}

/** @returns the exit code */
export async function listHosts(options: HostListOptions): Promise<number> {
  const { output, signal } = options
  const rest = openSession(options, signal)
  const hosts: Listed[] = []
  const read = async (): Promise<void> => {
    for await (const each of rest.items<Answered>(listPath('host'))) hosts.push(declared(each))
    for (const each of await waitingHosts(rest)) hosts.push(waiting(each))
  }
  await withProgress('reading hosts', read())
  await print(output, hosts, () => table(hosts))
  if (hosts.length === 0 && output === 'table')
    process.stderr.write('weft: there is no host, and nobody has dialled in\n')
  return 0
}

/** Machines that are no hosts of the site, or not any longer. */
export async function waitingHosts(rest: Rest): Promise<readonly PendingHost[]> {
  const path = '/v1/infra/pending-hosts'
  const { body } = await rest.ask<{ readonly items: readonly PendingHost[] }>('GET', path)
  return body.items
}

function declared({ id, systemId, kind, vtepAddress, status = {} }: Answered): Listed {
  const { phase = '', workloads, version } = status
  const state = stateOf(status)
  const [, code] = /^([a-z_]+):/.exec(status.hosts?.[shown(id)]?.reason ?? '') ?? []
  const word = (typeof state === 'string' ? state : state.text).replace(/: .*/, '')
  return {
    ...{ phase, id: shown(id), systemId: shown(systemId) },
    ...{ kind: shown(kind), vtepAddress: shown(vtepAddress) },
    ...(workloads !== undefined && { workloads }),
    ...(version !== undefined && { version }),
    // 'failed: bridge_foreign': describe has the sentence.
    state: code === undefined ? word : `${word}: ${code}`,
  }
}

function waiting({ phase, systemId, kind, says, hostId, reason, address }: PendingHost): Listed {
  const version = says?.version
  return {
    ...{ phase, systemId },
    ...(hostId !== undefined && { id: hostId }),
    ...(kind !== undefined && { kind }),
    ...(says && { vtepAddress: says.vtepAddress.value }),
    ...(version !== undefined && { version }),
    state: reason ?? (address === undefined ? '' : `dials from ${address}`),
  }
}

function table(hosts: readonly Listed[]): string[] {
  if (hosts.length === 0) return []
  const headings = ['id', 'system-id', 'phase', 'kind', 'vtep', 'workloads', 'version', 'state']
  const rows = hosts.map((host): Cell[] => [
    ...[host.id ?? '', host.systemId, { text: host.phase, style: styles[host.phase] ?? 'dim' }],
    ...[host.kind ?? '', host.vtepAddress ?? '', shown(host.workloads), host.version ?? ''],
    host.state,
  ])
  return tableLines(headings, rows, paint)
}
