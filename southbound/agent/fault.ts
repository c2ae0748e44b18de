/**
 * What rows ask for and this host does not do: one row per reason, with its sentence and the value that
 * the schema has for it in the fault column of the row concerned (vtep(5); columns may hold others).
 * Neighbours: rows.ts and the back ends find them, report.ts writes them into the database.
 */

/** The row that a fault is about; a back end knows networks by VNI and ports by name. */
export type Subject =
  | { readonly kind: 'host' }
  | { readonly kind: 'network'; readonly uuid?: string; readonly vni?: number }
  | { readonly kind: 'port'; readonly name: string }
  | { readonly kind: 'acl'; readonly uuid: string }
  | { readonly kind: 'bridge'; readonly name: string }

export interface Fault {
  readonly code: FaultCode
  readonly subject: Subject
  /** What it was about: a value, an interface, what the kernel said. */
  readonly detail: string
}

/** code: [sentence, standard value of the fault column] */
export const faults = {
  vtep_address_missing: [
    'Physical_Switch tunnel_ips names no address of this host',
    'tunnel_exhaustion',
  ],
  bridge_netfilter: [
    'bridged IPv4 and IPv6 passes the ip tables of this host: sysctl net.bridge.bridge-nf-call-*=0',
    'unspecified_fault',
  ],
  kernel_refused: ['the kernel refused', 'unspecified_fault'],
  tunnel_key_missing: ['Logical_Switch has no tunnel_key', 'unspecified_fault'],
  number_invalid: ['weft-number is no number from 1 to 2097151', 'unspecified_fault'],
  tunnel_key_invalid: ['tunnel_key is no VNI (1 to 16777215)', 'unspecified_fault'],
  tunnel_key_taken: ['another Logical_Switch has this tunnel_key', 'unspecified_fault'],
  mtu_invalid: ['weft-mtu is no size in bytes (68 to 65535)', 'unspecified_fault'],
  name_taken: ['a device of that name is not ours', 'unspecified_fault'],
  service_node_unsupported: ['only replication_mode source_node is served', 'unspecified_fault'],
  mac_invalid: ['a row has a MAC that is none', 'unspecified_fault'],
  address_invalid: ['a row has an ipaddr that is none', 'unspecified_fault'],
  locator_invalid: [
    'a Physical_Locator has a dst_ip that no VTEP of ours can reach',
    'unspecified_fault',
  ],
  locator_key_unsupported: ['a Physical_Locator has a tunnel_key of its own', 'unspecified_fault'],
  locator_conflict: ['a MAC is behind two locators; the lower one is used', 'unspecified_fault'],
  interface_missing: ['there is no such interface on this host', 'unspecified_fault'],
  interface_taken: ['the interface belongs to another bridge', 'invalid_vlan_map'],
  vlan_unsupported: ['VLAN bindings need 8021q, which this kernel lacks', 'invalid_vlan_map'],
  vlan_invalid: ['VID 4095 is reserved', 'invalid_vlan_map'],
  acl_unbound: ['acl_bindings has a VLAN that vlan_bindings lacks', 'invalid_ACL_binding'],
  anti_spoofing_unenforced: ['ACLs need nftables with the bridge family', 'invalid_ACL_binding'],
  acl_entry_invalid: ['this combination of fields cannot be matched', 'invalid_acl_entry'],
  bridge_invalid: ['the key asks for no bridge that can be', ''],
  bridge_taken: ['a device of that name exists, and the agent has not made it', ''],
  bridge_missing: ['the host has no bridge of its own with the name that it offers', ''],
  bridge_mtu_too_small: ['the bridge carries less than the network needs', 'unspecified_fault'],
  uplink_missing: ['there is no interface of the name of an uplink', ''],
  uplink_taken: ['an uplink has an address, or belongs to another bridge', ''],
  uplinks_loop: ['a Linux bridge with two uplinks is a loop; the first is used', ''],
  fdb_overfull: [
    'an interface taught its network more MACs than are kept; they are forgotten',
    'unspecified_fault',
  ],
  local_macs_overfull: [
    'more MACs are here than are reported as Ucast_Macs_Local',
    'mac_table_exhaustion',
  ],
  trunk_unenforced: ['the VIDs of a bridge need nftables with the bridge family', ''],
} as const satisfies Record<string, readonly [sentence: string, column: string]>

export type FaultCode = keyof typeof faults

/** As it stands in `other_config:weft-fault`: `code: detail`. */
export function formatFault({ code, detail }: Fault): string {
  return detail === '' ? code : `${code}: ${detail}`
}
