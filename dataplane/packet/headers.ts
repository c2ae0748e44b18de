/**
 * The headers that a packet may have, and which field of the key stands where in them.
 * Neighbours: key-layout.ts (slots of fields), loaders.ts (reads a header into the key).
 */
import type { FieldName } from '../../southbound/openflow/oxm.ts'
import { arp } from '../../southbound/wire/arp.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { icmp } from '../../southbound/wire/icmp.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6, ipv6Routing } from '../../southbound/wire/ipv6.ts'
import { mpls } from '../../southbound/wire/mpls.ts'
import { linkLayerOption, neighbourDiscovery } from '../../southbound/wire/neighbour-discovery.ts'
import { pbb } from '../../southbound/wire/pbb.ts'
import { sctp } from '../../southbound/wire/sctp.ts'
import type { Fields, Struct } from '../../southbound/wire/struct.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { vlan } from '../../southbound/wire/vlan.ts'

/** Each at most once; the position is the header's number. */
const headers = {
  ethernet,
  /** The outermost tag. */
  vlan,
  pbb,
  /** The outermost label. */
  mpls,
  arp,
  ipv4,
  ipv6,
  /** Of IPv6, when the destination address is not the last one. */
  routing: ipv6Routing,
  icmp,
  icmpv6: icmp,
  /** Of less than the 8 bytes that each message has: only its checksum counts. */
  icmpv6Short: icmp,
  nd: neighbourDiscovery,
  /** The first option with a link-layer address; it is ndSource or ndTarget as well. */
  ndOption: linkLayerOption,
  ndSource: linkLayerOption,
  ndTarget: linkLayerOption,
  tcp,
  /** Whose data offset lies: its ports are not read, its checksum covers the addresses still. */
  tcpMalformed: tcp,
  udp,
  sctp,
}
export type HeaderName = keyof typeof headers
export const headerNames = Object.keys(headers) as HeaderName[]
/** Number of each header: its place in Packet.at. */
export const HEADER = Object.fromEntries(headerNames.map((name, i) => [name, i])) as {
  readonly [K in HeaderName]: number
}
export const anyHeader = headers as unknown as Readonly<Record<HeaderName, Struct<Fields>>>

/** A field of a header; `bits`: when more than that, from the bits in front of it. */
export type Place = readonly [header: HeaderName, field: string, bits?: number]

/** Both IP versions feed the same slots; a packet has only one of them. */
const ip = (field: string, inIpv6 = field): readonly Place[] => [
  ['ipv4', field],
  ['ipv6', inIpv6],
]

/** Where a field stands in frames; a field without a row lives in the key alone. */
export const sources: { readonly [K in FieldName]?: readonly Place[] } = {
  eth_dst: [['ethernet', 'dst']],
  eth_src: [['ethernet', 'src']],
  vlan_vid: [['vlan', 'vid']],
  vlan_pcp: [['vlan', 'pcp']],
  pbb_isid: [['pbb', 'isid']],
  mpls_label: [['mpls', 'label']],
  mpls_tc: [['mpls', 'tc']],
  mpls_bos: [['mpls', 'bos']],
  mpls_ttl: [['mpls', 'ttl']],
  ip_dscp: ip('dscp'),
  nw_tos: ip('dscp'),
  ip_ecn: ip('ecn'),
  nw_ttl: ip('ttl', 'hopLimit'),
  ip_proto: [['ipv4', 'protocol']],
  ipv4_src: [['ipv4', 'src']],
  ipv4_dst: [['ipv4', 'dst']],
  ipv6_src: [['ipv6', 'src']],
  ipv6_dst: [['ipv6', 'dst']],
  ipv6_flabel: [['ipv6', 'flowLabel']],
  tcp_src: [['tcp', 'src']],
  tcp_dst: [['tcp', 'dst']],
  // With the reserved bits.
  tcp_flags: [['tcp', 'flags', 12]],
  udp_src: [['udp', 'src']],
  udp_dst: [['udp', 'dst']],
  sctp_src: [['sctp', 'src']],
  sctp_dst: [['sctp', 'dst']],
  icmpv4_type: [['icmp', 'type']],
  icmpv4_code: [['icmp', 'code']],
  icmpv6_type: [['icmpv6', 'type']],
  icmpv6_code: [['icmpv6', 'code']],
  ipv6_nd_target: [['nd', 'target']],
  nd_reserved: [['nd', 'reserved']],
  nd_options_type: [['ndOption', 'type']],
  ipv6_nd_sll: [['ndSource', 'address']],
  ipv6_nd_tll: [['ndTarget', 'address']],
  arp_op: [['arp', 'op']],
  arp_spa: [['arp', 'spa']],
  arp_tpa: [['arp', 'tpa']],
  arp_sha: [['arp', 'sha']],
  arp_tha: [['arp', 'tha']],
}
