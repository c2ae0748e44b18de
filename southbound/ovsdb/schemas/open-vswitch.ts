/**
 * The Open_vSwitch database, version 8.3.1: what a host of kind `ovs` is configured by.
 *
 * Tables, columns, constraints and defaults are those that Open vSwitch 3.1 documents in
 * ovs-vswitchd.conf.db(5); a test holds this declaration against an installed vswitch.ovsschema.
 */
import type { Row } from '../schema.ts'
import {
  boolean,
  choice,
  database,
  ephemeral,
  immutable,
  integer,
  integer64,
  map,
  one,
  optional,
  ref,
  set,
  string,
  table,
  weak,
} from '../schema.ts'

const U32 = 4294967295
const text = one(string())
const flag = one(boolean())
const number = one(integer())
const maybeText = optional(string())
const maybeNumber = optional(integer())
const texts = set(string())
const settings = map(string(), string())
const status = ephemeral(map(string(), string()))
const statistics = ephemeral(map(string(), integer64()))
const vlan = integer(0, 4095)
const vlans = set(vlan, { max: 4096 })
const upDown = ephemeral(optional(choice('up', 'down')))
const rate = one(integer(0))

export const openVSwitch = database(
  'Open_vSwitch',
  '8.3.1',
  {
    Open_vSwitch: table(
      {
        datapaths: map(string(), ref('Datapath')),
        bridges: set(ref('Bridge')),
        manager_options: set(ref('Manager')),
        ssl: optional(ref('SSL')),
        other_config: settings,
        external_ids: settings,
        next_cfg: number,
        cur_cfg: number,
        statistics: status,
        ovs_version: maybeText,
        db_version: maybeText,
        system_type: maybeText,
        system_version: maybeText,
        datapath_types: texts,
        iface_types: texts,
        dpdk_initialized: flag,
        dpdk_version: maybeText,
      },
      { isRoot: true, maxRows: 1 },
    ),
    Bridge: table(
      {
        name: immutable(text),
        datapath_type: text,
        datapath_version: text,
        datapath_id: ephemeral(maybeText),
        stp_enable: flag,
        rstp_enable: flag,
        mcast_snooping_enable: flag,
        ports: set(ref('Port')),
        mirrors: set(ref('Mirror')),
        netflow: optional(ref('NetFlow')),
        sflow: optional(ref('sFlow')),
        ipfix: optional(ref('IPFIX')),
        controller: set(ref('Controller')),
        protocols: set(
          choice(
            'OpenFlow10',
            'OpenFlow11',
            'OpenFlow12',
            'OpenFlow13',
            'OpenFlow14',
            'OpenFlow15',
          ),
        ),
        fail_mode: optional(choice('standalone', 'secure')),
        status,
        rstp_status: status,
        other_config: settings,
        external_ids: settings,
        flood_vlans: vlans,
        flow_tables: map(integer(0, 254), ref('Flow_Table')),
        auto_attach: optional(ref('AutoAttach')),
      },
      { indexes: [['name']] },
    ),
    Port: table(
      {
        name: immutable(text),
        interfaces: set(ref('Interface'), { min: 1 }),
        trunks: vlans,
        cvlans: vlans,
        tag: optional(vlan),
        vlan_mode: optional(
          choice('trunk', 'access', 'native-tagged', 'native-untagged', 'dot1q-tunnel'),
        ),
        qos: optional(ref('QoS')),
        mac: maybeText,
        bond_mode: optional(choice('balance-tcp', 'balance-slb', 'active-backup')),
        lacp: optional(choice('active', 'passive', 'off')),
        bond_updelay: number,
        bond_downdelay: number,
        bond_active_slave: maybeText,
        bond_fake_iface: flag,
        fake_bridge: flag,
        status,
        rstp_status: status,
        rstp_statistics: statistics,
        statistics,
        protected: flag,
        other_config: settings,
        external_ids: settings,
      },
      { indexes: [['name']] },
    ),
    Interface: table(
      {
        name: immutable(text),
        type: text,
        options: settings,
        ingress_policing_rate: rate,
        ingress_policing_burst: rate,
        ingress_policing_kpkts_rate: rate,
        ingress_policing_kpkts_burst: rate,
        mac_in_use: ephemeral(maybeText),
        mac: maybeText,
        ifindex: ephemeral(optional(integer(0, U32))),
        external_ids: settings,
        ofport: maybeNumber,
        ofport_request: optional(integer(1, 65279)),
        bfd: settings,
        bfd_status: status,
        cfm_mpid: maybeNumber,
        cfm_remote_mpids: ephemeral(set(integer())),
        cfm_flap_count: maybeNumber,
        cfm_fault: ephemeral(optional(boolean())),
        cfm_fault_status: ephemeral(texts),
        cfm_remote_opstate: upDown,
        cfm_health: ephemeral(optional(integer(0, 100))),
        lacp_current: ephemeral(optional(boolean())),
        lldp: settings,
        other_config: settings,
        statistics,
        status,
        admin_state: upDown,
        link_state: upDown,
        link_resets: ephemeral(maybeNumber),
        link_speed: ephemeral(maybeNumber),
        duplex: ephemeral(optional(choice('half', 'full'))),
        mtu: ephemeral(maybeNumber),
        mtu_request: optional(integer(1)),
        error: maybeText,
      },
      { indexes: [['name']] },
    ),
    Flow_Table: table({
      name: maybeText,
      flow_limit: optional(integer(0)),
      overflow_policy: optional(choice('refuse', 'evict')),
      groups: texts,
      prefixes: set(string(), { max: 3 }),
      external_ids: settings,
    }),
    QoS: table(
      {
        type: text,
        queues: map(integer(0, U32), ref('Queue')),
        other_config: settings,
        external_ids: settings,
      },
      { isRoot: true },
    ),
    Queue: table(
      { dscp: optional(integer(0, 63)), other_config: settings, external_ids: settings },
      { isRoot: true },
    ),
    Mirror: table({
      name: text,
      select_all: flag,
      select_src_port: set(weak('Port')),
      select_dst_port: set(weak('Port')),
      select_vlan: vlans,
      output_port: optional(weak('Port')),
      output_vlan: optional(integer(1, 4095)),
      snaplen: optional(integer(14, 65535)),
      statistics,
      external_ids: settings,
    }),
    NetFlow: table({
      targets: set(string(), { min: 1 }),
      engine_type: optional(integer(0, 255)),
      engine_id: optional(integer(0, 255)),
      add_id_to_interface: flag,
      active_timeout: one(integer(-1)),
      external_ids: settings,
    }),
    sFlow: table({
      targets: set(string(), { min: 1 }),
      sampling: maybeNumber,
      polling: maybeNumber,
      header: maybeNumber,
      agent: maybeText,
      external_ids: settings,
    }),
    IPFIX: table({
      targets: texts,
      sampling: optional(integer(1, U32)),
      obs_domain_id: optional(integer(0, U32)),
      obs_point_id: optional(integer(0, U32)),
      cache_active_timeout: optional(integer(0, 4200)),
      cache_max_flows: optional(integer(0, U32)),
      other_config: settings,
      external_ids: settings,
    }),
    Flow_Sample_Collector_Set: table(
      {
        id: one(integer(0, U32)),
        bridge: one(ref('Bridge')),
        ipfix: optional(ref('IPFIX')),
        external_ids: settings,
      },
      { isRoot: true, indexes: [['id', 'bridge']] },
    ),
    Controller: table({
      type: optional(choice('primary', 'service')),
      target: text,
      max_backoff: optional(integer(1000)),
      inactivity_probe: maybeNumber,
      connection_mode: optional(choice('in-band', 'out-of-band')),
      local_ip: maybeText,
      local_netmask: maybeText,
      local_gateway: maybeText,
      enable_async_messages: optional(boolean()),
      controller_queue_size: optional(integer(1, 512)),
      controller_rate_limit: optional(integer(100)),
      controller_burst_limit: optional(integer(25)),
      other_config: settings,
      external_ids: settings,
      is_connected: ephemeral(flag),
      role: ephemeral(optional(choice('other', 'master', 'slave'))),
      status,
    }),
    Manager: table(
      {
        target: text,
        max_backoff: optional(integer(1000)),
        inactivity_probe: maybeNumber,
        connection_mode: optional(choice('in-band', 'out-of-band')),
        other_config: settings,
        external_ids: settings,
        is_connected: ephemeral(flag),
        status,
      },
      { indexes: [['target']] },
    ),
    Datapath: table({
      datapath_version: text,
      ct_zones: map(integer(0, 65535), ref('CT_Zone')),
      capabilities: settings,
      external_ids: settings,
    }),
    CT_Zone: table({ timeout_policy: optional(ref('CT_Timeout_Policy')), external_ids: settings }),
    CT_Timeout_Policy: table({
      timeouts: map(
        choice(
          'tcp_syn_sent',
          'tcp_syn_recv',
          'tcp_established',
          'tcp_fin_wait',
          'tcp_close_wait',
          'tcp_last_ack',
          'tcp_time_wait',
          'tcp_close',
          'tcp_syn_sent2',
          'tcp_retransmit',
          'tcp_unack',
          'udp_first',
          'udp_single',
          'udp_multiple',
          'icmp_first',
          'icmp_reply',
        ),
        integer(0, U32),
      ),
      external_ids: settings,
    }),
    SSL: table(
      {
        private_key: text,
        certificate: text,
        ca_cert: text,
        bootstrap_ca_cert: flag,
        external_ids: settings,
      },
      { maxRows: 1 },
    ),
    AutoAttach: table({
      system_name: text,
      system_description: text,
      mappings: map(integer(0, 16777215), integer(0, 4095)),
    }),
  },
  '3012963480 26720',
)

/** The type of the declaration above. */
export type OpenVSwitch = typeof openVSwitch

/** A decoded row of one Open_vSwitch table: `RowOf<'Interface'>`. */
export type RowOf<T extends keyof OpenVSwitch['tables'] & string> = Row<OpenVSwitch, T>
