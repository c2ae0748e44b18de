/**
 * Frames of every kind that a switch reads, with the fields that a flow may match them by: whole ones,
 * and ones that are cut short, damaged, or lie about their lengths. Neighbours: world.ts, layers.ts.
 */
import { joined } from '../random.ts'
import { arpLayer, ipv4Layer, ipv6Layer, type Layer, mplsLayer } from './layers.ts'
import { someBytes, type Value, type Values, type World } from './world.ts'

export interface Frame {
  readonly bytes: Uint8Array
  /** What stands in it, by the rules of its headers: only a hint once it is damaged. */
  readonly fields: Values
  /** `ipv4 tcp`, for the report. */
  readonly kind: string
}

/** Shortest that a port of Open vSwitch's dummy kind takes: an Ethernet header. */
const SHORTEST = 14
/** Longest frame: the MTU of the ports and the header. */
const LONGEST = 1514
const TAG_TYPES = [0x8100, 0x8100, 0x8100, 0x88a8] as const

const u16 = (value: number) => Uint8Array.of(value >> 8, value)
const mac = (value: Value) =>
  Uint8Array.from({ length: 6 }, (_, i) => Number((BigInt(value) >> BigInt(40 - 8 * i)) & 255n))

/** What follows Ethernet and its tags, each as often as its weight says. */
const payloads: readonly (readonly [weight: number, (world: World) => Layer])[] = [
  [42, (world) => ipv4Layer(world)],
  [26, (world) => ipv6Layer(world)],
  [12, arpLayer],
  [10, mplsLayer],
  [4, pbbLayer],
  [3, lengthLayer],
  [3, strangerLayer],
]

/** A backbone service tag with a frame inside it (IEEE 802.1ah). */
function pbbLayer(world: World): Layer {
  const pbb_isid = world.number('pbb_isid')
  const flags = world.random.pick([0, 0x20, 0xe0, 0x40])
  const inner = frameOf(world, 0)
  const head = Uint8Array.of(flags, pbb_isid >> 16, pbb_isid >> 8, pbb_isid)
  return { type: 0x88e7, bytes: joined(head, inner.bytes), fields: { pbb_isid }, kind: 'pbb' }
}

/** IEEE 802.3: a length where the type should be, then LLC, perhaps SNAP with a type in it. */
function lengthLayer(world: World): Layer {
  const { random } = world
  const data = someBytes(world, random.below(40))
  const llc = random.pick([
    Uint8Array.of(0xaa, 0xaa, 3, 0, 0, 0, 8, 6),
    Uint8Array.of(0xaa, 0xaa, 3, 0, 0, 12, 1, 2),
    Uint8Array.of(0x42, 0x42, 3),
  ])
  const bytes = joined(llc, data)
  return { type: bytes.length, bytes, fields: {}, kind: '802.3', eth_type: 0x05ff }
}

function strangerLayer(world: World): Layer {
  const type = world.random.pick([0x88cc, 0x894f, 0x1234, 0x0600, 0xffff, 0x9100, 0x88a8])
  return { type, bytes: someBytes(world, world.random.below(60)), fields: {}, kind: 'other' }
}

function frameOf(world: World, tags: number): Frame {
  const { random } = world
  const [, make] = world.weighted(payloads, ([weight]) => weight)
  const layer = make(world)
  const fields: Values = {
    ...layer.fields,
    eth_dst: world.value('eth_dst'),
    eth_src: world.value('eth_src'),
    eth_type: layer.eth_type ?? layer.type,
  }
  const parts: Uint8Array[] = [mac(fields.eth_dst!), mac(fields.eth_src!)]
  for (let i = 0; i < tags; i++) {
    const vlan_vid = world.number('vlan_vid')
    const vlan_pcp = world.number('vlan_pcp')
    parts.push(u16(random.pick(TAG_TYPES)), u16((vlan_pcp << 13) | (vlan_vid & 0xfff)))
    if (i === 0) Object.assign(fields, { vlan_vid: vlan_vid | 0x1000, vlan_pcp })
  }
  if (tags === 0) fields.vlan_vid = 0
  parts.push(u16(layer.type), layer.bytes)
  const kind = `${['', 'tagged ', 'double-tagged '][tags] ?? 'many-tagged '}${layer.kind}`
  return { bytes: joined(...parts), fields, kind }
}

/** A random frame; every tenth is not as it should be. */
export function newFrame(world: World): Frame {
  const { random } = world
  const tags = world.chance(55) ? 0 : world.chance(60) ? 1 : world.chance(97) ? 2 : random.below(12)
  const frame = frameOf(world, tags)
  const bytes = spoil(world, frame.bytes)
  return { ...frame, bytes: bytes.length > LONGEST ? bytes.slice(0, LONGEST) : bytes }
}

function spoil(world: World, bytes: Uint8Array): Uint8Array {
  const { random } = world
  const way = random.below(100)
  if (way < 6) return bytes.slice(0, SHORTEST + random.below(bytes.length - SHORTEST + 1))
  if (way < 10) {
    const spoilt = bytes.slice()
    for (let n = random.below(3); n >= 0; n--) {
      spoilt[12 + random.below(spoilt.length - 12)] = random.pick([0, 1, 0xff, random.below(256)])
    }
    return spoilt
  }
  // What a network card adds to short frames, and more.
  if (way < 30) return joined(bytes, new Uint8Array(Math.max(0, 60 - bytes.length)))
  if (way < 34) return joined(bytes, someBytes(world, random.below(20)))
  return bytes
}
