/**
 * The ways to find objects other than by key, declared as rows. Every write keeps them at the cost
 * of the object written, so that no check and no allocation ever looks through the site. A row with
 * `unique` is also a rule of the model: two objects may not have the same value.
 */
import { parseIpv4 } from '../../southbound/wire/address.ts'
import { collections, declaredNames } from './collections.ts'
import type { ProblemType } from './errors.ts'
import type { Collection, Objects } from './schema.ts'

export interface IndexRow<C extends Collection> {
  readonly collection: C
  readonly values: (object: Objects[C]) => readonly string[]
  /**
   * The problem when the value of `values` at `at` is already held, and the property that has it.
   */
  readonly unique?: { readonly type: ProblemType; readonly pointer: (at: number) => string }
}

const row = <C extends Collection>(
  collection: C,
  values: IndexRow<C>['values'],
  unique?: IndexRow<C>['unique'],
): IndexRow<C> => (unique ? { collection, values, unique } : { collection, values })

const filled = (value: string | undefined): readonly string[] =>
  value === undefined ? [] : [value]

/** Numbers as text that sorts like the number. */
export const sortable = (value: number): string => value.toString(16).padStart(8, '0')
/** Value of `portByAddress`: one address of one network. `network` is its key. */
export const addressValue = (network: string, address: number): string =>
  `${network} ${sortable(address)}`

const table = {
  hostBySystemId: row('host', (host) => [host.systemId], {
    type: 'system_id_taken',
    pointer: () => '/systemId',
  }),
  hostByVtep: row('host', (host) => [host.vtepAddress], {
    type: 'vtep_address_taken',
    pointer: () => '/vtepAddress',
  }),
  hostByFingerprint: row('host', (host) => filled(host.certificateFingerprint), {
    type: 'fingerprint_taken',
    pointer: () => '/certificateFingerprint',
  }),
  hostByUnderlayMtu: row('host', (host) => [sortable(host.underlayMtuBytes)]),
  networkByVni: row('network', (network) => [sortable(network.vni)], {
    type: 'vni_taken',
    pointer: () => '/vni',
  }),
  networkByMtu: row('network', (network) => [sortable(network.mtuBytes)]),
  subnetByNetwork: row('subnet', (subnet) => [`${subnet.tenant}/${subnet.network}`]),
  portByUuid: row('port', (port) => [port.uuid]),
  portByMac: row('port', (port) => [`${port.tenant}/${port.network} ${port.mac}`], {
    type: 'mac_taken',
    pointer: () => '/mac',
  }),
  portByAddress: row(
    'port',
    (port) =>
      port.addresses.map((a) => addressValue(`${port.tenant}/${port.network}`, parseIpv4(a))),
    { type: 'address_taken', pointer: (at) => `/addresses/${at}` },
  ),
  portByOfport: row(
    'port',
    (port) =>
      port.hostId === undefined || port.ofport === undefined
        ? []
        : [`${port.hostId} ${port.ofport}`],
    { type: 'ofport_taken', pointer: () => '/ofport' },
  ),
  bindingByHost: row('binding', (binding) => [binding.hostId]),
} as const

/**
 * Not of one collection: value 'network acme/web', object key 'port acme/vm1'. Made from the
 * references of collections.
 */
export type IndexName = keyof typeof table | 'referrer'

export const indexNames = [...Object.keys(table), 'referrer'] as readonly IndexName[]

/** Separates value and object key in an index entry; lower than anything that may be in either. */
const separator = '\u0000'
const pastSeparator = '\u0001'

export const entryKey = (value: string, key: string): string => value + separator + key
/** First and past-the-last entry key of a value. */
export const entryBounds = (value: string): [string, string] => [
  value + separator,
  value + pastSeparator,
]
export const entryValue = (entry: string): string => entry.slice(0, entry.indexOf(separator))

/** Index rows of a collection, with the references of its objects as the last. */
export function indexRowsOf<C extends Collection>(
  collection: C,
): readonly (IndexRow<C> & { readonly name: IndexName })[] {
  return rows[collection] as unknown as readonly (IndexRow<C> & { readonly name: IndexName })[]
}

const rows: Record<Collection, { name: IndexName }[]> = {
  host: [],
  bridge: [],
  tenant: [],
  network: [],
  subnet: [],
  port: [],
  binding: [],
}
for (const [name, entry] of Object.entries(table)) {
  rows[entry.collection].push({ name: name as IndexName, ...entry })
}
for (const collection of declaredNames) rows[collection].push(referrerRow(collection))

function referrerRow(collection: (typeof declaredNames)[number]): { name: IndexName } {
  const references = collections[collection].references
  const values = (object: never): string[] =>
    references.flatMap(({ to, key }) => {
      const target = key(object)
      return target === undefined ? [] : [`${to} ${target}`]
    })
  return { name: 'referrer', collection, values } as { name: IndexName }
}
