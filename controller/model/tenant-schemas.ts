/**
 * Spec and object of what tenants make: tenants, networks, subnets, ports. Neighbours: schema.ts has the
 * types and says how to write a description; infra-schemas.ts has what the operator declares.
 *
 * What belongs to one type of network or one way to bind a port only is optional here, and
 * resolve-network.ts and rules-port.ts say of a wrong one where it belongs: a union of schemas could
 * only say that none of them fits.
 */
import { Type } from 'typebox'
import { overheadBytes } from './overhead.ts'
import {
  addressRanges,
  Cidr,
  GuestAddress,
  Id,
  idOf,
  labelled,
  Mac,
  Number32,
  Ofport,
  oneOf,
  optional,
  PhysicalPort,
  Revision,
  strict,
  Uuid,
  vid,
  vniRange,
} from './values.ts'

const most = (things: string) =>
  Type.Integer({ minimum: 0, maximum: 0xffffffff, description: `how many ${things} it may have` })
const quota = {
  quota: Type.Optional(
    Type.Partial(
      Type.Object({ networks: most('networks'), subnets: most('subnets'), ports: most('ports') }),
      { ...strict, description: 'how much it may have; left out, as much as it likes' },
    ),
  ),
}
export const TenantSpec = Type.Object({ ...quota, ...labelled }, { ...strict, title: 'TenantSpec' })
export const Tenant = Type.Object(
  { id: Id, uuid: Uuid, ...quota, ...labelled, revision: Revision },
  { ...strict, title: 'Tenant' },
)

const physicalNetworkOf = idOf('the id of a physical network')
export const Extension = Type.Object(
  {
    physicalNetwork: physicalNetworkOf,
    vid: Type.Optional(vid('the VID of the physical network, 1 to 4094; left out, untagged')),
    hostId: idOf('the id of the host of kind ovs that joins VNI and VLAN'),
  },
  {
    ...strict,
    description:
      'makes a network of type vxlan one broadcast domain with a VLAN of a physical network, joined at one host',
  },
)
const networkFields = {
  type: oneOf(
    ['vxlan', 'vlan', 'flat'],
    "'vxlan' (a VNI between hosts), 'vlan' (a VID of a physical network) or 'flat' (a physical network, untagged); left out, vxlan",
  ),
  mtuBytes: Type.Integer({
    minimum: 576,
    maximum: 65_535 - overheadBytes({ family: 4 }),
    description:
      'the largest IP packet of a workload in bytes, 576 to 65485; left out, what crosses an underlay of 1500 bytes and the physical network',
  }),
}
export const segmentFields = {
  vni: Type.Integer({
    minimum: vniRange.first,
    maximum: vniRange.last,
    description: 'a VXLAN network identifier, 1 to 16777215, of type vxlan; left out, one is given',
  }),
  physicalNetwork: idOf('the id of a physical network, of types vlan and flat'),
  vid: vid('a VID of the physical network, 1 to 4094, of type vlan; left out, one is given'),
  vlanTransparent: Type.Union([Type.Boolean(), Type.Literal('qinq')], {
    description:
      "true (workloads may send one VLAN tag), 'qinq' (two) or false, of type vxlan; left out, false",
  }),
  extension: Extension,
}
export const NetworkSpec = Type.Object(
  { ...optional(networkFields).properties, ...optional(segmentFields).properties, ...labelled },
  { ...strict, title: 'NetworkSpec' },
)
export const NetworkObject = Type.Object(
  {
    tenant: Id,
    id: Id,
    uuid: Uuid,
    number: Number32,
    ...networkFields,
    ...optional(segmentFields).properties,
    ...labelled,
    revision: Revision,
  },
  { ...strict, title: 'Network' },
)

const networkOfTenant = idOf('the id of a network of the same tenant')
const poolFields = {
  allocation: oneOf(
    ['pool', 'eui64', 'fixed'],
    "how a port that names no addresses gets one here: 'pool' (the next that is free), 'eui64' (from its MAC, in an IPv6 /64) or 'fixed' (it gets none); left out, pool",
  ),
  allocationRanges: addressRanges(
    "at most 64 addresses and ranges such as '10.0.0.100-10.0.0.199', which the pool gives; left out, all but the first address, a gateway's",
  ),
  reserved: addressRanges(
    "at most 64 addresses and ranges such as '10.0.0.1' or '10.0.0.10-10.0.0.20', which no port has",
  ),
}
export const SubnetSpec = Type.Object(
  { network: networkOfTenant, cidr: Cidr, ...optional(poolFields).properties, ...labelled },
  { ...strict, title: 'SubnetSpec' },
)
export const Subnet = Type.Object(
  {
    tenant: Id,
    id: Id,
    uuid: Uuid,
    network: Id,
    cidr: Cidr,
    ...optional(poolFields).properties,
    ...labelled,
    revision: Revision,
  },
  { ...strict, title: 'Subnet' },
)

const Addresses = Type.Array(GuestAddress, {
  maxItems: 16,
  uniqueItems: true,
  description: 'at most 16 different addresses, each in a subnet of the network',
})
const bindingFields = {
  hostId: idOf('the id of the host that the port is bound to by declaration'),
  ofport: Ofport,
  interface: PhysicalPort,
  parent: idOf('the id of a port of the same tenant: the trunk that this port is a sub-port of'),
  vid: vid(
    'the VID of its frames on the interface or inside the guest behind the parent, 1 to 4094',
  ),
}
export const PortSpec = Type.Object(
  {
    network: networkOfTenant,
    mac: Type.Optional(Mac),
    addresses: Type.Optional(Addresses),
    ...optional(bindingFields).properties,
    ...labelled,
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
    ...optional(bindingFields).properties,
    ...labelled,
    revision: Revision,
  },
  { ...strict, title: 'Port' },
)
