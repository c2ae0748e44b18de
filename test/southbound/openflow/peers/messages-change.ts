/**
 * An example of every message that changes a switch: flows, groups, ports, tables, queues, meters, packets.
 * Neighbours: example.ts, messages.ts.
 */
import { encodeGroup } from '../../../../southbound/openflow/group.ts'
import {
  base64,
  bytes,
  type Example,
  frame,
  instructions,
  instructionsOfOsKen,
  instructionsText,
  match,
  matchOfOsKen,
  matchText,
  nothing,
  osKenMatch,
} from './example.ts'

const ANY = 0xffffffff
const output = { kind: 'output', port: 2, max_len: 0 } as const
const outputOfOsKen = { OFPActionOutput: { port: 2, max_len: 0 } }
/** What is spelled alike in our message and in os-ken's. */
const packetOut = { buffer_id: ANY, in_port: 1 }
const added = {
  ...{ table_id: 5, command: 0, priority: 100, flags: 3 },
  ...{ idle_timeout: 30, hard_timeout: 60 },
  ...{ buffer_id: ANY, out_port: ANY, out_group: ANY },
}
const deleted = {
  ...{ table_id: 0xff, command: 3, priority: 0, flags: 0 },
  ...{ idle_timeout: 0, hard_timeout: 0 },
  ...{ buffer_id: ANY, out_port: 2, out_group: 3 },
}
const portMod = { port_no: 3, config: 1, mask: 33, advertise: 0x840 }

const groupExample = (group_type: number, name: string, weight: number, text: string): Example => {
  const bucket = { weight, watch_port: group_type === 3 ? 4 : ANY, watch_group: ANY }
  const buckets = [{ ...bucket, actions: [output] }]
  const bucketsOfOsKen = [{ OFPBucket: { ...bucket, actions: [outputOfOsKen] } }]
  return {
    message: {
      type: 'group_mod',
      command: 0,
      ...encodeGroup({ group_id: 7, group_type, buckets }),
    },
    prints: [`ADD group_id=7,type=${name},bucket=${text}actions=output:2`],
    osKen: { OFPGroupMod: { command: 0, type: group_type, group_id: 7, buckets: bucketsOfOsKen } },
    way: 'writes',
  }
}

export const changeExamples: Readonly<Record<string, readonly Example[]>> = {
  packet_out: [
    {
      message: {
        type: 'packet_out',
        ...packetOut,
        actions: [output],
        data: bytes(frame),
      },
      prints: ['OFPT_PACKET_OUT', 'in_port=1 actions=output:2 data_len=16'],
      osKen: {
        OFPPacketOut: {
          ...packetOut,
          actions: [outputOfOsKen],
          data: base64(frame),
        },
      },
      way: 'writes',
    },
  ],
  flow_mod: [
    {
      message: {
        type: 'flow_mod',
        ...added,
        cookie: 0x1234n,
        cookie_mask: 0n,
        match,
        instructions,
      },
      prints: [
        'OFPT_FLOW_MOD',
        `ADD table:5 priority=100,${matchText} cookie:0x1234 idle:30 hard:60 send_flow_rem check_overlap actions=${instructionsText}`,
      ],
      osKen: {
        OFPFlowMod: {
          ...added,
          cookie: 0x1234,
          cookie_mask: 0,
          match: matchOfOsKen,
          instructions: instructionsOfOsKen,
        },
      },
      way: 'both',
    },
    {
      message: {
        type: 'flow_mod',
        ...deleted,
        cookie: 0x1234n,
        cookie_mask: 0xffffn,
        match: nothing,
        instructions: nothing,
      },
      prints: ['DEL table:255', 'cookie:0x1234/0xffff', 'out_port:2'],
      osKen: {
        OFPFlowMod: {
          ...deleted,
          cookie: 0x1234,
          cookie_mask: 0xffff,
          match: osKenMatch(),
          instructions: [],
        },
      },
      way: 'both',
    },
  ],
  group_mod: [
    groupExample(0, 'all', 0, ''),
    groupExample(1, 'select', 5, 'weight:5,'),
    groupExample(2, 'indirect', 0, ''),
    groupExample(3, 'ff', 0, 'watch_port:4,'),
  ],
  port_mod: [
    {
      message: { type: 'port_mod', ...portMod, hw_addr: 0x020000000011 },
      prints: [
        'OFPT_PORT_MOD',
        'port: 3: addr:02:00:00:00:00:11',
        'config: PORT_DOWN',
        'mask:   PORT_DOWN NO_FWD',
        'advertise: 10GB-FD COPPER',
      ],
      osKen: { OFPPortMod: { ...portMod, hw_addr: '02:00:00:00:00:11' } },
      way: 'writes',
    },
  ],
  table_mod: [
    {
      message: { type: 'table_mod', table_id: 0xff, config: 0 },
      prints: ['OFPT_TABLE_MOD', 'table_id: ALL_TABLES'],
      osKen: { OFPTableMod: { table_id: 0xff, config: 0 } },
      way: 'writes',
    },
  ],
  queue_get_config_request: [
    {
      message: { type: 'queue_get_config_request', port: 3 },
      prints: ['OFPT_QUEUE_GET_CONFIG_REQUEST', 'port=3'],
      osKen: { OFPQueueGetConfigRequest: { port: 3 } },
      way: 'writes',
    },
  ],
  queue_get_config_reply: [
    {
      message: {
        type: 'queue_get_config_reply',
        port: 3,
        queues: [
          {
            queue_id: 77,
            port: 3,
            properties: [
              { kind: 'min_rate', rate: 250 },
              { kind: 'max_rate', rate: 500 },
            ],
          },
        ],
      },
      prints: ['OFPT_QUEUE_GET_CONFIG_REPLY', 'port=3', 'queue 77: min_rate:25.0% max_rate:50.0%'],
      osKen: {
        OFPQueueGetConfigReply: {
          port: 3,
          queues: [
            {
              OFPPacketQueue: {
                queue_id: 77,
                port: 3,
                properties: [
                  { OFPQueuePropMinRate: { rate: 250 } },
                  { OFPQueuePropMaxRate: { rate: 500 } },
                ],
              },
            },
          ],
        },
      },
      way: 'reads',
    },
    {
      message: {
        type: 'queue_get_config_reply',
        port: 3,
        queues: [
          {
            queue_id: 77,
            port: 3,
            properties: [
              { kind: 'experimenter', experimenter: 0xabcd, data: bytes('0102030405060708') },
            ],
          },
        ],
      },
      prints: ['OFPT_QUEUE_GET_CONFIG_REPLY', 'queue 77:'],
      osKen: {
        OFPQueueGetConfigReply: {
          port: 3,
          queues: [
            {
              OFPPacketQueue: {
                properties: [
                  {
                    OFPQueuePropExperimenter: {
                      experimenter: 0xabcd,
                      data: [1, 2, 3, 4, 5, 6, 7, 8],
                    },
                  },
                ],
              },
            },
          ],
        },
      },
      way: 'reads',
    },
  ],
  meter_mod: [
    {
      message: {
        type: 'meter_mod',
        command: 0,
        flags: 13,
        meter_id: 5,
        bands: [
          { kind: 'drop', rate: 1000, burst_size: 200 },
          { kind: 'dscp_remark', rate: 500, burst_size: 100, prec_level: 1 },
        ],
      },
      prints: [
        'OFPT_METER_MOD',
        'ADD meter=5 kbps burst stats bands=',
        'type=drop rate=1000 burst_size=200',
        'type=dscp_remark rate=500 burst_size=100 prec_level=1',
      ],
      osKen: {
        OFPMeterMod: {
          command: 0,
          flags: 13,
          meter_id: 5,
          bands: [
            { OFPMeterBandDrop: { rate: 1000, burst_size: 200 } },
            { OFPMeterBandDscpRemark: { rate: 500, burst_size: 100, prec_level: 1 } },
          ],
        },
      },
      way: 'writes',
    },
    {
      message: {
        type: 'meter_mod',
        command: 0,
        flags: 1,
        meter_id: 5,
        bands: [
          { kind: 'experimenter', rate: 10, burst_size: 0, experimenter: 0xabcd, data: nothing },
        ],
      },
      prints: ['OFPMMFC_BAD_BAND'],
      note: 'has no experimenters’ bands',
      osKen: {
        OFPMeterMod: {
          command: 0,
          flags: 1,
          meter_id: 5,
          bands: [{ OFPMeterBandExperimenter: { rate: 10, burst_size: 0, experimenter: 0xabcd } }],
        },
      },
      way: 'writes',
    },
  ],
}
