/**
 * Where each match field stands: its slots in the flow key (a Uint32Array) and its places in
 * headers, both derived from declarations: the OXM rows and the structs of the wire formats.
 * Neighbours: flow-key.ts reads headers into keys, set-field.ts writes fields back.
 */
import { type FieldName, fieldNames, fieldOf } from '../../southbound/openflow/oxm.ts'
import { arp } from '../../southbound/wire/arp.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { icmp } from '../../southbound/wire/icmp.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { mpls } from '../../southbound/wire/mpls.ts'
import { sctp } from '../../southbound/wire/sctp.ts'
import type { Fields, Struct } from '../../southbound/wire/struct.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { vlan } from '../../southbound/wire/vlan.ts'

/** Headers that a packet may have, each at most once; the position is the header's number. */
const headers = { ethernet, vlan, mpls, arp, ipv4, ipv6, icmp, icmpv6: icmp, tcp, udp, sctp }
export type HeaderName = keyof typeof headers
export const headerNames = Object.keys(headers) as HeaderName[]
/** Number of each header: its place in Packet.at. */
export const HEADER = Object.fromEntries(headerNames.map((name, i) => [name, i])) as {
  readonly [K in HeaderName]: number
}

/** Where a field stands in frames; a field without a row lives in the key alone. */
export const sources: { readonly [K in FieldName]?: readonly (readonly [HeaderName, string])[] } = {
  eth_dst: [['ethernet', 'dst']],
  eth_src: [['ethernet', 'src']],
  vlan_vid: [['vlan', 'vid']],
  vlan_pcp: [['vlan', 'pcp']],
  // Both IP versions feed the same slots; a packet has only one of them.
  ip_dscp: [
    ['ipv4', 'dscp'],
    ['ipv6', 'dscp'],
  ],
  ip_ecn: [
    ['ipv4', 'ecn'],
    ['ipv6', 'ecn'],
  ],
  nw_ttl: [
    ['ipv4', 'ttl'],
    ['ipv6', 'hopLimit'],
  ],
  ip_proto: [['ipv4', 'protocol']],
  ipv4_src: [['ipv4', 'src']],
  ipv4_dst: [['ipv4', 'dst']],
  ipv6_src: [['ipv6', 'src']],
  ipv6_dst: [['ipv6', 'dst']],
  ipv6_flabel: [['ipv6', 'flowLabel']],
  tcp_src: [['tcp', 'src']],
  tcp_dst: [['tcp', 'dst']],
  tcp_flags: [['tcp', 'flags']],
  udp_src: [['udp', 'src']],
  udp_dst: [['udp', 'dst']],
  sctp_src: [['sctp', 'src']],
  sctp_dst: [['sctp', 'dst']],
  icmpv4_type: [['icmp', 'type']],
  icmpv4_code: [['icmp', 'code']],
  icmpv6_type: [['icmpv6', 'type']],
  icmpv6_code: [['icmpv6', 'code']],
  arp_op: [['arp', 'op']],
  arp_spa: [['arp', 'spa']],
  arp_tpa: [['arp', 'tpa']],
  arp_sha: [['arp', 'sha']],
  arp_tha: [['arp', 'tha']],
  mpls_label: [['mpls', 'label']],
  mpls_tc: [['mpls', 'tc']],
  mpls_bos: [['mpls', 'bos']],
}

/** A field's place in the key, and in frames. */
export interface KeyField {
  readonly name: FieldName
  readonly bits: number
  /** First slot: the most significant 32 bits. */
  readonly slot: number
  readonly words: number
  readonly sources: readonly Source[]
}

export interface Source {
  readonly header: number
  /** Bytes of the header that hold the field, widened to whole 16-bit words. */
  readonly from: number
  readonly to: number
  /** Writes the field's slots of the key into the header at `o`. */
  readonly store: (key: Uint32Array, bytes: Uint8Array, o: number) => void
}

/** Fields of Open vSwitch that are of no use here: refused in matches and in actions. */
const ABSENT =
  /^(tun_(metadata|gbp|erspan|gtpu)|nsh_|ct_(nw|ipv6|tp)_|nd_|nxm_|vlan_tci|nw_tos|mpls_ttl|dp_hash|recirc_id|actset_output|packet_type)/
/** The fields that a key has. */
export const keyNames: readonly FieldName[] = fieldNames.filter((name) => !ABSENT.test(name))

/** xreg and xxreg are the 32-bit registers seen in twos and fours. */
const REGISTERS = /^(x{1,2})reg(\d+)$/

let words = 0
const slots = new Map<FieldName, number>()
for (const name of keyNames) {
  const [, x, n] = REGISTERS.exec(name) ?? []
  const first = x === undefined ? undefined : slots.get('reg0')
  if (first !== undefined) {
    slots.set(name, first + Number(n) * (x === 'x' ? 2 : 4))
  } else if (name === 'in_phy_port') {
    slots.set(name, slots.get('in_port') ?? 0)
  } else {
    slots.set(name, words)
    words += Math.ceil(fieldOf[name].bits / 32)
  }
}

/** Length of a key. */
export const KEY_WORDS = words

export const anyHeader = headers as unknown as Readonly<Record<HeaderName, Struct<Fields>>>

function sourceOf(slot: number, [header, field]: readonly [HeaderName, string]): Source {
  const layout = anyHeader[header]
  const at = layout.at[field]!
  const bits = layout.fields[field]!.bits
  const set = layout.set[field] as (bytes: Uint8Array, o: number, value: number) => void
  let store: Source['store'] = (key, bytes, o) => set(bytes, o, key[slot]!)
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
    const { bits } = fieldOf[name]
    const slot = slots.get(name)!
    const from = (sources[name] ?? []).map((source) => sourceOf(slot, source))
    return [name, { name, bits, slot, words: Math.ceil(bits / 32), sources: from }]
  }),
) as { readonly [K in FieldName]: KeyField }

const slotOf = (name: FieldName) => keyField[name].slot
export const IN_PORT = slotOf('in_port')
/** The low 32 bits of tunnel_id; the slot before holds the high ones. */
export const TUNNEL_ID = slotOf('tunnel_id') + 1
export const TUN_SRC = slotOf('tun_src')
export const TUN_DST = slotOf('tun_dst')
