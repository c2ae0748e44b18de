/**
 * The values that one set of tables and its frames have in common: a few of each field, so that flows
 * meet frames, near each other, so that masks make a difference. Neighbours: frames.ts, flows.ts.
 */
import { type FieldName, fieldOf } from '../../../southbound/openflow/oxm.ts'
import type { Random } from '../random.ts'

export type Value = number | bigint
export type Values = { [K in FieldName]?: Value }

export interface World {
  readonly random: Random
  /** True so many times in a hundred. */
  chance(percent: number): boolean
  /** One of a list, each as often as its weight says. */
  weighted<T>(list: readonly T[], weightOf: (one: T) => number): T
  /** One of the field's few values. */
  value(field: FieldName): Value
  number(field: FieldName): number
  wide(field: FieldName): bigint
}

const POOL = 3

/** Values that parsers and switches treat in a way of their own. */
const special: { readonly [K in FieldName]?: readonly Value[] } = {
  eth_dst: [0xffffffffffff, 0x01005e000001, 0x333300000001, 0x0180c2000001, 0],
  eth_src: [0, 0x020000000001],
  vlan_vid: [0x1000, 0x1001, 0x1fff],
  ip_dscp: [0, 0x2e, 0x3f],
  nw_ttl: [0, 1, 2, 64, 255],
  mpls_ttl: [0, 1, 2, 64, 255],
  ipv4_src: [0, 0xffffffff, 0x7f000001],
  ipv4_dst: [0, 0xffffffff, 0xe0000001],
  icmpv4_type: [0, 3, 8, 11],
  icmpv6_type: [1, 128, 129, 133, 134],
  ipv6_src: [0n, 1n, 0xfe80n << 112n],
  ipv6_dst: [0n, (0xff02n << 112n) | 1n],
  tcp_dst: [0, 80, 443, 65_535],
  udp_dst: [0, 53, 67, 4789, 65_535],
  mpls_label: [0, 1, 2, 3, 16, 0xfffff],

  packet_type: [0],
}

function fresh(random: Random, field: FieldName): Value {
  const listed = special[field]
  if (listed && random.once(3)) return random.pick(listed)
  const { bits } = fieldOf[field]
  if (field === 'vlan_vid') return 0x1000 | random.below(4096)
  if (field === 'tun_flags') return random.below(2)
  if (field === 'nw_tos') return random.below(64) << 2
  if (field === 'ct_state') return random.below(256)
  if (field === 'arp_op' && !random.once(200)) return 1 + random.below(4)
  if (field.startsWith('eth_') && bits === 48) return 0x020000000000 + random.below(8)
  if (field.startsWith('ipv4_') || field.endsWith('pa')) return 0x0a000000 + random.below(1 << 10)
  if (field.startsWith('ipv6_') && bits === 128) {
    return (0x20010db8n << 96n) | BigInt(random.below(1 << 10))
  }
  if (random.once(8)) return bits > 48 ? (1n << BigInt(bits)) - 1n : 2 ** bits - 1
  if (random.once(8)) return bits > 48 ? 0n : 0
  if (bits <= 32) return random.below(2 ** bits)
  let value = 0n
  for (let i = 0; i < bits; i += 32) value = (value << 32n) | BigInt(random.below(2 ** 32))
  value &= (1n << BigInt(bits)) - 1n
  return bits > 48 ? value : Number(value)
}

export function newWorld(random: Random): World {
  const pools = new Map<FieldName, Value[]>()
  const value = (field: FieldName): Value => {
    let pool = pools.get(field)
    if (!pool) {
      pool = Array.from({ length: POOL }, () => fresh(random, field))
      pools.set(field, pool)
    }
    return random.once(20) ? fresh(random, field) : random.pick(pool)
  }
  return {
    random,
    chance: (percent) => random.below(100) < percent,
    weighted(list, weightOf) {
      let at = random.below(list.reduce((sum, one) => sum + weightOf(one), 0))
      for (const one of list) {
        at -= weightOf(one)
        if (at < 0) return one
      }
      throw new RangeError('nothing to pick from')
    },
    value,
    number: (field) => Number(value(field)),
    wide: (field) => BigInt(value(field)),
  }
}

export const someBytes = (world: World, n: number): Uint8Array =>
  Uint8Array.from({ length: n }, () => world.random.below(256))
