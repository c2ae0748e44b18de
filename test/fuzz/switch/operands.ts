/**
 * What random actions are made of: fields that the packet has, bits of them, values, ports and tags.
 * Neighbours: actions.ts, a row for each kind of action.
 */
import { keyNames } from '../../../dataplane/packet/key-layout.ts'
import type { Subfield } from '../../../southbound/openflow/action.ts'
import { type Match, missingPrerequisite } from '../../../southbound/openflow/match.ts'
import { type FieldName, fieldOf } from '../../../southbound/openflow/oxm.ts'
import { ALL, CONTROLLER, FLOOD, IN_PORT, LOCAL } from '../../../southbound/openflow/port.ts'
import { DOWN_PORT, NO_PORT, PORTS } from './peer.ts'
import type { World } from './world.ts'

export interface ActionContext {
  readonly world: World
  /** What the flow's match and the actions before say of the packet; undefined in a bucket. */
  readonly known: Match | undefined
  readonly groups: readonly number[]
  /** Tables that a resubmit may go to. */
  readonly tables: readonly number[]
  readonly depth: number
  /** Kinds that are not to be made. */
  readonly without: ReadonlySet<string>
  /** Only what an action set may hold. */
  readonly isSet?: boolean
}
/** Registers and other fields that stand in no header, weighted so that they meet later matches. */
const SCRATCH: readonly FieldName[] = [
  ...(['reg0', 'reg1', 'reg2', 'tunnel_id', 'pkt_mark'] as const),
]
/** What a set_field or a load may name; refused ones too, now and then. */
const READ_ONLY =
  /^(in_phy_port|eth_type|ip_proto|ip_frag|ipv6_exthdr|tcp_flags|conj_id|mpls_bos|ct_state|ct_zone|ct_mark|ct_label|nxm_in_port|in_port|metadata|vlan_tci|tun_flags|ct_(nw|tp|ipv6)_.*|packet_type|recirc_id|dp_hash|actset_output|nd_.*)$/
/** What may be read: a tag may be missing, and then a read of its bits says which switch it is. */
export const sources = keyNames.filter(
  (name) => !/^(vlan_tci|in_phy_port|pbb_isid|ipv6_exthdr|ct_(nw|tp|ipv6)_.*)$/.test(name),
)
export const settable = keyNames.filter((name) => !READ_ONLY.test(name))

const fits = (name: FieldName, known: Match | undefined): boolean =>
  known === undefined || missingPrerequisite({ ...known, [name]: known[name] ?? 0 }) === undefined

/** A field that the packet has, as far as is known. */
export function field({ world, known }: ActionContext, from: readonly FieldName[]): FieldName {
  if (world.chance(30)) return world.random.pick(SCRATCH)
  const inFrame = from.filter((name) => !/^x*reg|^tun_|^ct_/.test(name) && fits(name, known))
  if (inFrame.length > 0 && world.chance(75)) return world.random.pick(inFrame)
  if (world.chance(3)) return world.random.pick(keyNames)
  const fitting = from.filter((name) => fits(name, known))
  return world.random.pick(fitting.length > 0 ? fitting : SCRATCH)
}

export function bits(context: ActionContext, from: readonly FieldName[], most = 992): Subfield {
  const name = field(context, from)
  const { random } = context.world
  const all = widthOf(name)
  const n_bits =
    context.world.chance(40) && all <= most ? all : 1 + random.below(Math.min(all, most))
  return { field: name, ofs: random.below(all - n_bits + 1), n_bits }
}
export const wholly = (name: FieldName): Subfield => ({
  field: name,
  ofs: 0,
  n_bits: widthOf(name),
})
/** Bits that an operand reaches: the rest of these fields is reserved, or says that there is a tag. */
export function widthOf(name: FieldName): number {
  const narrow: { readonly [K in FieldName]?: number } = {
    vlan_vid: 12,
    tun_flags: 1,
    tcp_flags: 12,
  }
  return narrow[name] ?? fieldOf[name].bits
}

export function value(world: World, bitCount: number): bigint {
  let out = 0n
  for (let i = 0; i < bitCount; i += 32) out = (out << 32n) | BigInt(world.random.below(2 ** 32))
  return out & ((1n << BigInt(bitCount)) - 1n)
}
export const typed = (name: FieldName, of: bigint) => (fieldOf[name].bits > 48 ? of : Number(of))

export function somePort(world: World): number {
  const at = world.random.below(100)
  if (at < 66) return world.random.pick(PORTS)
  if (at < 88) return CONTROLLER
  if (at < 93) return IN_PORT
  return world.random.pick([ALL, FLOOD, DOWN_PORT, NO_PORT, LOCAL])
}
export const someTag = (world: World) =>
  world.chance(97) ? world.random.pick([0x8100, 0x88a8]) : 0x9100
export const someMpls = (world: World) =>
  world.chance(97) ? world.random.pick([0x8847, 0x8848]) : 0x800
export const someTtl = (world: World) => world.random.pick([0, 1, 2, 64, 255])

export const isMpls = (known: Match | undefined) =>
  known?.eth_type === 0x8847 || known?.eth_type === 0x8848
export const isIp = (known: Match | undefined) =>
  known?.eth_type === 0x800 || known?.eth_type === 0x86dd
/** In a bucket nothing is known, and nothing is held against it. */
export const isTagged = (known: Match | undefined) =>
  known === undefined ||
  (typeof known.vlan_vid === 'number'
    ? known.vlan_vid >= 0x1000
    : (known.vlan_vid?.[0] ?? 0) >= 0x1000)

/** Members of a bundle of which the first that is up is taken. */
export const firstLive = (world: World) => ({
  ...{ algorithm: 0, fields: world.random.below(7), basis: 0 },
  members: Array.from({ length: world.random.below(4) }, () =>
    world.random.pick([...PORTS, DOWN_PORT, NO_PORT, 0xfff8, 0xffff]),
  ),
})
