/** `weft host approve`: a machine that has dialled in becomes a host, by what it says of itself. Neighbours: host-options.ts, host-list.ts. */
import type { PendingHost } from '../../controller/northbound/realization.ts'
import { durationOf } from '../duration.ts'
import { print } from '../print/output.ts'
import { printable } from '../print/printable.ts'
import { stateOf } from '../print/state.ts'
import { tableLines } from '../print/table.ts'
import { paint, withProgress } from '../print/terminal.ts'
import { type Answered, shown } from '../print/views.ts'
import type { Rest } from '../rest.ts'
import { RestError } from '../rest-error.ts'
import { checkId, objectPath } from '../target.ts'
import { UsageError } from '../usage.ts'
import { waitingHosts } from './host-list.ts'
import { LONGEST_WAIT_MS, type OutputFormat, type RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface ApproveOptions extends RestArguments {
  readonly systemId: string
  readonly id?: string
  readonly vtepAddress?: string
  readonly underlayMtu?: string
  readonly pin: boolean
  readonly wait?: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** A property of the host object, and where it comes from. */
type Taken = readonly [name: string, value: string | number, from: string]

const TYPED = 'the command line'

/** @returns the exit code */
export async function approve(options: ApproveOptions): Promise<number> {
  const { systemId, id = systemId, output, signal } = options
  if (options.id === undefined && !/^[a-z0-9-]{1,63}$/.test(systemId))
    throw new UsageError(`${systemId} can be no id of an object: --id says how to call it`)
  checkId(id)
  const waitMs =
    options.wait === undefined ? undefined : durationOf('--wait', options.wait, LONGEST_WAIT_MS)
  const rest = openSession(options, signal)
  const pending = await pendingHost(rest, systemId)
  const taken = takenFrom(pending, { ...options, id })
  const json = Object.fromEntries(taken.map(([name, value]) => [name, value]))
  const query = waitMs === undefined ? {} : { wait: 'realized', timeout: `${waitMs}ms` }
  const headers = { 'if-none-match': '*' }
  const ask = { json, query, headers, limitMs: LONGEST_WAIT_MS * 2 }
  const asking = rest.ask<Answered>('PUT', objectPath('host', id), ask)
  const { status, body } = await withProgress(`waiting for ${id}`, asking).catch(
    (error: unknown) => {
      if (!(error instanceof RestError && error.type === 'precondition_failed')) throw error
      throw new RestError(error.status, `there is a host ${id} already`, error.type)
    },
  )
  await print(output, body, () => [
    ...tableLines(['property', 'value', 'from'], taken.map(textOf), paint),
    `Approved: host ${id}, revision ${shown(body.revision)}${waitMs === undefined ? '' : `, ${stateText(body)}`}.`,
  ])
  const vtep = options.vtepAddress === undefined ? pending.says?.vtepAddress : undefined
  if (
    vtep !== undefined &&
    pending.address?.replace(/:\d+$/, '').replace(/[[\]]/g, '') === vtep.value
  )
    process.stderr.write(
      `weft: warning: ${id} dials from ${vtep.value}; if its tunnels end elsewhere, change vtepAddress: weft export, weft apply\n`,
    )
  if (status !== 202) return 0
  process.stderr.write(`weft: ${printable(shown(body.note))}\n`)
  return 3
}

const textOf = ([name, value, from]: Taken): string[] => [name, `${value}`, from]

function stateText({ status }: Answered): string {
  const state = stateOf(status, { why: true })
  return printable(typeof state === 'string' ? state : state.text)
}

/** @throws RestError when there is none of this name, or more than one */
async function pendingHost(rest: Rest, systemId: string): Promise<PendingHost> {
  const all = (await waitingHosts(rest)).filter(({ phase }) => phase === 'pending')
  const [found, ...more] = all.filter((each) => each.systemId === systemId)
  if (found && more.length === 0) return found
  if (found) {
    const from = [found, ...more].map(({ address }) => printable(address ?? '?')).join(', ')
    const help =
      'each needs a system-id of its own (ovs-vsctl set Open_vSwitch . external_ids:system-id=…)'
    throw new RestError(
      409,
      `${systemId} is what ${more.length + 1} machines call themselves (${from}): ${help}`,
    )
  }
  for await (const host of rest.items<Answered>('/v1/infra/hosts'))
    if (host.systemId === systemId)
      throw new RestError(
        409,
        `${systemId} is let in already: it is host ${shown(host.id)}, which weft apply changes`,
      )
  const names = all.map((each) => printable(each.systemId)).join(', ')
  const help =
    names === ''
      ? 'nobody waits; on the machine: ovs-vsctl set-manager tcp:CONTROLLER:6640'
      : `those that wait: ${names}`
  throw new RestError(404, `nobody who calls himself ${systemId} waits to be let in; ${help}`)
}

function takenFrom(
  pending: PendingHost,
  options: ApproveOptions & { readonly id: string },
): Taken[] {
  const { systemId, kind = 'ovs', says, certificateFingerprint } = pending
  const { id, vtepAddress, underlayMtu, pin } = options
  const taken: Taken[] = [['kind', kind, 'the database that it has']]
  if (id !== systemId)
    taken.push([
      'systemId',
      systemId,
      `${kind === 'ovs' ? 'external_ids:system-id' : 'its Physical_Switch'}`,
    ])
  const vtep = vtepAddress === undefined ? says?.vtepAddress : { value: vtepAddress, from: TYPED }
  if (!vtep)
    throw new UsageError(`${systemId} does not say where its tunnels end: --vtep-address does`)
  taken.push(['vtepAddress', vtep.value, vtep.from])
  const mtu = says?.underlayMtuBytes
  if (underlayMtu !== undefined) taken.push(['underlayMtuBytes', numberOf(underlayMtu), TYPED])
  else if (mtu) taken.push(['underlayMtuBytes', mtu.value, mtu.from])
  if (!pin) return taken
  if (certificateFingerprint === undefined)
    throw new UsageError(
      `${systemId} shows no certificate, as it did not dial over TLS: nothing to --pin`,
    )
  return [
    ...taken,
    ['certificateFingerprint', certificateFingerprint, 'the certificate that it shows'],
  ]
}

function numberOf(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new UsageError(`--underlay-mtu ${text} would be a number of bytes, such as 9000`)
}
