/**
 * The ways to find objects other than by key, declared as rows. Every write keeps them at the cost
 * of the object written, so that no check and no allocation ever looks through the site. A row with
 * `unique` is also a rule of the model: two objects may not have the same value.
 */
import { collections, declaredNames } from './collections.ts'
import type { ProblemType } from './errors.ts'
import { addressNumber, familyOf } from './ip-address.ts'
import type { Family } from './overhead.ts'
import type { Collection, Objects } from './schema.ts'
import { guestBytes, segmentsOf } from './segment.ts'
import { familiesOf } from './tunnel.ts'

export interface IndexRow<C extends Collection> {
  readonly collection: C
  readonly values: (object: Objects[C]) => readonly string[]
  /**
   * The problem when the value of `values` at `at` is already held, and the property that has it.
   */
  readonly unique?: {
    readonly type: ProblemType
    readonly pointer: (at: number, object: Objects[C]) => string
  }
}

const row = <C extends Collection>(
  collection: C,
  values: IndexRow<C>['values'],
  unique?: IndexRow<C>['unique'],
): IndexRow<C> => (unique ? { collection, values, unique } : { collection, values })

const filled = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value])

/** Numbers as text that sorts like the number. */
export const sortable = (value: number): string => value.toString(16).padStart(8, '0')
/** Value of `portByAddress`: one address of one network. `network` is its key. All of IPv4 come before those of IPv6. */
export const addressValue = (network: string, family: Family, address: bigint): string => {
  const digits = address.toString(16)
  return `${network} ${family === 4 ? digits.padStart(8, '0') : `v6 ${digits.padStart(32, '0')}`}`
}

/** Value of `networkByVid`: one VID of one physical network. */
export const vidValue = (physicalNetwork: string, vid: number): string =>
  `${physicalNetwork} ${sortable(vid)}`

/** Value of `bridgeByUplink`: an interface of a host. */
export const uplinkValue = (hostId: string, name: string): string => `${hostId} ${name}`

/** Value of `portByInterface`: one VID (0: untagged) of an interface; without it what all of them begin with. */
export const interfaceValue = (hostId: string, name: string, vid?: number): string =>
  vid === undefined ? `${hostId} ${name}` : `${hostId} ${name} ${vid}`

const vtepPointers = ['/vtepAddress', '/alternateVtepAddress'] as const

const table = {
  hostBySystemId: row('host', (host) => [host.systemId], {
    type: 'system_id_taken',
    pointer: () => '/systemId',
  }),
  hostByVtep: row('host', (host) => [host.vtepAddress, ...filled(host.alternateVtepAddress)], {
    type: 'vtep_address_taken',
    pointer: (at) => vtepPointers[at] ?? '',
  }),
  hostByFingerprint: row('host', (host) => filled(host.certificateFingerprint), {
    type: 'fingerprint_taken',
    pointer: () => '/certificateFingerprint',
  }),
  hostByUnderlayMtu: row('host', (host) => [
    `${familiesOf(host)} ${sortable(host.underlayMtuBytes)}`,
  ]),
  bridgeByPhysicalNetwork: row(
    'bridge',
    (bridge) => filled(bridge.physicalNetwork).map((each) => `${bridge.host} ${each}`),
    { type: 'physical_network_taken', pointer: () => '/physicalNetwork' },
  ),
  bridgeByUplink: row(
    'bridge',
    ({ host, uplinks }) => uplinks.map((each) => uplinkValue(host, each)),
    {
      type: 'uplink_taken',
      pointer: (at) => `/uplinks/${at}`,
    },
  ),
  bridgeByMtu: row('bridge', ({ physicalNetwork, mtuBytes }) =>
    physicalNetwork === undefined || mtuBytes === undefined
      ? []
      : [`${physicalNetwork} ${sortable(mtuBytes)}`],
  ),
  physicalNetworkByNumber: row('physicalNetwork', ({ number }) => [sortable(number)]),
  networkByVni: row('network', (network) => filled(network.vni).map(sortable), {
    type: 'vni_taken',
    pointer: () => '/vni',
  }),
  networkByVid: row(
    'network',
    (network) =>
      segmentsOf(network).flatMap(({ physicalNetwork, vid }) =>
        vid === undefined ? [] : [vidValue(physicalNetwork, vid)],
      ),
    { type: 'vid_taken', pointer: (_, { extension }) => (extension ? '/extension/vid' : '/vid') },
  ),
  networkUntagged: row(
    'network',
    (network) =>
      segmentsOf(network).flatMap(({ physicalNetwork, vid }) =>
        vid === undefined ? [physicalNetwork] : [],
      ),
    {
      type: 'untagged_taken',
      pointer: (_, { extension }) =>
        extension ? '/extension/physicalNetwork' : '/physicalNetwork',
    },
  ),
  networkByTunnelBytes: row('network', (network) =>
    network.type === 'vxlan' ? [sortable(guestBytes(network))] : [],
  ),
  networkBySegmentBytes: row('network', (network) =>
    segmentsOf(network).map(
      ({ physicalNetwork }) => `${physicalNetwork} ${sortable(guestBytes(network))}`,
    ),
  ),
  subnetByNetwork: row('subnet', (subnet) => [`${subnet.tenant}/${subnet.network}`]),
  portByUuid: row('port', (port) => [port.uuid]),
  portByNumber: row('port', (port) => [sortable(port.number)]),
  portByMac: row('port', (port) => [`${port.tenant}/${port.network} ${port.mac}`], {
    type: 'mac_taken',
    pointer: () => '/mac',
  }),
  portByAddress: row(
    'port',
    ({ tenant, network, addresses }) =>
      addresses.map((each) =>
        addressValue(`${tenant}/${network}`, familyOf(each), addressNumber(each)),
      ),
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
  portByInterface: row(
    'port',
    ({ hostId, interface: name, vid = 0 }) =>
      hostId === undefined || name === undefined ? [] : [interfaceValue(hostId, name, vid)],
    {
      type: 'interface_taken',
      pointer: (_, { vid }) => (vid === undefined ? '/interface' : '/vid'),
    },
  ),
  portByParent: row(
    'port',
    ({ tenant, parent, vid }) =>
      parent === undefined || vid === undefined ? [] : [`${tenant}/${parent} ${vid}`],
    { type: 'subport_vid_taken', pointer: () => '/vid' },
  ),
  tokenBySecret: row('token', ({ sha256 }) => [sha256], {
    type: 'secret_taken',
    pointer: () => '/sha256',
  }),
  siteTokenBySecret: row('siteToken', ({ sha256 }) => [sha256], {
    type: 'secret_taken',
    pointer: () => '/sha256',
  }),
  bindingByHost: row('binding', (binding) => [binding.hostId]),
  carrierByHost: row('carrier', ({ hostId }) => [hostId]),
  quarantinedByHolder: row('quarantined', ({ holders }) => holders),
  quarantinedByNetwork: row('quarantined', ({ network }) => filled(network)),
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
  physicalNetwork: [],
  vniPool: [],
  host: [],
  bridge: [],
  tenant: [],
  network: [],
  subnet: [],
  port: [],
  token: [],
  siteToken: [],
  binding: [],
  carrier: [],
  quarantined: [],
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
