/**
 * The hardware_vtep database, version 1.7.0: what a host of kind `vtep` is configured by.
 *
 * Tables, columns, constraints and defaults are those that Open vSwitch 3.1 documents in vtep(5); a
 * test holds this declaration against an installed vtep.ovsschema. Neighbours: open-vswitch.ts.
 */
import type { Row } from '../schema.ts'
import {
  boolean,
  choice,
  database,
  ephemeral,
  immutable,
  integer,
  map,
  one,
  optional,
  ref,
  set,
  string,
  table,
} from '../schema.ts'

const text = one(string())
const maybeText = optional(string())
const number = one(integer())
const maybeNumber = optional(integer())
const texts = set(string())
const settings = map(string(), string())
const status = ephemeral(map(string(), string()))
const faults = ephemeral(set(string()))
const counter = ephemeral(number)
const vid = integer(0, 4095)
const root = { isRoot: true } as const

/** A MAC of a logical switch behind one VTEP. */
const ucastMacs = table(
  {
    MAC: text,
    logical_switch: one(ref('Logical_Switch')),
    locator: one(ref('Physical_Locator')),
    ipaddr: text,
  },
  root,
)

/** A group MAC, or `unknown-dst`, of a logical switch behind several VTEPs. */
const mcastMacs = table(
  {
    MAC: text,
    logical_switch: one(ref('Logical_Switch')),
    locator_set: one(ref('Physical_Locator_Set')),
    ipaddr: text,
  },
  root,
)

const arpSources = table({ src_mac: text, locator: one(ref('Physical_Locator')) }, root)

export const hardwareVtep = database(
  'hardware_vtep',
  '1.7.0',
  {
    Global: table(
      {
        managers: set(ref('Manager')),
        switches: set(ref('Physical_Switch')),
        other_config: settings,
      },
      { isRoot: true, maxRows: 1 },
    ),
    Physical_Switch: table(
      {
        ports: set(ref('Physical_Port')),
        name: text,
        description: text,
        management_ips: texts,
        tunnel_ips: texts,
        tunnels: set(ref('Tunnel')),
        other_config: settings,
        switch_fault_status: faults,
      },
      { indexes: [['name']] },
    ),
    Physical_Port: table({
      name: text,
      description: text,
      vlan_bindings: map(vid, ref('Logical_Switch')),
      acl_bindings: map(vid, ref('ACL')),
      vlan_stats: ephemeral(map(vid, ref('Logical_Binding_Stats'))),
      other_config: settings,
      port_fault_status: faults,
    }),
    Tunnel: table({
      local: one(ref('Physical_Locator')),
      remote: one(ref('Physical_Locator')),
      bfd_config_local: settings,
      bfd_config_remote: settings,
      bfd_params: settings,
      bfd_status: status,
    }),
    Logical_Binding_Stats: table({
      bytes_from_local: counter,
      packets_from_local: counter,
      bytes_to_local: counter,
      packets_to_local: counter,
    }),
    Logical_Switch: table(
      {
        name: text,
        description: text,
        tunnel_key: maybeNumber,
        replication_mode: optional(choice('service_node', 'source_node')),
        other_config: settings,
      },
      { isRoot: true, indexes: [['name']] },
    ),
    Ucast_Macs_Local: ucastMacs,
    Ucast_Macs_Remote: ucastMacs,
    Mcast_Macs_Local: mcastMacs,
    Mcast_Macs_Remote: mcastMacs,
    Logical_Router: table(
      {
        name: text,
        description: text,
        switch_binding: map(string(), ref('Logical_Switch')),
        static_routes: map(string(), string()),
        acl_binding: map(string(), ref('ACL')),
        other_config: settings,
        LR_fault_status: faults,
      },
      { isRoot: true, indexes: [['name']] },
    ),
    Arp_Sources_Local: arpSources,
    Arp_Sources_Remote: arpSources,
    Physical_Locator_Set: table({
      locators: immutable(set(ref('Physical_Locator'), { min: 1 })),
    }),
    Physical_Locator: table(
      {
        encapsulation_type: immutable(one(choice('vxlan_over_ipv4'))),
        dst_ip: immutable(text),
        tunnel_key: maybeNumber,
      },
      { indexes: [['encapsulation_type', 'dst_ip', 'tunnel_key']] },
    ),
    ACL_entry: table(
      {
        sequence: number,
        source_mac: maybeText,
        dest_mac: maybeText,
        ethertype: maybeText,
        source_ip: maybeText,
        source_mask: maybeText,
        dest_ip: maybeText,
        dest_mask: maybeText,
        protocol: maybeNumber,
        source_port_min: maybeNumber,
        source_port_max: maybeNumber,
        dest_port_min: maybeNumber,
        dest_port_max: maybeNumber,
        tcp_flags: maybeNumber,
        tcp_flags_mask: maybeNumber,
        icmp_code: maybeNumber,
        icmp_type: maybeNumber,
        direction: one(choice('ingress', 'egress')),
        action: one(choice('permit', 'deny')),
        acle_fault_status: faults,
      },
      root,
    ),
    ACL: table(
      {
        acl_entries: set(ref('ACL_entry'), { min: 1 }),
        acl_name: text,
        acl_fault_status: faults,
      },
      { isRoot: true, indexes: [['acl_name']] },
    ),
    Manager: table(
      {
        target: text,
        max_backoff: optional(integer(1000)),
        inactivity_probe: maybeNumber,
        other_config: settings,
        is_connected: ephemeral(one(boolean())),
        status,
      },
      { indexes: [['target']] },
    ),
  },
  '353943336 11434',
)

export type HardwareVtep = typeof hardwareVtep

/** A row of a table, decoded; `_uuid` and all columns. */
export type VtepRow<T extends keyof HardwareVtep['tables']> = Row<HardwareVtep, T>
