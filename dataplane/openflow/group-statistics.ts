/**
 * Multipart answers about groups and meters (OpenFlow 1.3.5 §7.3.5.9 to §7.3.5.14).
 * Neighbours: multipart.ts sends them, groups.ts and meters.ts have what they tell.
 */
import { ALL_GROUPS, groupType } from '../../southbound/openflow/group.ts'
import { ALL_METERS, bandRows, meterFlags } from '../../southbound/openflow/meter.ts'
import type { ReplyElement } from '../../southbound/openflow/multipart.ts'
import { MAX_METER } from '../pipeline/meters.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import { setActionBits } from './capabilities.ts'
import { duration } from './duration.ts'

interface GroupRequest {
  readonly group_id: number
}
interface MeterRequest {
  readonly meter_id: number
}

/** Select by weight and by liveness, chaining, and checks of it for loops and deletions. */
const GROUP_CAPABILITIES = 0xf

/** Nothing about a group that does not exist, as Open vSwitch answers it. */
export function groupStatistics(bridge: Bridge, { group_id }: GroupRequest) {
  const { all } = bridge.groups
  const one = all.get(group_id)
  const wanted = group_id === ALL_GROUPS ? [...all.values()] : one ? [one] : []
  return wanted.map(
    (group): ReplyElement<'group'> => ({
      group_id: group.group_id,
      ref_count:
        bridge.flows.usersOfGroup(group.group_id).size + bridge.groups.references(group.group_id),
      packet_count: BigInt(group.packets),
      byte_count: BigInt(group.byteCount),
      ...duration(bridge.clock.now() - group.createdAt),
      bucket_stats: group.buckets.map((bucket) => ({
        packet_count: BigInt(bucket.packets),
        byte_count: BigInt(bucket.bytes),
      })),
    }),
  )
}

export const describeGroups = (bridge: Bridge): ReplyElement<'group_desc'>[] =>
  [...bridge.groups.all.values()].map(({ group_id, group_type, bytes }) => ({
    group_id,
    group_type,
    buckets: bytes,
  }))

export function groupFeatures({ limits }: Bridge): ReplyElement<'group_features'> {
  return {
    types: Object.values(groupType).reduce<number>((bits, type) => bits | (1 << type), 0),
    capabilities: GROUP_CAPABILITIES,
    max_groups_all: limits.groups,
    max_groups_select: limits.groups,
    max_groups_indirect: limits.groups,
    max_groups_ff: limits.groups,
    actions_all: setActionBits,
    actions_select: setActionBits,
    actions_indirect: setActionBits,
    actions_ff: setActionBits,
  }
}

const metersOf = (bridge: Bridge, { meter_id }: MeterRequest) => {
  if (meter_id === ALL_METERS) return [...bridge.meters.all.values()]
  const meter = bridge.meters.all.get(meter_id)
  return meter ? [meter] : refuse('meter_mod_failed.unknown_meter', `${meter_id}`)
}

export const meterStatistics = (bridge: Bridge, request: MeterRequest) =>
  metersOf(bridge, request).map(
    (meter): ReplyElement<'meter'> => ({
      meter_id: meter.meter_id,
      flow_count: bridge.flows.usersOfMeter(meter.meter_id).size,
      packet_in_count: BigInt(meter.packets),
      byte_in_count: BigInt(meter.bytes),
      ...duration(bridge.clock.now() - meter.createdAt),
      band_stats: meter.bands.map((band) => ({
        packet_band_count: BigInt(band.packets),
        byte_band_count: BigInt(band.bytes),
      })),
    }),
  )

export const meterConfigs = (bridge: Bridge, request: MeterRequest) =>
  metersOf(bridge, request).map(
    (meter): ReplyElement<'meter_config'> => ({
      meter_id: meter.meter_id,
      flags: meter.flags,
      bands: meter.bands.map(({ band }) => band),
    }),
  )

export const meterFeatures = ({ limits }: Bridge): ReplyElement<'meter_features'> => ({
  max_meter: Math.min(limits.meters, MAX_METER),
  band_types: (1 << bandRows.drop[0]) | (1 << bandRows.dscp_remark[0]),
  capabilities: Object.values(meterFlags).reduce<number>((bits, flag) => bits | flag, 0),
  max_bands: limits.bands,
  max_color: 0,
})
