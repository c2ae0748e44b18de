import {
  base64,
  bytes,
  type Example,
  instructions,
  instructionsText,
  match,
  matchOfOsKen,
  matchText,
  reply,
  request,
} from './example.ts'

const NO_CLASS = 'has no class for it'
const ALL = 0xffffffff
const tableFeatures = {
  table_id: 1,
  name: 'acl',
  metadata_match: 0xffn,
  metadata_write: 0xf0n,
  config: 0,
  max_entries: 1000,
  properties: [
    { kind: 'instructions', ids: [{ kind: 'goto_table' }, { kind: 'apply_actions' }] },
    { kind: 'instructions_miss', ids: [{ kind: 'goto_table' }] },
    { kind: 'next_tables', tables: bytes('0203') },
    { kind: 'next_tables_miss', tables: bytes('02') },
    { kind: 'write_actions', ids: [{ kind: 'output' }, { kind: 'group' }] },
    { kind: 'write_actions_miss', ids: [{ kind: 'output' }] },
    { kind: 'apply_actions', ids: [{ kind: 'output' }, { kind: 'set_field' }] },
    { kind: 'apply_actions_miss', ids: [{ kind: 'output' }] },
    {
      kind: 'match',
      fields: [
        { field: 'in_port', masked: false },
        { field: 'eth_dst', masked: true },
      ],
    },
    { kind: 'wildcards', fields: [{ field: 'in_port', masked: false }] },
    { kind: 'write_setfield', fields: [{ field: 'eth_dst', masked: false }] },
    { kind: 'write_setfield_miss', fields: [{ field: 'eth_src', masked: false }] },
    { kind: 'apply_setfield', fields: [{ field: 'eth_dst', masked: false }] },
    { kind: 'apply_setfield_miss', fields: [{ field: 'eth_src', masked: false }] },
  ],
} as const
const oxmId = (type: string, hasmask: 0 | 1, length: number) => ({
  OFPOxmId: { type, hasmask, length },
})
const tableFeaturesOfOsKen = {
  OFPTableFeaturesStats: {
    table_id: 1,
    metadata_match: 0xff,
    metadata_write: 0xf0,
    config: 0,
    max_entries: 1000,
    properties: [
      ...[
        [0, [1, 4]],
        [1, [1]],
      ].map(([type, ids]) => ({
        OFPTableFeaturePropInstructions: {
          type,
          instruction_ids: (ids as number[]).map((id) => ({ OFPInstructionId: { type: id } })),
        },
      })),
      ...[
        [2, [2, 3]],
        [3, [2]],
      ].map(([type, table_ids]) => ({ OFPTableFeaturePropNextTables: { type, table_ids } })),
      ...[
        [4, [0, 22]],
        [5, [0]],
        [6, [0, 25]],
        [7, [0]],
      ].map(([type, ids]) => ({
        OFPTableFeaturePropActions: {
          type,
          action_ids: (ids as number[]).map((id) => ({ OFPActionId: { type: id } })),
        },
      })),
      ...[
        [8, [oxmId('in_port', 0, 4), oxmId('eth_dst', 1, 12)]],
        [10, [oxmId('in_port', 0, 4)]],
        [12, [oxmId('eth_dst', 0, 6)]],
        [13, [oxmId('eth_src', 0, 6)]],
        [14, [oxmId('eth_dst', 0, 6)]],
        [15, [oxmId('eth_src', 0, 6)]],
      ].map(([type, oxm_ids]) => ({ OFPTableFeaturePropOxm: { type, oxm_ids } })),
    ],
  },
}
const ipfix = {
  total_flows: 1n,
  current_flows: 2n,
  pkts: 3n,
  ipv4_pkts: 4n,
  ipv6_pkts: 5n,
  error_pkts: 6n,
  ipv4_error_pkts: 7n,
  ipv6_error_pkts: 8n,
  tx_pkts: 9n,
  tx_errors: 10n,
  collector_set_id: 0,
}

export const tableMultiparts: Readonly<Record<string, readonly Example[]>> = {
  table_features: [
    request({ kind: 'table_features', body: [] }, ['OFPST_TABLE_FEATURES request'], {
      OFPTableFeaturesStatsRequest: { flags: 0, body: [] },
    }),
    request(
      { kind: 'table_features', body: [tableFeatures] },
      ['OFPST_TABLE_FEATURES request'],
      'wants a table’s name in bytes, which its JSON form has not',
    ),
    reply(
      { kind: 'table_features', body: [tableFeatures] },
      [
        'OFPST_TABLE_FEATURES reply',
        'table 1 ("acl"):',
        'metadata: match=0xff write=0xf0',
        'max_entries=1000',
        'next tables: 2-3',
        'instructions: apply_actions goto_table',
        'supported on Set-Field: eth_dst',
        'in_port',
      ],
      { OFPTableFeaturesStatsReply: { body: [tableFeaturesOfOsKen] } },
    ),
  ],
  flow_monitor: [
    {
      ...request(
        {
          kind: 'flow_monitor',
          body: [{ id: 17, flags: 0x1f, out_port: ALL, table_id: 4, match }],
        },
        [
          'ONFST_FLOW_MONITOR request',
          'id=17 flags=initial,add,delete,modify,actions table=4',
          matchText,
        ],
        {
          ONFFlowMonitorStatsRequest: {
            flags: 0,
            body: [
              {
                ONFFlowMonitorRequest: {
                  id: 17,
                  flags: 0x1f,
                  out_port: ALL,
                  table_id: 4,
                  match: matchOfOsKen,
                },
              },
            ],
          },
        },
      ),
      fault: 'writes the match without its header',
    },
    reply(
      {
        kind: 'flow_monitor',
        body: [
          {
            event: 'added',
            reason: 0,
            priority: 100,
            idle_timeout: 30,
            hard_timeout: 60,
            table_id: 5,
            cookie: 0x1234n,
            match,
            instructions,
          },
          { event: 'abbrev', xid: 0x99 },
        ],
      },
      [
        'ONFST_FLOW_MONITOR reply',
        `event=ADDED table=5 idle_timeout=30 hard_timeout=60 cookie=0x1234 ${matchText} actions=${instructionsText}`,
        'event=ABBREV xid=0x99',
      ],
      NO_CLASS,
    ),
  ],
  ipfix_bridge: [
    request({ kind: 'ipfix_bridge', body: {} }, ['NXST_IPFIX_BRIDGE request'], NO_CLASS),
    reply(
      { kind: 'ipfix_bridge', body: ipfix },
      [
        'NXST_IPFIX_BRIDGE reply',
        'bridge ipfix: flows=1, current flows=2, sampled pkts=3',
        'tx pkts=9',
      ],
      NO_CLASS,
    ),
  ],
  ipfix_flow: [
    request({ kind: 'ipfix_flow', body: {} }, ['NXST_IPFIX_FLOW request'], NO_CLASS),
    reply(
      { kind: 'ipfix_flow', body: [{ ...ipfix, collector_set_id: 4 }] },
      ['NXST_IPFIX_FLOW reply', 'id   4: flows=1, current flows=2, sampled pkts=3'],
      NO_CLASS,
    ),
  ],
  experimenter: [
    {
      ...request(
        { kind: 'experimenter', experimenter: 0xabcd, exp_type: 5, body: bytes('01020304') },
        ['OFPBRC_BAD_VENDOR'],
        {
          OFPExperimenterStatsRequest: {
            flags: 0,
            experimenter: 0xabcd,
            exp_type: 5,
            data: base64('01020304'),
          },
        },
      ),
      note: 'knows no other experimenters',
    },
    {
      ...reply(
        { kind: 'experimenter', experimenter: 0xabcd, exp_type: 5, body: bytes('01020304') },
        ['OFPBRC_BAD_VENDOR'],
        {
          OFPExperimenterStatsReply: {
            body: {
              OFPExperimenterMultipart: {
                experimenter: 0xabcd,
                exp_type: 5,
                data: base64('01020304'),
              },
            },
          },
        },
      ),
      note: 'knows no other experimenters',
    },
  ],
}
