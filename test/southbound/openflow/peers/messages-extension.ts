/**
 * An example of every message of the extensions: bundles, the flow monitor, Open vSwitch’s own.
 * Neighbours: example.ts, messages.ts.
 */
import { encodeGroup } from '../../../../southbound/openflow/group.ts'
import { encodeMatch } from '../../../../southbound/openflow/match.ts'
import { encode, groupMod } from '../../../../southbound/openflow/message.ts'
import { base64, bytes, type Example, frame, nothing } from './example.ts'

const NO_CLASS = 'has no class for it'
const inner = encode({
  xid: 5,
  ...groupMod('delete', encodeGroup({ group_id: 7, group_type: 0, buckets: [] })),
})
const packetIn2 = [
  { kind: 'packet', packet: bytes(frame) },
  { kind: 'full_len', full_len: 64 },
  { kind: 'buffer_id', buffer_id: 0x114 },
  { kind: 'table_id', table_id: 7 },
  { kind: 'cookie', cookie: 0xfedcba98n },
  { kind: 'reason', reason: 1 },
  { kind: 'metadata', metadata: encodeMatch({ in_port: 1, reg0: 0x5a }) },
  { kind: 'userdata', userdata: bytes('0102030405') },
] as const
const packetIn2Text = [
  'table_id=7 cookie=0xfedcba98 total_len=64 reg0=0x5a,in_port=1 (via action) data_len=16 buffer=0x00000114',
  'userdata=01.02.03.04.05',
]
/** An IPv4 address in IPv6. */
const mapped = (hex: string) => bytes(`00000000000000000000ffff${hex}`)
const map = { option_class: 0xffff, option_type: 3, option_len: 4, index: 2 }

export const extensionExamples: Readonly<Record<string, readonly Example[]>> = {
  bundle_control: [
    {
      message: {
        type: 'bundle_control',
        bundle_id: 8,
        control_type: 4,
        flags: 3,
        properties: nothing,
      },
      prints: ['ONFT_BUNDLE_CONTROL', 'bundle_id=0x8 type=COMMIT_REQUEST flags=atomic ordered'],
      osKen: { ONFBundleCtrlMsg: { bundle_id: 8, type: 4, flags: 3, properties: [] } },
      way: 'writes',
    },
  ],
  bundle_add: [
    {
      message: { type: 'bundle_add', bundle_id: 8, flags: 3, message: inner, properties: nothing },
      prints: [
        'ONFT_BUNDLE_ADD_MESSAGE',
        'bundle_id=0x8 flags=atomic ordered',
        'OFPT_GROUP_MOD (OF1.3) (xid=0x5)',
        'DEL group_id=7',
      ],
      osKen: 'takes a message object, which its JSON form has not',
      way: 'writes',
    },
  ],
  flow_monitor_cancel: [
    {
      message: { type: 'flow_monitor_cancel', id: 17 },
      prints: ['ONFT_FLOW_MONITOR_CANCEL', 'id=17'],
      osKen: NO_CLASS,
      way: 'writes',
    },
  ],
  flow_monitor_paused: [
    {
      message: { type: 'flow_monitor_paused' },
      prints: ['ONFT_FLOW_MONITOR_PAUSED'],
      osKen: NO_CLASS,
      way: 'reads',
    },
  ],
  flow_monitor_resumed: [
    {
      message: { type: 'flow_monitor_resumed' },
      prints: ['ONFT_FLOW_MONITOR_RESUMED'],
      osKen: NO_CLASS,
      way: 'reads',
    },
  ],
  flow_mod_table_id: [
    {
      message: { type: 'flow_mod_table_id', set: 1 },
      prints: ['NXT_FLOW_MOD_TABLE_ID', 'enable'],
      osKen: NO_CLASS,
      way: 'writes',
    },
  ],
  set_packet_in_format: [
    {
      message: { type: 'set_packet_in_format', format: 2 },
      prints: ['NXT_SET_PACKET_IN_FORMAT', 'format=nxt_packet_in2'],
      osKen: { NXTSetPacketInFormatMsg: { packet_in_format: 2 } },
      way: 'writes',
    },
  ],
  set_controller_id: [
    {
      message: { type: 'set_controller_id', controller_id: 123 },
      prints: ['NXT_SET_CONTROLLER_ID', 'id=123'],
      osKen: NO_CLASS,
      way: 'writes',
    },
  ],
  tlv_table_mod: [
    {
      message: { type: 'tlv_table_mod', command: 0, maps: [map] },
      prints: ['NXT_TLV_TABLE_MOD', 'ADD mapping table:', ' 0xffff   0x3       4  tun_metadata2'],
      osKen: NO_CLASS,
      way: 'writes',
    },
  ],
  tlv_table_request: [
    {
      message: { type: 'tlv_table_request' },
      prints: ['NXT_TLV_TABLE_REQUEST'],
      osKen: NO_CLASS,
      way: 'writes',
    },
  ],
  tlv_table_reply: [
    {
      message: { type: 'tlv_table_reply', max_option_space: 256, max_fields: 64, maps: [map] },
      prints: [
        'NXT_TLV_TABLE_REPLY',
        'max option space=256 max fields=64',
        ' 0xffff   0x3       4  tun_metadata2',
      ],
      osKen: NO_CLASS,
      way: 'reads',
    },
  ],
  set_async2: [
    {
      message: {
        type: 'set_async2',
        properties: [
          { kind: 'packet_in_slave', mask: 0 },
          { kind: 'packet_in_master', mask: 7 },
          { kind: 'port_status_slave', mask: 7 },
          { kind: 'port_status_master', mask: 7 },
          { kind: 'flow_removed_slave', mask: 0 },
          { kind: 'flow_removed_master', mask: 15 },
        ],
      },
      prints: [
        'NXT_SET_ASYNC_CONFIG2',
        'PACKET_IN: no_match action invalid_ttl',
        'FLOW_REMOVED: idle hard delete group_delete',
      ],
      osKen: NO_CLASS,
      way: 'writes',
    },
  ],
  resume: [
    {
      message: {
        type: 'resume',
        properties: [...packetIn2, { kind: 'continuation', continuation: bytes('00000000') }],
      },
      prints: ['NXT_RESUME', ...packetIn2Text],
      osKen: NO_CLASS,
      way: 'writes',
    },
  ],
  ct_flush: [
    {
      message: {
        type: 'ct_flush',
        ip_proto: 6,
        properties: [
          {
            kind: 'orig',
            tuple: [
              { kind: 'ct_src', address: mapped('0a000001') },
              { kind: 'ct_dst', address: mapped('0a000002') },
              { kind: 'src_port', port: 1 },
              { kind: 'dst_port', port: 2 },
            ],
          },
          { kind: 'reply', tuple: [{ kind: 'ct_src', address: mapped('0a000003') }] },
          { kind: 'zone', zone_id: 7 },
        ],
      },
      prints: [
        'NXT_CT_FLUSH',
        "zone=7 'ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_tp_src=1,ct_tp_dst=2,ct_nw_proto=6' 'ct_nw_src=10.0.0.3,",
      ],
      osKen: NO_CLASS,
      way: 'writes',
    },
  ],
  ct_flush_zone: [
    {
      message: { type: 'ct_flush_zone', zone_id: 13 },
      prints: ['NXT_CT_FLUSH_ZONE', 'zone_id=13'],
      osKen: NO_CLASS,
      way: 'writes',
    },
  ],
  packet_in2: [
    {
      message: { type: 'packet_in2', properties: packetIn2 },
      prints: ['NXT_PACKET_IN2', ...packetIn2Text],
      osKen: {
        NXTPacketIn2: {
          properties: [
            { NXTPacketIn2PropPacket: { data: base64(frame) } },
            { NXTPacketIn2PropFullLen: { data: base64('00000040') } },
            { NXTPacketIn2PropBufferId: { data: base64('00000114') } },
            { NXTPacketIn2PropTableId: { data: base64('07000000') } },
            { NXTPacketIn2PropCookie: { data: base64('0000000000000000fedcba98') } },
            { NXTPacketIn2PropReason: { data: base64('01000000') } },
            {
              NXTPacketIn2PropMetadata: {
                data: base64('80000004000000010001 00040000005a'.replace(' ', '')),
              },
            },
            { NXTPacketIn2PropUserData: { data: base64('0102030405') } },
          ],
        },
      },
      way: 'reads',
    },
  ],
}
