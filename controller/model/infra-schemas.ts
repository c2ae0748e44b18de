/**
 * Spec and object of what the operator declares (physical networks, hosts, bridges) and of what hosts
 * report (bindings). Neighbours: schema.ts has the types and says how to write a description;
 * tenant-schemas.ts has what tenants make.
 */
import { Type } from 'typebox'
import { overheadBytes } from './overhead.ts'
import {
  Id,
  idOf,
  interfaceName,
  ipAddress,
  labelled,
  Ofport,
  oneOf,
  optional,
  PhysicalNumber,
  PhysicalPort,
  Revision,
  strict,
  Uuid,
  vids,
  vnis,
} from './values.ts'

const physicalNetworkFields = {
  mtuBytes: Type.Integer({
    minimum: 576,
    maximum: 65_535,
    description:
      'the largest IP packet that it carries in bytes, an outermost VLAN tag not counted, 576 to 65535; left out, 1500',
  }),
  vids: vids(
    "at most 256 VIDs and ranges such as '100-199', which networks may use; left out, 1-4094",
  ),
}
export const PhysicalNetworkSpec = Type.Object(
  { ...optional(physicalNetworkFields).properties, ...labelled },
  { ...strict, title: 'PhysicalNetworkSpec' },
)
export const PhysicalNetwork = Type.Object(
  {
    id: Id,
    uuid: Uuid,
    number: PhysicalNumber,
    ...physicalNetworkFields,
    ...labelled,
    revision: Revision,
  },
  { ...strict, title: 'PhysicalNetwork' },
)

const vniPoolFields = {
  vnis: vnis(
    "at most 256 VNIs and ranges such as '20000-29999', which networks are given that say none; with pools they are given nothing else",
  ),
}
export const VniPoolSpec = Type.Object(
  { ...vniPoolFields, ...labelled },
  { ...strict, title: 'VniPoolSpec' },
)
export const VniPool = Type.Object(
  { id: Id, uuid: Uuid, ...vniPoolFields, ...labelled, revision: Revision },
  { ...strict, title: 'VniPool' },
)

const hostFields = {
  kind: oneOf(
    ['ovs', 'vtep'],
    "'ovs' (OpenFlow and the Open_vSwitch database) or 'vtep' (the hardware_vtep database); left out, ovs",
  ),
  systemId: Type.String({
    pattern: '^[A-Za-z0-9._:-]{1,128}$',
    description:
      "what the host's Open_vSwitch external_ids:system-id says, or of kind vtep the name of its Physical_Switch: 1 to 128 letters, digits, '.', '_', ':' and '-'; left out, the host's id",
  }),
  vtepAddress: ipAddress('an IPv4 or IPv6 address such as 192.0.2.11 or 2001:db8::11'),
  underlayMtuBytes: Type.Integer({
    minimum: 576 + overheadBytes({ family: 4 }),
    maximum: 65_535,
    description:
      'the MTU of the NIC that carries the tunnels in bytes, 626 to 65535; left out, 1500',
  }),
}
const hostExtras = {
  alternateVtepAddress: ipAddress(
    'the address of the other family, IPv4 or IPv6, of a host that has both',
  ),
  certificateFingerprint: Type.String({
    pattern: '^[0-9a-fA-F]{2}(:?[0-9a-fA-F]{2}){31}$',
    description:
      "the SHA-256 of the host's TLS certificate, 64 hexadecimal digits (colons may stand between bytes); left out, the certificate names the host itself",
  }),
  draining: Type.Boolean({
    description:
      'true: workloads are on their way to other hosts; those that are here go on, and the status lists them',
  }),
  adopt: Type.Boolean({
    description:
      "true: a br-int that somebody else has filled is Weft's from now on, and what is in it goes; see /v1/infra/hosts/{id}/adoption",
  }),
}
export const HostSpec = Type.Object(
  {
    ...optional(hostFields).properties,
    vtepAddress: hostFields.vtepAddress,
    ...optional(hostExtras).properties,
    ...labelled,
  },
  { ...strict, title: 'HostSpec' },
)
export const Host = Type.Object(
  {
    id: Id,
    uuid: Uuid,
    ...hostFields,
    ...optional(hostExtras).properties,
    ...labelled,
    revision: Revision,
  },
  { ...strict, title: 'Host' },
)

const bridgeFields = {
  kind: oneOf(
    ['ovs', 'linux'],
    "'ovs' on a host of kind ovs or 'linux' on a host of kind vtep; left out, what the host takes",
  ),
  uplinks: Type.Array(interfaceName, {
    maxItems: 64,
    uniqueItems: true,
    description:
      'at most 64 different interface names; several are one bond, of which one carries frames at a time (active-backup), and of kind linux there is one at most',
  }),
}
const bridgeExtras = {
  vids: vids(
    "at most 256 VIDs and ranges such as '100-199', which its uplinks carry tagged; left out, all",
  ),
  mtuBytes: Type.Integer({ minimum: 576, maximum: 65_535, description: 'bytes, 576 to 65535' }),
  physicalNetwork: idOf('the id of the physical network that its uplinks lead to'),
}
export const BridgeSpec = Type.Object(
  { ...optional(bridgeFields).properties, ...optional(bridgeExtras).properties, ...labelled },
  { ...strict, title: 'BridgeSpec' },
)
export const Bridge = Type.Object(
  {
    host: Id,
    id: Id,
    uuid: Uuid,
    ...bridgeFields,
    ...optional(bridgeExtras).properties,
    ...labelled,
    revision: Revision,
  },
  { ...strict, title: 'Bridge' },
)

// What hosts report -------------------------------------------------------------------------------

export const bindingAt = {
  ofport: Type.Optional(Ofport),
  interface: Type.Optional(PhysicalPort),
  vid: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 4094, description: 'a VID, or 0: untagged' }),
  ),
}
/**
 * A port seen on a host: an interface carries its uuid as iface-id. On a host of kind ovs it has an
 * `ofport`, on one of kind vtep `interface` and `vid`. Key: the port's uuid. Not writable over REST.
 */
export const BindingSpec = Type.Object(
  { hostId: Id, ...bindingAt },
  { ...strict, title: 'BindingSpec' },
)
export const BindingObject = Type.Object(
  { port: Uuid, hostId: Id, ...bindingAt, revision: Revision },
  { ...strict, title: 'Binding' },
)
