/**
 * Examples of the multiparts about groups and meters. Neighbours: example.ts, multiparts.ts.
 */
import { encodeGroup } from '../../../../southbound/openflow/group.ts'
import { type Example, reply, request } from './example.ts'

const ALL = 0xffffffff
const bucket = {
  weight: 5,
  watch_port: ALL,
  watch_group: ALL,
  actions: [{ kind: 'output', port: 2, max_len: 0 }],
} as const
const groupFeatures = {
  types: 15,
  capabilities: 7,
  max_groups_all: 1,
  max_groups_select: 2,
  max_groups_indirect: 3,
  max_groups_ff: 4,
  actions_all: 1,
  actions_select: 1,
  actions_indirect: 1,
  actions_ff: 1,
}
const meterFeatures = { max_meter: 9, band_types: 2, capabilities: 15, max_bands: 1, max_color: 0 }

export const groupMultiparts: Readonly<Record<string, readonly Example[]>> = {
  group: [
    request({ kind: 'group', body: { group_id: 7 } }, ['OFPST_GROUP request', 'group_id=7'], {
      OFPGroupStatsRequest: { flags: 0, group_id: 7 },
    }),
    reply(
      {
        kind: 'group',
        body: [
          {
            group_id: 7,
            ref_count: 2,
            packet_count: 3n,
            byte_count: 300n,
            duration_sec: 10,
            duration_nsec: 500_000_000,
            bucket_stats: [
              { packet_count: 1n, byte_count: 100n },
              { packet_count: 2n, byte_count: 200n },
            ],
          },
        ],
      },
      [
        'OFPST_GROUP reply',
        'group_id=7,duration=10.500s,ref_count=2,packet_count=3,byte_count=300,bucket0:packet_count=1,byte_count=100,bucket1:packet_count=2,byte_count=200',
      ],
      {
        OFPGroupStatsReply: {
          body: [
            {
              OFPGroupStats: {
                group_id: 7,
                ref_count: 2,
                packet_count: 3,
                byte_count: 300,
                duration_sec: 10,
                duration_nsec: 500_000_000,
                bucket_stats: [
                  { OFPBucketCounter: { packet_count: 1, byte_count: 100 } },
                  { OFPBucketCounter: { packet_count: 2, byte_count: 200 } },
                ],
              },
            },
          ],
        },
      },
    ),
  ],
  group_desc: [
    request({ kind: 'group_desc', body: {} }, ['OFPST_GROUP_DESC request'], {
      OFPGroupDescStatsRequest: { flags: 0 },
    }),
    reply(
      {
        kind: 'group_desc',
        body: [encodeGroup({ group_id: 7, group_type: 1, buckets: [bucket] })],
      },
      ['OFPST_GROUP_DESC reply', 'group_id=7,type=select,bucket=weight:5,actions=output:2'],
      {
        OFPGroupDescStatsReply: {
          body: [
            {
              OFPGroupDescStats: {
                group_id: 7,
                type: 1,
                buckets: [
                  {
                    OFPBucket: {
                      weight: 5,
                      watch_port: ALL,
                      watch_group: ALL,
                      actions: [{ OFPActionOutput: { port: 2 } }],
                    },
                  },
                ],
              },
            },
          ],
        },
      },
    ),
  ],
  group_features: [
    request({ kind: 'group_features', body: {} }, ['OFPST_GROUP_FEATURES request'], {
      OFPGroupFeaturesStatsRequest: { flags: 0 },
    }),
    reply(
      { kind: 'group_features', body: groupFeatures },
      [
        'OFPST_GROUP_FEATURES reply',
        'Types:  0xf',
        'Capabilities:  0x7',
        'max_groups=0x1',
        'max_groups=0x4',
        'actions: output',
      ],
      {
        OFPGroupFeaturesStatsReply: {
          body: {
            OFPGroupFeaturesStats: {
              types: 15,
              capabilities: 7,
              max_groups: [1, 2, 3, 4],
              actions: [1, 1, 1, 1],
            },
          },
        },
      },
    ),
  ],
  meter: [
    request({ kind: 'meter', body: { meter_id: 5 } }, ['OFPST_METER request', 'meter=5'], {
      OFPMeterStatsRequest: { flags: 0, meter_id: 5 },
    }),
    reply(
      {
        kind: 'meter',
        body: [
          {
            meter_id: 5,
            flow_count: 2,
            packet_in_count: 30n,
            byte_in_count: 3000n,
            duration_sec: 10,
            duration_nsec: 500_000_000,
            band_stats: [{ packet_band_count: 4n, byte_band_count: 400n }],
          },
        ],
      },
      [
        'OFPST_METER reply',
        'meter:5 flow_count:2 packet_in_count:30 byte_in_count:3000 duration:10.500s bands:',
        '0: packet_count:4 byte_count:400',
      ],
      {
        OFPMeterStatsReply: {
          body: [
            {
              OFPMeterStats: {
                meter_id: 5,
                flow_count: 2,
                packet_in_count: 30,
                byte_in_count: 3000,
                duration_sec: 10,
                duration_nsec: 500_000_000,
                band_stats: [{ OFPMeterBandStats: { packet_band_count: 4, byte_band_count: 400 } }],
              },
            },
          ],
        },
      },
    ),
  ],
  meter_config: [
    request(
      { kind: 'meter_config', body: { meter_id: ALL } },
      ['OFPST_METER_CONFIG request', 'meter=all'],
      {
        OFPMeterConfigStatsRequest: { flags: 0, meter_id: ALL },
      },
    ),
    reply(
      {
        kind: 'meter_config',
        body: [{ flags: 10, meter_id: 5, bands: [{ kind: 'drop', rate: 1000, burst_size: 1000 }] }],
      },
      ['OFPST_METER_CONFIG reply', 'meter=5 pktps stats bands=', 'type=drop rate=1000'],
      {
        OFPMeterConfigStatsReply: {
          body: [
            {
              OFPMeterConfigStats: {
                flags: 10,
                meter_id: 5,
                bands: [{ OFPMeterBandDrop: { rate: 1000, burst_size: 1000 } }],
              },
            },
          ],
        },
      },
    ),
  ],
  meter_features: [
    request({ kind: 'meter_features', body: {} }, ['OFPST_METER_FEATURES request'], {
      OFPMeterFeaturesStatsRequest: { flags: 0 },
    }),
    reply(
      { kind: 'meter_features', body: meterFeatures },
      [
        'OFPST_METER_FEATURES reply',
        'max_meter:9 max_bands:1 max_color:0',
        'band_types: drop',
        'capabilities: kbps pktps burst stats',
      ],
      {
        OFPMeterFeaturesStatsReply: {
          body: [
            {
              OFPMeterFeaturesStats: {
                max_meter: 9,
                band_types: 2,
                capabilities: 15,
                max_bands: 1,
                max_color: 0,
              },
            },
          ],
        },
      },
    ),
  ],
}
