/**
 * The shape of everything Weft knows: for each collection the *spec* (what a client PUTs) and the
 * *object* (what the store keeps and answers), declared once. The same schemas validate REST bodies
 * and documents and are shown by OpenAPI. A description is also the sentence that an error gives as
 * "what would be right": write it so that it follows "expected".
 *
 * Neighbours: tenant-schemas.ts, infra-schemas.ts and token-schemas.ts have the schemas, values.ts the values in them;
 * validate.ts turns a mismatch into problems, collections.ts says where a collection lives and what
 * it refers to, resolve.ts makes the object out of the spec, check.ts holds what one schema cannot
 * see.
 */
import type { Static, TSchema } from 'typebox'
import * as infra from './infra-schemas.ts'
import * as kept from './quarantine-schemas.ts'
import * as made from './tenant-schemas.ts'
import * as access from './token-schemas.ts'

/**
 * Spec and object schema of every collection; in the order in which one may refer to those before
 * it.
 */
export const schemas = {
  physicalNetwork: { spec: infra.PhysicalNetworkSpec, object: infra.PhysicalNetwork },
  vniPool: { spec: infra.VniPoolSpec, object: infra.VniPool },
  host: { spec: infra.HostSpec, object: infra.Host },
  bridge: { spec: infra.BridgeSpec, object: infra.Bridge },
  tenant: { spec: made.TenantSpec, object: made.Tenant },
  network: { spec: made.NetworkSpec, object: made.NetworkObject },
  subnet: { spec: made.SubnetSpec, object: made.Subnet },
  port: { spec: made.PortSpec, object: made.Port },
  token: { spec: access.TokenSpec, object: access.Token },
  siteToken: { spec: access.SiteTokenSpec, object: access.SiteToken },
  binding: { spec: infra.BindingSpec, object: infra.BindingObject },
  carrier: { spec: kept.CarrierSpec, object: kept.Carrier },
  quarantined: { spec: kept.QuarantinedSpec, object: kept.Quarantined },
} as const satisfies Record<string, { spec: TSchema; object: TSchema }>

type Frozen<T> = {
  readonly [K in keyof T]: T[K] extends (infer U)[] | undefined ? readonly U[] : T[K]
}

export type Tenant = Frozen<Static<typeof made.Tenant>>
export type Subnet = Frozen<Static<typeof made.Subnet>>
export type Port = Frozen<Static<typeof made.Port>>
export type PhysicalNetwork = Frozen<Static<typeof infra.PhysicalNetwork>>
export type VniPool = Frozen<Static<typeof infra.VniPool>>
export type Host = Frozen<Static<typeof infra.Host>>
export type Bridge = Frozen<Static<typeof infra.Bridge>>
export type Carrier = Frozen<Static<typeof kept.Carrier>>
export type Quarantined = Frozen<Static<typeof kept.Quarantined>>
export type Token = Frozen<Static<typeof access.Token>>
export type SiteToken = Frozen<Static<typeof access.SiteToken>>

/** Where a VXLAN network and a VLAN (no `vid`: untagged) are one; frozen. */
export type Extension = Readonly<Static<typeof made.Extension>>
type NetworkBase = Omit<
  Frozen<Static<typeof made.NetworkObject>>,
  'type' | keyof typeof made.segmentFields
>
type Without<K extends string> = { readonly [P in K]?: undefined }

export type VxlanNetwork = NetworkBase &
  Without<'physicalNetwork' | 'vid'> & {
    readonly type: 'vxlan'
    readonly vni: number
    /** Absent: no tags. */
    readonly vlanTransparent?: true | 'qinq'
    readonly extension?: Extension
  }
export type VlanNetwork = NetworkBase &
  Without<'vni' | 'vlanTransparent' | 'extension'> & {
    readonly type: 'vlan'
    readonly physicalNetwork: string
    readonly vid: number
  }
export type FlatNetwork = NetworkBase &
  Without<'vni' | 'vlanTransparent' | 'extension' | 'vid'> & {
    readonly type: 'flat'
    readonly physicalNetwork: string
  }
export type Network = VxlanNetwork | VlanNetwork | FlatNetwork

/** The place that a binding names: an ofport, or an interface and a VID (0: untagged). */
type BindingAt =
  | ({ readonly ofport: number } & Without<'interface' | 'vid'>)
  | ({ readonly interface: string; readonly vid: number } & Without<'ofport'>)
export type Binding = Omit<
  Frozen<Static<typeof infra.BindingObject>>,
  keyof typeof infra.bindingAt
> &
  BindingAt

export interface Specs {
  readonly physicalNetwork: Frozen<Static<typeof infra.PhysicalNetworkSpec>>
  readonly vniPool: Frozen<Static<typeof infra.VniPoolSpec>>
  readonly host: Frozen<Static<typeof infra.HostSpec>>
  readonly bridge: Frozen<Static<typeof infra.BridgeSpec>>
  readonly tenant: Frozen<Static<typeof made.TenantSpec>>
  readonly network: Frozen<Static<typeof made.NetworkSpec>>
  readonly subnet: Frozen<Static<typeof made.SubnetSpec>>
  readonly port: Frozen<Static<typeof made.PortSpec>>
  readonly token: Frozen<Static<typeof access.TokenSpec>>
  readonly siteToken: Frozen<Static<typeof access.SiteTokenSpec>>
  readonly binding: { readonly hostId: string } & BindingAt
  readonly carrier: Frozen<Static<typeof kept.CarrierSpec>>
  readonly quarantined: Frozen<Static<typeof kept.QuarantinedSpec>>
}
export interface Objects {
  readonly physicalNetwork: PhysicalNetwork
  readonly vniPool: VniPool
  readonly host: Host
  readonly bridge: Bridge
  readonly tenant: Tenant
  readonly network: Network
  readonly subnet: Subnet
  readonly port: Port
  readonly token: Token
  readonly siteToken: SiteToken
  readonly binding: Binding
  readonly carrier: Carrier
  readonly quarantined: Quarantined
}
export type Collection = keyof typeof schemas & keyof Objects
/** What comes from hosts, through `Store.observe`, or is kept by the model itself. */
export type Observed = 'binding' | 'carrier' | 'quarantined'
/** The collections that a client may write. */
export type Declared = Exclude<Collection, Observed>

/**
 * One asked-for change; `spec: undefined` deletes. Keys: 'acme', 'acme/web', 'h1', 'h1/br-x'; of a
 * binding the port's uuid.
 */
export type Edit<C extends Collection = Collection> = C extends Collection
  ? { readonly collection: C; readonly key: string; readonly spec: Specs[C] | undefined }
  : never

export const collectionNames = Object.keys(schemas) as readonly Collection[]
