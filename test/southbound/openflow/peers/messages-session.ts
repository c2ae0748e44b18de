/**
 * An example of every message by which two ends know each other and a switch tells what happened.
 * Neighbours: example.ts, messages.ts.
 */
import { encodeMatch } from '../../../../southbound/openflow/match.ts'
import { encode } from '../../../../southbound/openflow/message.ts'
import {
  base64,
  bytes,
  type Example,
  frame,
  match,
  matchOfOsKen,
  matchText,
  osKenMatch,
  tlv,
} from './example.ts'

/** What is spelled alike in our message and in os-ken's. */
const features = { n_buffers: 256, n_tables: 254, auxiliary_id: 1, capabilities: 0x4f }
const packetIn = { buffer_id: 0x114, total_len: 64, reason: 1, table_id: 3 }
const flowRemoved = {
  ...{ priority: 9, reason: 2, table_id: 3 },
  ...{ duration_sec: 10, duration_nsec: 500_000_000, idle_timeout: 60, hard_timeout: 90 },
}
const port = {
  ...{ port_no: 3, name: 'eth0', config: 1, state: 1 },
  ...{ curr: 0x840, curr_speed: 10_000_000, max_speed: 0 },
}
const refused = encode({ type: 'barrier_request', xid: 1 })
const refusedOfOsKen = base64('0414000800000001')
const refusedText = 'OFPT_BARRIER_REQUEST (OF1.3) (xid=0x1)'
const config = { flags: 1, miss_send_len: 128 }
const role = { role: 2, generation_id: 123n }
const roleOfOsKen = { role: 2, generation_id: 123 }
const async = {
  packet_in: 7,
  packet_in_slave: 0,
  port_status: 7,
  port_status_slave: 7,
  flow_removed: 15,
  flow_removed_slave: 0,
}
const asyncOfOsKen = {
  packet_in_mask: [7, 0],
  port_status_mask: [7, 7],
  flow_removed_mask: [15, 0],
}

export const sessionExamples: Readonly<Record<string, readonly Example[]>> = {
  hello: [
    {
      message: { type: 'hello', elements: [{ kind: 'version_bitmap', versions: [1, 4] }] },
      prints: ['OFPT_HELLO', 'version bitmap: 0x01, 0x04'],
      osKen: { OFPHello: { elements: [{ OFPHelloElemVersionBitmap: { versions: [1, 4] } }] } },
      way: 'reads',
    },
  ],
  error: [
    {
      message: {
        type: 'error',
        error_type: 4,
        code: 9,
        data: refused,
      },
      prints: ['OFPT_ERROR', 'OFPBMC_BAD_PREREQ', refusedText],
      osKen: { OFPErrorMsg: { type: 4, code: 9, data: refusedOfOsKen } },
      way: 'both',
    },
    {
      message: {
        type: 'error',
        error_type: 0xffff,
        code: 2303,
        experimenter: 0x4f4e4600,
        data: refused,
      },
      prints: ['OFPT_ERROR', 'OFPBFC_BUNDLE_EXIST', refusedText],
      osKen: {
        OFPErrorMsg: {
          type: 0xffff,
          exp_type: 2303,
          experimenter: 0x4f4e4600,
          data: refusedOfOsKen,
        },
      },
      way: 'both',
    },
  ],
  echo_request: [
    {
      message: { type: 'echo_request', data: bytes('010203') },
      prints: ['OFPT_ECHO_REQUEST', '3 bytes of payload'],
      osKen: { OFPEchoRequest: { data: base64('010203') } },
      way: 'both',
    },
  ],
  echo_reply: [
    {
      message: { type: 'echo_reply', data: bytes('010203') },
      prints: ['OFPT_ECHO_REPLY', '3 bytes of payload'],
      osKen: { OFPEchoReply: { data: base64('010203') } },
      way: 'both',
    },
  ],
  experimenter: [
    {
      message: { type: 'experimenter', experimenter: 0xabcd, exp_type: 5, data: bytes('0a0b0c0d') },
      prints: ['OFPBRC_BAD_VENDOR'],
      note: 'knows no other experimenters',
      osKen: { OFPExperimenter: { experimenter: 0xabcd, exp_type: 5, data: base64('0a0b0c0d') } },
      way: 'both',
    },
  ],
  features_request: [
    {
      message: { type: 'features_request' },
      prints: ['OFPT_FEATURES_REQUEST (OF1.3)'],
      osKen: { OFPFeaturesRequest: {} },
      way: 'writes',
    },
  ],
  features_reply: [
    {
      message: {
        type: 'features_reply',
        ...features,
        datapath_id: 0x1234n,
        reserved: 0,
      },
      prints: [
        'dpid:0000000000001234',
        'n_tables:254, n_buffers:256, auxiliary_id:1',
        'FLOW_STATS TABLE_STATS PORT_STATS GROUP_STATS QUEUE_STATS',
      ],
      osKen: { OFPSwitchFeatures: { ...features, datapath_id: 0x1234 } },
      way: 'reads',
    },
  ],
  get_config_request: [
    {
      message: { type: 'get_config_request' },
      prints: ['OFPT_GET_CONFIG_REQUEST'],
      osKen: { OFPGetConfigRequest: {} },
      way: 'writes',
    },
  ],
  get_config_reply: [
    {
      message: { type: 'get_config_reply', ...config },
      prints: ['OFPT_GET_CONFIG_REPLY', 'frags=drop miss_send_len=128'],
      osKen: { OFPGetConfigReply: config },
      way: 'reads',
    },
  ],
  set_config: [
    {
      message: { type: 'set_config', ...config },
      prints: ['OFPT_SET_CONFIG', 'frags=drop miss_send_len=128'],
      osKen: { OFPSetConfig: config },
      way: 'writes',
    },
  ],
  packet_in: [
    {
      message: {
        type: 'packet_in',
        ...packetIn,
        cookie: 0x77n,
        match: encodeMatch({ in_port: 1, reg1: 5 }),
        data: bytes(frame),
      },
      prints: [
        'OFPT_PACKET_IN',
        'table_id=3 cookie=0x77 total_len=64 reg1=0x5,in_port=1 (via action) data_len=16 buffer=0x00000114',
      ],
      osKen: {
        OFPPacketIn: {
          ...packetIn,
          cookie: 0x77,
          match: osKenMatch(tlv('in_port', 1), tlv('reg1', 5)),
          data: base64(frame),
        },
      },
      way: 'reads',
    },
  ],
  flow_removed: [
    {
      message: {
        type: 'flow_removed',
        ...flowRemoved,
        cookie: 0x77n,
        packet_count: 12n,
        byte_count: 1200n,
        match,
      },
      prints: [
        'OFPT_FLOW_REMOVED',
        `priority=9,${matchText} reason=delete table_id=3 cookie:0x77 duration10.500s idle60 hard90 pkts12 bytes1200`,
      ],
      osKen: {
        OFPFlowRemoved: {
          ...flowRemoved,
          cookie: 0x77,
          packet_count: 12,
          byte_count: 1200,
          match: matchOfOsKen,
        },
      },
      way: 'reads',
    },
  ],
  port_status: [
    {
      message: {
        type: 'port_status',
        reason: 2,
        ...port,
        hw_addr: 0x020000000011,
        advertised: 0,
        supported: 0,
        peer: 0,
      },
      prints: [
        'OFPT_PORT_STATUS',
        'MOD: 3(eth0): addr:02:00:00:00:00:11',
        'config:     PORT_DOWN',
        'state:      LINK_DOWN',
        'current:    10GB-FD COPPER',
        'speed: 10000 Mbps now, 0 Mbps max',
      ],
      osKen: {
        OFPPortStatus: {
          reason: 2,
          desc: { OFPPort: { ...port, hw_addr: '02:00:00:00:00:11' } },
        },
      },
      way: 'reads',
    },
  ],
  barrier_request: [
    {
      message: { type: 'barrier_request' },
      prints: ['OFPT_BARRIER_REQUEST (OF1.3)'],
      osKen: { OFPBarrierRequest: {} },
      way: 'writes',
    },
  ],
  barrier_reply: [
    {
      message: { type: 'barrier_reply' },
      prints: ['OFPT_BARRIER_REPLY (OF1.3)'],
      osKen: { OFPBarrierReply: {} },
      way: 'reads',
    },
  ],
  role_request: [
    {
      message: { type: 'role_request', ...role },
      prints: ['OFPT_ROLE_REQUEST', 'role=primary generation_id=123'],
      osKen: { OFPRoleRequest: roleOfOsKen },
      way: 'writes',
    },
  ],
  role_reply: [
    {
      message: { type: 'role_reply', ...role },
      prints: ['OFPT_ROLE_REPLY', 'role=primary generation_id=123'],
      osKen: { OFPRoleReply: roleOfOsKen },
      way: 'reads',
    },
  ],
  get_async_request: [
    {
      message: { type: 'get_async_request' },
      prints: ['OFPT_GET_ASYNC_REQUEST'],
      osKen: { OFPGetAsyncRequest: {} },
      way: 'writes',
    },
  ],
  get_async_reply: [
    {
      message: { type: 'get_async_reply', ...async },
      prints: [
        'OFPT_GET_ASYNC_REPLY',
        'PACKET_IN: no_match action invalid_ttl',
        'PORT_STATUS: add delete modify',
        'FLOW_REMOVED: idle hard delete group_delete',
      ],
      osKen: { OFPGetAsyncReply: asyncOfOsKen },
      way: 'reads',
    },
  ],
  set_async: [
    {
      message: { type: 'set_async', ...async },
      prints: [
        'OFPT_SET_ASYNC',
        'PACKET_IN: no_match action invalid_ttl',
        'FLOW_REMOVED: idle hard delete group_delete',
        'FLOW_REMOVED: (off)',
      ],
      osKen: { OFPSetAsync: asyncOfOsKen },
      way: 'writes',
    },
  ],
}
