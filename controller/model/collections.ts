/**
 * Where each collection lives and what its objects refer to, as a table: keys, REST paths,
 * documents, the order of a commit and the refusal to delete what is still in use all follow from
 * these rows.
 */
import type { Collection, Declared, Objects } from './schema.ts'

export interface Reference<C extends Collection> {
  /**
   * Property of the spec that names the target ('extension/hostId' in an object of its own); '' where
   * the object's own key does (its parent).
   */
  readonly field: string
  readonly to: Declared
  /** Key of the target, or undefined when this object refers to none. */
  readonly key: (object: Objects[C]) => string | undefined
}

export interface CollectionRow<C extends Collection> {
  /** In paths. */
  readonly plural: string
  /** In documents, where it is another. */
  readonly documentKey?: string
  /**
   * An object's key is its parent's key, '/', its id. The parent's key is kept in the property of
   * the same name.
   */
  readonly parent?: 'tenant' | 'host'
  readonly references: readonly Reference<C>[]
  /** Properties of the spec that cannot change while the object lives. */
  readonly fixed: readonly string[]
  /** Ids that belong to Weft itself. */
  readonly reservedIds?: readonly string[]
  readonly maxIdLength?: number
  /** What no document holds. */
  readonly apart?: true
}

export const collections: { readonly [C in Declared]: CollectionRow<C> } = {
  physicalNetwork: {
    plural: 'physical-networks',
    documentKey: 'physicalNetworks',
    references: [],
    fixed: [],
  },
  vniPool: { plural: 'vni-pools', documentKey: 'vniPools', references: [], fixed: [] },
  host: { plural: 'hosts', references: [], fixed: ['kind'] },
  bridge: {
    plural: 'bridges',
    parent: 'host',
    references: [
      { field: '', to: 'host', key: (bridge) => bridge.host },
      {
        field: 'physicalNetwork',
        to: 'physicalNetwork',
        key: (bridge) => bridge.physicalNetwork,
      },
    ],
    fixed: ['kind'],
    reservedIds: ['br-int'],
    // It is the name of a network interface on the host.
    maxIdLength: 15,
  },
  tenant: { plural: 'tenants', references: [], fixed: [] },
  network: {
    plural: 'networks',
    parent: 'tenant',
    references: [
      { field: '', to: 'tenant', key: (network) => network.tenant },
      {
        field: 'physicalNetwork',
        to: 'physicalNetwork',
        key: (network) => network.physicalNetwork,
      },
      {
        field: 'extension/physicalNetwork',
        to: 'physicalNetwork',
        key: (network) => network.extension?.physicalNetwork,
      },
      { field: 'extension/hostId', to: 'host', key: (network) => network.extension?.hostId },
    ],
    fixed: ['type', 'physicalNetwork'],
  },
  subnet: {
    plural: 'subnets',
    parent: 'tenant',
    references: [
      { field: '', to: 'tenant', key: (subnet) => subnet.tenant },
      { field: 'network', to: 'network', key: (subnet) => `${subnet.tenant}/${subnet.network}` },
    ],
    fixed: ['network'],
  },
  port: {
    plural: 'ports',
    parent: 'tenant',
    references: [
      { field: '', to: 'tenant', key: (port) => port.tenant },
      { field: 'network', to: 'network', key: (port) => `${port.tenant}/${port.network}` },
      { field: 'hostId', to: 'host', key: (port) => port.hostId },
      {
        field: 'parent',
        to: 'port',
        key: (port) => (port.parent === undefined ? undefined : `${port.tenant}/${port.parent}`),
      },
    ],
    fixed: ['network'],
  },
  token: {
    plural: 'tokens',
    parent: 'tenant',
    references: [{ field: '', to: 'tenant', key: (token) => token.tenant }],
    fixed: [],
    apart: true,
  },
  siteToken: { plural: 'tokens', references: [], fixed: [], apart: true },
}

export const declaredNames = Object.keys(collections) as readonly Declared[]

export const isDeclared = (collection: Collection): collection is Declared =>
  Object.hasOwn(collections, collection)

/** The collection in a sentence: 'physicalNetwork' -> 'physical network'. */
export const nounOf = (collection: Collection): string =>
  collection.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

/** 'acme/web' -> { parent: 'acme', id: 'web' }; 'acme' -> { parent: '', id: 'acme' }. */
export function splitKey(key: string): { parent: string; id: string } {
  const slash = key.lastIndexOf('/')
  return { parent: slash < 0 ? '' : key.slice(0, slash), id: key.slice(slash + 1) }
}
