/**
 * The shape of everything Weft knows: for each collection the *spec* (what a client PUTs) and the
 * *object* (what the store keeps and answers), declared once. The same schemas validate REST bodies
 * and documents and are shown by OpenAPI. A description is also the sentence that an error gives as
 * "what would be right": write it so that it follows "expected".
 *
 * Neighbours: validate.ts turns a mismatch into problems, collections.ts says where a collection
 * lives and what it refers to, resolve.ts makes the object out of the spec, check.ts holds what one
 * schema cannot see.
 */
import { type Static, type TSchema, Type } from 'typebox'

/**
 * Bytes that VXLAN over IPv4 puts around a frame's payload: Ethernet 14, IPv4 20, UDP 8, VXLAN 8.
 */
export const vxlanOverheadBytes = 50
/** 24 bits; 0 is Weft's own (path probes). RFC 7348 §5. */
export const vniRange = { first: 1, last: 0xffffff } as const
/**
 * A VNI that the client leaves out is taken from here, so that numbers people like to type stay
 * theirs.
 */
export const vniPool = { first: 10_001, last: 0xffffff } as const

export const idPattern = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'
const octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'

export const idRule = '1 to 63 lower-case letters, digits and inner hyphens'
export const Id = Type.String({ pattern: idPattern, description: idRule })
export const Uuid = Type.String({ pattern: '^[0-9a-f-]{36}$', description: 'a UUID in lower case' })
export const Mac = Type.String({
  pattern: '^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$',
  description: "a unicast MAC address such as '02:00:00:00:00:11'",
})
export const Ipv4 = Type.String({
  format: 'ipv4',
  pattern: `^${octet}(\\.${octet}){3}$`,
  description: 'an IPv4 address such as 10.0.0.11',
})
export const Ipv4Cidr = Type.String({
  format: 'ipv4-cidr',
  pattern: `^${octet}(\\.${octet}){3}/([89]|[12][0-9]|30)$`,
  description: 'an IPv4 range with a prefix of 8 to 30 bits, such as 10.0.0.0/24',
})
const Revision = Type.Integer({ minimum: 1, description: 'the revision of the last change to it' })
const Number32 = Type.Integer({
  minimum: 1,
  maximum: 0xffffffff,
  description: 'a number given by the store, never given twice',
})
/** Port numbers of br-int above this one are Weft's own: the tunnel is 65000 on every host. */
export const lastWorkloadOfport = 64_999
const Ofport = Type.Integer({
  minimum: 1,
  maximum: lastWorkloadOfport,
  description: 'an OpenFlow port number of the host, 1 to 64999',
})

const strict = { additionalProperties: false } as const

// Tenant and what it makes ------------------------------------------------------------------------

export const TenantSpec = Type.Object({}, { ...strict, title: 'TenantSpec' })
export const Tenant = Type.Object(
  { id: Id, uuid: Uuid, revision: Revision },
  { ...strict, title: 'Tenant' },
)

const networkFields = {
  type: Type.Literal('vxlan', { description: "'vxlan', the only type so far; left out, vxlan" }),
  vni: Type.Integer({
    minimum: vniRange.first,
    maximum: vniRange.last,
    description: 'a VXLAN network identifier, 1 to 16777215; left out, one is given',
  }),
  mtuBytes: Type.Integer({
    minimum: 576,
    maximum: 65_535 - vxlanOverheadBytes,
    description: 'the largest IP packet of a workload in bytes, 576 to 65485; left out, 1450',
  }),
}
export const NetworkSpec = Type.Object(
  {
    type: Type.Optional(networkFields.type),
    vni: Type.Optional(networkFields.vni),
    mtuBytes: Type.Optional(networkFields.mtuBytes),
  },
  { ...strict, title: 'NetworkSpec' },
)
export const Network = Type.Object(
  { tenant: Id, id: Id, uuid: Uuid, number: Number32, ...networkFields, revision: Revision },
  { ...strict, title: 'Network' },
)

const networkOfTenant = Type.String({
  pattern: idPattern,
  description: 'the id of a network of the same tenant',
})
export const SubnetSpec = Type.Object(
  { network: networkOfTenant, cidr: Ipv4Cidr },
  { ...strict, title: 'SubnetSpec' },
)
export const Subnet = Type.Object(
  { tenant: Id, id: Id, uuid: Uuid, network: Id, cidr: Ipv4Cidr, revision: Revision },
  { ...strict, title: 'Subnet' },
)

const Addresses = Type.Array(Ipv4, {
  maxItems: 16,
  uniqueItems: true,
  description: 'at most 16 different addresses, each in a subnet of the network',
})
const hostOfPort = Type.String({
  pattern: idPattern,
  description: 'the id of the host that the port is bound to by declaration',
})
export const PortSpec = Type.Object(
  {
    network: networkOfTenant,
    mac: Type.Optional(Mac),
    addresses: Type.Optional(Addresses),
    hostId: Type.Optional(hostOfPort),
    ofport: Type.Optional(Ofport),
  },
  { ...strict, title: 'PortSpec' },
)
export const Port = Type.Object(
  {
    tenant: Id,
    id: Id,
    uuid: Uuid,
    number: Number32,
    network: Id,
    mac: Mac,
    addresses: Addresses,
    hostId: Type.Optional(hostOfPort),
    ofport: Type.Optional(Ofport),
    revision: Revision,
  },
  { ...strict, title: 'Port' },
)

// What the operator declares ----------------------------------------------------------------------

const hostFields = {
  kind: Type.Literal('ovs', { description: "'ovs', the only kind so far; left out, ovs" }),
  systemId: Type.String({
    pattern: '^[A-Za-z0-9._:-]{1,128}$',
    description:
      "what the host's Open_vSwitch external_ids:system-id says: 1 to 128 letters, digits, '.', '_', ':' and '-'; left out, the host's id",
  }),
  vtepAddress: Ipv4,
  underlayMtuBytes: Type.Integer({
    minimum: 576 + vxlanOverheadBytes,
    maximum: 65_535,
    description:
      'the MTU of the NIC that carries the tunnels in bytes, 626 to 65535; left out, 1500',
  }),
  certificateFingerprint: Type.String({
    pattern: '^[0-9a-fA-F]{2}(:?[0-9a-fA-F]{2}){31}$',
    description:
      "the SHA-256 of the host's TLS certificate, 64 hexadecimal digits (colons may stand between bytes); left out, the certificate names the host itself",
  }),
}
export const HostSpec = Type.Object(
  {
    kind: Type.Optional(hostFields.kind),
    systemId: Type.Optional(hostFields.systemId),
    vtepAddress: hostFields.vtepAddress,
    underlayMtuBytes: Type.Optional(hostFields.underlayMtuBytes),
    certificateFingerprint: Type.Optional(hostFields.certificateFingerprint),
  },
  { ...strict, title: 'HostSpec' },
)
export const Host = Type.Object(
  {
    id: Id,
    uuid: Uuid,
    ...hostFields,
    certificateFingerprint: Type.Optional(hostFields.certificateFingerprint),
    revision: Revision,
  },
  { ...strict, title: 'Host' },
)

const interfaceName = '[A-Za-z0-9][A-Za-z0-9._-]{0,14}'
const bridgeFields = {
  kind: Type.Literal('ovs', { description: "'ovs', the only kind so far; left out, ovs" }),
  uplinks: Type.Array(
    Type.String({
      pattern: `^${interfaceName}$`,
      description: 'an interface name, 1 to 15 characters',
    }),
    { maxItems: 64, uniqueItems: true, description: 'at most 64 different interface names' },
  ),
  mtuBytes: Type.Integer({ minimum: 576, maximum: 65_535, description: 'bytes, 576 to 65535' }),
}
export const BridgeSpec = Type.Object(
  {
    kind: Type.Optional(bridgeFields.kind),
    uplinks: Type.Optional(bridgeFields.uplinks),
    mtuBytes: Type.Optional(bridgeFields.mtuBytes),
  },
  { ...strict, title: 'BridgeSpec' },
)
export const Bridge = Type.Object(
  {
    host: Id,
    id: Id,
    uuid: Uuid,
    kind: bridgeFields.kind,
    uplinks: bridgeFields.uplinks,
    mtuBytes: Type.Optional(bridgeFields.mtuBytes),
    revision: Revision,
  },
  { ...strict, title: 'Bridge' },
)

// What hosts report -------------------------------------------------------------------------------

/**
 * A port seen on a host: an interface carries its uuid as iface-id. Key: the port's uuid. Not
 * writable over REST.
 */
export const BindingSpec = Type.Object(
  { hostId: Id, ofport: Ofport },
  { ...strict, title: 'BindingSpec' },
)
export const Binding = Type.Object(
  { port: Uuid, hostId: Id, ofport: Ofport, revision: Revision },
  { ...strict, title: 'Binding' },
)

/**
 * Spec and object schema of every collection; in the order in which one may refer to those before
 * it.
 */
export const schemas = {
  host: { spec: HostSpec, object: Host },
  bridge: { spec: BridgeSpec, object: Bridge },
  tenant: { spec: TenantSpec, object: Tenant },
  network: { spec: NetworkSpec, object: Network },
  subnet: { spec: SubnetSpec, object: Subnet },
  port: { spec: PortSpec, object: Port },
  binding: { spec: BindingSpec, object: Binding },
} as const satisfies Record<string, { spec: TSchema; object: TSchema }>

type Frozen<T> = { readonly [K in keyof T]: T[K] extends (infer U)[] ? readonly U[] : T[K] }

export type Tenant = Frozen<Static<typeof Tenant>>
export type Network = Frozen<Static<typeof Network>>
export type Subnet = Frozen<Static<typeof Subnet>>
export type Port = Frozen<Static<typeof Port>>
export type Host = Frozen<Static<typeof Host>>
export type Bridge = Frozen<Static<typeof Bridge>>
export type Binding = Frozen<Static<typeof Binding>>

export interface Specs {
  readonly host: Frozen<Static<typeof HostSpec>>
  readonly bridge: Frozen<Static<typeof BridgeSpec>>
  readonly tenant: Frozen<Static<typeof TenantSpec>>
  readonly network: Frozen<Static<typeof NetworkSpec>>
  readonly subnet: Frozen<Static<typeof SubnetSpec>>
  readonly port: Frozen<Static<typeof PortSpec>>
  readonly binding: Frozen<Static<typeof BindingSpec>>
}
export interface Objects {
  readonly host: Host
  readonly bridge: Bridge
  readonly tenant: Tenant
  readonly network: Network
  readonly subnet: Subnet
  readonly port: Port
  readonly binding: Binding
}
export type Collection = keyof typeof schemas & keyof Objects
/** The collections that a client may write; bindings come from hosts, through `Store.observe`. */
export type Declared = Exclude<Collection, 'binding'>

/**
 * One asked-for change; `spec: undefined` deletes. Keys: 'acme', 'acme/web', 'h1', 'h1/br-x'; of a
 * binding the port's uuid.
 */
export type Edit<C extends Collection = Collection> = C extends Collection
  ? { readonly collection: C; readonly key: string; readonly spec: Specs[C] | undefined }
  : never

export const collectionNames = Object.keys(schemas) as readonly Collection[]
