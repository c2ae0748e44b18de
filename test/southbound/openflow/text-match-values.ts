/**
 * Random matches with the prerequisites that the rows of the fields name, and those that Open vSwitch
 * accepts, with what it wants beyond that. For tests of the text. Neighbour: text-values.ts.
 */
import fc from 'fast-check'
import type { Match } from '../../../southbound/openflow/match.ts'
import { type FieldName, fieldNames, fieldOf } from '../../../southbound/openflow/oxm.ts'
import { CONTROLLER, LOCAL } from '../../../southbound/openflow/port.ts'
import { oxmValue } from './values.ts'

type Value = number | bigint
type Entry = Value | readonly [Value, Value]
type Choices = Map<FieldName, readonly number[]>

/** Adds a field with all that it needs; false, and nothing added, when that contradicts the others. */
function add(name: FieldName, chosen: Choices, allowed: readonly number[] = []): boolean {
  const before = chosen.get(name)
  const both =
    before?.length && allowed.length ? before.filter((v) => allowed.includes(v)) : undefined
  if (both?.length === 0) return false
  const trial = new Map(chosen)
  trial.set(name, both ?? (allowed.length ? allowed : (before ?? [])))
  for (const [other, values] of Object.entries(fieldOf[name].needs)) {
    if (!add(other as FieldName, trial, values)) return false
  }
  for (const [key, values] of trial) chosen.set(key, values)
  return true
}

/** An exact value, or a value under a mask that is neither none nor all ones. */
function entryOf(name: FieldName, maskable: boolean): fc.Arbitrary<Entry> {
  const field = fieldOf[name]
  const exact = oxmValue(field)
  // ovs-ofctl takes a mask that begins with a decimal digit for a prefix length.
  const readable = (mask: Value) =>
    field.format !== 'ipv6' || BigInt(mask) >> 124n > 9n || BigInt(mask) >> 112n === 0n
  if (!maskable || field.bits < 2) return exact
  const masked = fc
    .tuple(oxmValue(field), oxmValue(field))
    .filter(([, mask]) => BigInt(mask) !== 0n && mask !== field.ones && readable(mask))
    .map(([value, mask]): readonly [Value, Value] => {
      const cut = BigInt(value) & BigInt(mask)
      return [typeof value === 'number' ? Number(cut) : cut, mask]
    })
  return fc.oneof(exact, masked)
}

/** Matches of up to five of these fields and what those need. */
export const matchesOf = (
  names: readonly FieldName[],
  special: Readonly<Partial<Record<FieldName, fc.Arbitrary<Entry>>>> = {},
): fc.Arbitrary<Match> =>
  fc.uniqueArray(fc.constantFrom(...names), { maxLength: 5 }).chain((wanted) => {
    const chosen: Choices = new Map()
    const needed = new Set<FieldName>()
    for (const name of wanted) {
      if (add(name, chosen)) for (const other in fieldOf[name].needs) needed.add(other as FieldName)
    }
    const entries = [...chosen].map(([name, allowed]) => {
      // What needs vlan_vid alone, a priority, wants a tag.
      const tagged = name === 'vlan_vid' && needed.has(name) && !special[name]
      const value = allowed.length
        ? fc.constantFrom(...allowed)
        : tagged
          ? fc.integer({ min: 0x1000, max: 0x1fff })
          : (special[name] ?? entryOf(name, fieldOf[name].maskable && !needed.has(name)))
      return value.map((entry) => [name, entry] as const)
    })
    return fc.tuple(...entries).map((all) => Object.fromEntries(all) as Match)
  })

/** Matches of any fields, with their prerequisites. */
export const validMatches = matchesOf(fieldNames)

/** Why a field is in no match that Open vSwitch accepts and reports, and prints, as it was sent. */
export const notInOpenVswitch: Readonly<Partial<Record<FieldName, string>>> = {
  in_phy_port: 'has no such field',
  pbb_isid: 'has no such field',
  ipv6_exthdr: 'has no such field',
  nxm_in_port: 'reports in_port',
  vlan_tci: 'reports vlan_vid and vlan_pcp',
  nw_tos: 'reports ip_dscp',
  packet_type: 'wants no eth_type beside it',
  dp_hash: 'is for internal use',
  recirc_id: 'is for internal use',
  nsh_c1: 'is left out by dump-flows',
  nsh_c2: 'is left out by dump-flows',
  nsh_c3: 'is left out by dump-flows',
  nsh_c4: 'is left out by dump-flows',
  tun_gbp_flags: 'is printed without its mask by dump-flows',
  tun_erspan_ver: 'is printed without its mask by dump-flows',
  tun_erspan_dir: 'is left out by dump-flows',
  tun_erspan_hwid: 'is left out by dump-flows',
  tun_erspan_idx: 'is left out by dump-flows',
  tun_gtpu_flags: 'has another name in dump-flows, and no mask',
  tun_gtpu_msgtype: 'has another name in dump-flows, and no mask',
}
const reported = fieldNames.filter(
  (name) =>
    notInOpenVswitch[name] === undefined &&
    // Registers of 64 and 128 bits come back as two and four; Geneve options want a tlv_table.
    !/^xx?reg|^tun_metadata/.test(name),
)

const int = (min: number, max: number) => fc.integer({ min, max })
const masked = (value: fc.Arbitrary<number>, mask: fc.Arbitrary<number>, ones: number) =>
  fc.tuple(value, mask).map(([v, m]): Entry => (m === ones ? v & m : [v & m, m]))

/** What Open vSwitch wants of values beyond their width. */
const special: Readonly<Partial<Record<FieldName, fc.Arbitrary<Entry>>>> = {
  in_port: fc.oneof(int(1, 0xfeff), fc.constantFrom(LOCAL, CONTROLLER)),
  actset_output: int(1, 0xfeff),
  ct_state: masked(int(0, 255), int(1, 255), 0),
  tun_flags: fc.constantFrom<Entry>([0, 1], [1, 1]),
  tcp_flags: masked(int(0, 0xfff), int(1, 0xffe), 0),
  ip_frag: fc.constantFrom<Entry>(0, 1, [1, 1], [0, 2]),
  // A priority goes with a tag alone.
  vlan_vid: fc.oneof(
    int(0x1000, 0x1fff),
    fc.constant<Entry>([0x1000, 0x1000]),
    int(0, 0xffe).map((mask): Entry => [0x1000 | (0x555 & mask), 0x1000 | mask]),
  ),
  eth_type: int(0x600, 0xffff).filter((type) => ![0x8100, 0x88a8].includes(type)),
  icmpv6_code: fc.constant(0),
  arp_op: int(0, 255),
  ct_nw_proto: int(1, 255),
  nsh_mdtype: int(1, 2),
  nsh_ttl: int(0, 63),
}

/** Matches that Open vSwitch accepts and reports as they were sent. */
export const acceptedMatches = matchesOf(reported, special).map((match): Match => {
  // The addresses of a connection want a state that implies that there is one.
  const ofConnection = Object.keys(match).some((name) => /^ct_(nw|ipv6|tp)_/.test(name))
  return ofConnection ? { ...match, ct_state: [0x22, 0x22] } : match
})
