/**
 * Where each match field stands: its bits in the flow key (a Uint32Array) and its places in headers,
 * both derived from declarations: the OXM rows, the structs of the wire formats, headers.ts.
 * Neighbours: flow-key.ts reads headers into keys, set-field.ts writes fields back.
 */
import { type FieldName, fieldNames, fieldOf } from '../../southbound/openflow/oxm.ts'
import { anyHeader, HEADER, type Place, sources } from './headers.ts'

/** A field's place in the key, and in frames. */
export interface KeyField {
  readonly name: FieldName
  readonly bits: number
  /** First slot: the most significant 32 bits. */
  readonly slot: number
  readonly words: number
  /** Where its bit 0 is in its last slot; 0 unless it shares that slot. */
  readonly shift: number
  readonly sources: readonly Source[]
}

export interface Source {
  readonly header: number
  /** Bytes of the header that hold the field, widened to whole 16-bit words. */
  readonly from: number
  readonly to: number
  /** Writes the field's bits of the key into the header at `o`. */
  readonly store: (key: Uint32Array, bytes: Uint8Array, o: number) => void
}

/**
 * Fields of Open vSwitch that no packet here can have: options of Geneve, and the headers of ERSPAN
 * and GTP-U tunnels (there are no such tunnel ports); NSH (nothing makes or reads it); the bookkeeping
 * of Open vSwitch's own datapath (dp_hash, recirc_id); packets without an Ethernet header.
 */
const ABSENT = /^(tun_metadata|tun_erspan|tun_gtpu|nsh_|dp_hash$|recirc_id$|packet_type$)/
/** The fields that a key has. */
export const keyNames: readonly FieldName[] = fieldNames.filter((name) => !ABSENT.test(name))

/**
 * Fields that are bits of another one, which thereby follows when they change, and the place of
 * their bit 0. A frame that came by a port came by it physically too, so in_phy_port is in_port.
 */
const PARTS: { readonly [K in FieldName]?: readonly [whole: FieldName, shift: number] } = {
  in_phy_port: ['in_port', 0],
  nxm_in_port: ['in_port', 0],
  vlan_vid: ['vlan_tci', 0],
  vlan_pcp: ['vlan_tci', 13],
  ip_ecn: ['nw_tos', 0],
  ip_dscp: ['nw_tos', 2],
}
/** xreg and xxreg are the 32-bit registers seen in twos and fours. */
const REGISTERS = /^(x{1,2})reg(\d+)$/

const wordsOf = (name: FieldName) => Math.ceil(fieldOf[name].bits / 32)
const isWhole = (name: FieldName) => !PARTS[name] && !REGISTERS.test(name)

let words = 0
const slots = new Map<FieldName, number>()
for (const name of keyNames.filter(isWhole)) {
  slots.set(name, words)
  words += wordsOf(name)
}
for (const name of keyNames) {
  const [, x, n] = REGISTERS.exec(name) ?? []
  if (x !== undefined) slots.set(name, slots.get('reg0')! + Number(n) * (x === 'x' ? 2 : 4))
  const part = PARTS[name]
  if (part) slots.set(name, slots.get(part[0])!)
}

/** Length of a key. */
export const KEY_WORDS = words

function sourceOf(slot: number, shift: number, place: Place): Source {
  const [header, field] = place
  const layout = anyHeader[header]
  const at = layout.at[field]!
  const bits = layout.fields[field]!.bits
  const set = layout.set[field] as (bytes: Uint8Array, o: number, value: number) => void
  let store: Source['store'] = (key, bytes, o) => set(bytes, o, key[slot]! >>> shift)
  if (bits > 48) {
    store = (key, bytes, o) => {
      for (let i = 0; i < bits / 32; i++) storeWord(bytes, o + at / 8 + 4 * i, key[slot + i]!)
    }
  } else if (bits > 32) {
    store = (key, bytes, o) => set(bytes, o, key[slot]! * 2 ** 32 + key[slot + 1]!)
  }
  return { header: HEADER[header], from: (at >> 4) << 1, to: ((at + bits + 15) >> 4) << 1, store }
}

function storeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
}

export const keyField = Object.fromEntries(
  keyNames.map((name): [FieldName, KeyField] => {
    const slot = slots.get(name)!
    const shift = PARTS[name]?.[1] ?? 0
    // The older name of ip_dscp stands in the headers where that does.
    const bit = name === 'nw_tos' ? 2 : shift
    const from = (sources[name] ?? []).map((place) => sourceOf(slot, bit, place))
    const { bits } = fieldOf[name]
    return [name, { name, bits, slot, words: wordsOf(name), shift, sources: from }]
  }),
) as { readonly [K in FieldName]: KeyField }

/** The words of a field's value, most significant first, its bits where they stand in the key. */
export function fieldWords(name: FieldName, value: number | bigint): Uint32Array {
  return writeFieldWords(name, value, new Uint32Array(keyField[name].words))
}

/** The same into the first words of `out`, which it returns. */
export function writeFieldWords(
  name: FieldName,
  value: number | bigint,
  out: Uint32Array,
): Uint32Array {
  const { words: count, shift } = keyField[name]
  // The older name of ip_dscp has room for ip_ecn, and does not mean it.
  const means = name === 'nw_tos' ? 0xfc : -1
  if (count === 1 && typeof value === 'number') {
    out[0] = (value & means) << shift
    return out
  }
  if (count === 2 && typeof value === 'number') {
    out[0] = value / 2 ** 32
    out[1] = value
    return out
  }
  let rest = (BigInt(value) & BigInt(means)) << BigInt(shift)
  for (let i = count - 1; i >= 0; i--, rest >>= 32n) out[i] = Number(rest & 0xffff_ffffn)
  return out
}

const whole = new Map<FieldName, Uint32Array>()

/** The words of a mask over all bits of a field: one array for all, which nobody changes. */
export function wholeMask(name: FieldName): Uint32Array {
  const words = whole.get(name) ?? fieldWords(name, fieldOf[name].ones)
  whole.set(name, words)
  return words
}

const slotOf = (name: FieldName) => keyField[name].slot
export const IN_PORT = slotOf('in_port')
/** The low 32 bits of tunnel_id; the slot before holds the high ones. */
export const TUNNEL_ID = slotOf('tunnel_id') + 1
export const TUN_SRC = slotOf('tun_src')
export const TUN_DST = slotOf('tun_dst')
/** Holds vlan_vid below vlan_pcp; VLAN_PRESENT is set when there is a tag. */
export const VLAN_TCI = slotOf('vlan_tci')
/** OFPVID_PRESENT, OpenFlow 1.3.5 §7.2.3.7. */
export const VLAN_PRESENT = 0x1000

/** Whether a write of the field may write to the frame. */
export const isInFrame = (name: FieldName): boolean =>
  (keyField[name]?.sources.length ?? 0) > 0 || name === 'vlan_tci'
