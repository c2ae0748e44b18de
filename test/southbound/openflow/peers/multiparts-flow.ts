import {
  type Example,
  instructions,
  instructionsOfOsKen,
  instructionsText,
  match,
  matchOfOsKen,
  matchText,
  reply,
  request,
} from './example.ts'

const ALL = 0xffffffff
const flowRequest = {
  table_id: 4,
  out_port: 5,
  out_group: ALL,
  cookie: 0x12n,
  cookie_mask: 0xffn,
  match,
}
const flowRequestOfOsKen = {
  flags: 0,
  table_id: 4,
  out_port: 5,
  out_group: ALL,
  cookie: 0x12,
  cookie_mask: 0xff,
  match: matchOfOsKen,
}
const port = {
  port_no: 3,
  hw_addr: 0x020000000011,
  name: 'eth0',
  config: 0,
  state: 4,
  curr: 0x840,
  advertised: 0,
  supported: 0,
  peer: 0,
  curr_speed: 10_000_000,
  max_speed: 0,
}
const counters = {
  rx_packets: 1n,
  tx_packets: 2n,
  rx_bytes: 3n,
  tx_bytes: 4n,
  rx_dropped: 5n,
  tx_dropped: 6n,
  rx_errors: 7n,
  tx_errors: 8n,
  rx_frame_err: 9n,
  rx_over_err: 10n,
  rx_crc_err: 11n,
  collisions: 12n,
}
const numbers = (values: Readonly<Record<string, bigint>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Number(value)]))

export const flowMultiparts: Readonly<Record<string, readonly Example[]>> = {
  desc: [
    request({ kind: 'desc', body: {} }, ['OFPST_DESC request'], {
      OFPDescStatsRequest: { flags: 0 },
    }),
    reply(
      {
        kind: 'desc',
        body: { mfr_desc: 'M', hw_desc: 'H', sw_desc: 'S', serial_num: 'N', dp_desc: 'D' },
      },
      [
        'OFPST_DESC reply',
        'Manufacturer: M',
        'Hardware: H',
        'Software: S',
        'Serial Num: N',
        'DP Description: D',
      ],
      {
        OFPDescStatsReply: {
          body: {
            OFPDescStats: {
              mfr_desc: 'M',
              hw_desc: 'H',
              sw_desc: 'S',
              serial_num: 'N',
              dp_desc: 'D',
            },
          },
        },
      },
    ),
  ],
  flow: [
    request(
      { kind: 'flow', body: flowRequest },
      ['OFPST_FLOW request', 'table=4 out_port=5', matchText],
      { OFPFlowStatsRequest: flowRequestOfOsKen },
    ),
    reply(
      {
        kind: 'flow',
        body: [
          {
            table_id: 5,
            duration_sec: 10,
            duration_nsec: 500_000_000,
            priority: 100,
            idle_timeout: 30,
            hard_timeout: 60,
            flags: 1,
            cookie: 0x1234n,
            packet_count: 12n,
            byte_count: 1200n,
            match,
            instructions,
          },
        ],
      },
      [
        'OFPST_FLOW reply',
        `cookie=0x1234, duration=10.500s, table=5, n_packets=12, n_bytes=1200, idle_timeout=30, hard_timeout=60, send_flow_rem priority=100,${matchText} actions=${instructionsText}`,
      ],
      {
        OFPFlowStatsReply: {
          body: [
            {
              OFPFlowStats: {
                table_id: 5,
                duration_sec: 10,
                duration_nsec: 500_000_000,
                priority: 100,
                idle_timeout: 30,
                hard_timeout: 60,
                flags: 1,
                cookie: 0x1234,
                packet_count: 12,
                byte_count: 1200,
                match: matchOfOsKen,
                instructions: instructionsOfOsKen,
              },
            },
          ],
        },
      },
    ),
  ],
  aggregate: [
    request(
      { kind: 'aggregate', body: flowRequest },
      ['OFPST_AGGREGATE request', 'table=4 out_port=5', matchText],
      { OFPAggregateStatsRequest: flowRequestOfOsKen },
    ),
    reply(
      { kind: 'aggregate', body: { packet_count: 12n, byte_count: 1200n, flow_count: 3 } },
      ['OFPST_AGGREGATE reply', 'packet_count=12 byte_count=1200 flow_count=3'],
      {
        OFPAggregateStatsReply: {
          body: { OFPAggregateStats: { packet_count: 12, byte_count: 1200, flow_count: 3 } },
        },
      },
    ),
  ],
  table: [
    request({ kind: 'table', body: {} }, ['OFPST_TABLE request'], {
      OFPTableStatsRequest: { flags: 0 },
    }),
    reply(
      {
        kind: 'table',
        body: [{ table_id: 2, active_count: 3, lookup_count: 40n, matched_count: 30n }],
      },
      ['OFPST_TABLE reply', 'table 2', 'active=3, lookup=40, matched=30'],
      {
        OFPTableStatsReply: {
          body: [
            {
              OFPTableStats: { table_id: 2, active_count: 3, lookup_count: 40, matched_count: 30 },
            },
          ],
        },
      },
    ),
  ],
  port_stats: [
    request({ kind: 'port_stats', body: { port_no: 3 } }, ['OFPST_PORT request', 'port_no=3'], {
      OFPPortStatsRequest: { flags: 0, port_no: 3 },
    }),
    reply(
      {
        kind: 'port_stats',
        body: [{ port_no: 3, ...counters, duration_sec: 10, duration_nsec: 500_000_000 }],
      },
      [
        'OFPST_PORT reply',
        'rx pkts=1, bytes=3, drop=5, errs=7, frame=9, over=10, crc=11',
        'tx pkts=2, bytes=4, drop=6, errs=8, coll=12',
        'duration=10.500s',
      ],
      {
        OFPPortStatsReply: {
          body: [
            {
              OFPPortStats: {
                port_no: 3,
                ...numbers(counters),
                duration_sec: 10,
                duration_nsec: 500_000_000,
              },
            },
          ],
        },
      },
    ),
  ],
  queue: [
    request(
      { kind: 'queue', body: { port_no: ALL, queue_id: ALL } },
      ['OFPST_QUEUE request', 'port=ANY queue=ALL'],
      {
        OFPQueueStatsRequest: { flags: 0, port_no: ALL, queue_id: ALL },
      },
    ),
    reply(
      {
        kind: 'queue',
        body: [
          {
            port_no: 3,
            queue_id: 7,
            tx_bytes: 300n,
            tx_packets: 4n,
            tx_errors: 5n,
            duration_sec: 10,
            duration_nsec: 500_000_000,
          },
        ],
      },
      ['OFPST_QUEUE reply', 'port 3 queue 7: bytes=300, pkts=4, errors=5, duration=10.500s'],
      {
        OFPQueueStatsReply: {
          body: [
            {
              OFPQueueStats: {
                port_no: 3,
                queue_id: 7,
                tx_bytes: 300,
                tx_packets: 4,
                tx_errors: 5,
                duration_sec: 10,
                duration_nsec: 500_000_000,
              },
            },
          ],
        },
      },
    ),
  ],
  port_desc: [
    request({ kind: 'port_desc', body: {} }, ['OFPST_PORT_DESC request'], {
      OFPPortDescStatsRequest: { flags: 0 },
    }),
    reply(
      { kind: 'port_desc', body: [port] },
      [
        'OFPST_PORT_DESC reply',
        '3(eth0): addr:02:00:00:00:00:11',
        'state:      LIVE',
        'current:    10GB-FD COPPER',
      ],
      {
        OFPPortDescStatsReply: {
          body: [
            {
              OFPPort: {
                port_no: 3,
                hw_addr: '02:00:00:00:00:11',
                name: 'eth0',
                config: 0,
                state: 4,
                curr: 0x840,
                curr_speed: 10_000_000,
              },
            },
          ],
        },
      },
    ),
  ],
}
