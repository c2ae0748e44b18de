/** What people see of each collection in a table: a row of columns for each, the state of hosts last. Neighbour: table.ts. */
import type { Declared } from '../../controller/model/schema.ts'
import type { Status } from '../../controller/northbound/realization.ts'
import { keyOf } from '../target.ts'
import { stateOf } from './state.ts'
import type { Cell } from './table.ts'

export type Answered = Readonly<Record<string, unknown>> & { readonly status?: Partial<Status> }

type Column = readonly [heading: string, cell: (object: Answered) => Cell]

const property = (heading: string, name = heading): Column => [heading, (it) => shown(it[name])]
const bytes = (heading: string, name: string): Column => [heading, (it) => shown(it[name])]
const state: Column = ['state', ({ status }) => stateOf(status)]
const labels = property('labels')

const views: Readonly<Record<Declared, readonly Column[]>> = {
  tenant: [labels, state],
  network: [property('type'), ['segment', segment], ['mtu', mtu], labels, state],
  subnet: [
    ...[property('network'), property('cidr'), property('allocation')],
    ...[property('reserved'), labels, state],
  ] as const,
  port: [
    ...[property('network'), property('mac'), property('addresses'), ['host', place]],
    ...[labels, state],
  ] as const,
  host: [
    ...[
      property('kind'),
      property('vtep', 'vtepAddress'),
      bytes('underlay mtu', 'underlayMtuBytes'),
      ['phase', ({ status }: Answered) => status?.phase ?? ''] as const,
      ['workloads', ({ status }: Answered) => shown(status?.workloads)] as const,
    ],
    ...[labels, state],
  ] as const,
  bridge: [
    ...[property('kind'), property('uplinks'), property('physical network', 'physicalNetwork')],
    ...[bytes('mtu', 'mtuBytes'), state],
  ] as const,
  physicalNetwork: [bytes('mtu', 'mtuBytes'), property('vids'), labels, state],
  vniPool: [property('vnis'), labels],
  token: [property('role'), property('expires'), property('description')],
  siteToken: [property('role'), property('expires'), property('description')],
}

/** @param isShort without the tenant, which all of them have in common; columns where nobody has anything are left out */
export function viewOf(
  collection: Declared,
  objects: readonly Answered[],
  isShort: boolean,
): { readonly headings: string[]; readonly rows: Cell[][] } {
  const id: Column = ['id', (it) => (isShort ? shown(it.id) : keyOf(collection, it))]
  const all = [id, ...views[collection]].map(([heading, cell]) => ({
    heading,
    cells: objects.map(cell),
  }))
  const columns = all.filter(({ cells }) => cells.some((cell) => cell !== ''))
  return {
    headings: columns.map(({ heading }) => heading),
    rows: objects.map((_, at) => columns.map(({ cells }) => cells[at] ?? '')),
  }
}

/** A value in a cell: lists with commas, objects as 'a=b'. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.map(shown).join(', ')
  if (typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([name, each]) => `${name}=${typeof each === 'object' ? JSON.stringify(each) : each}`)
    .join(', ')
}

function segment({ type, vni, vid, physicalNetwork, extension }: Answered): string {
  const also = extension as { physicalNetwork?: string; vid?: number } | undefined
  const wire = (net: unknown, tag: unknown): string =>
    tag === undefined ? `${net}` : `${net}:${tag}`
  if (type !== 'vxlan') return wire(physicalNetwork, vid)
  return also ? `vni ${vni} + ${wire(also.physicalNetwork, also.vid)}` : `vni ${vni}`
}

/** '9000', or '7950 of 9000' where the underlay carries less now. */
function mtu({ mtuBytes, status }: Answered): Cell {
  const { effective, configured } = status?.mtu ?? {}
  if (effective === undefined || configured === undefined || effective >= configured)
    return shown(mtuBytes)
  return { text: `${effective} of ${configured}`, style: 'red' }
}

/** Where it is plugged in; in brackets where it only should be. */
function place({ status, hostId, interface: name, ofport, parent, vid }: Answered): string {
  const { binding } = status ?? {}
  if (binding)
    return [binding.hostId, binding.interface ?? binding.ofport].filter(Boolean).join(' ')
  if (hostId !== undefined) return `(${[hostId, name ?? ofport].filter(Boolean).join(' ')})`
  return parent === undefined ? '' : `(${parent} vlan ${vid})`
}
