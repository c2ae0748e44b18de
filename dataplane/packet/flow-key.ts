/**
 * Reads a packet into its flow key. The copying of one header is generated from that header's
 * declaration (loaders.ts); only the order of headers is written by hand. What a header must be like
 * to be read is what Open vSwitch asks of it (lib/flow.c); one that is cut short or lies about its
 * length is not there, nor is anything behind it, and its fields are 0.
 * Neighbours: key-layout.ts (slots), matcher.ts compares keys, set-field.ts writes them back.
 */
import type { FieldName } from '../../southbound/openflow/oxm.ts'
import { arp } from '../../southbound/wire/arp.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { icmp, icmpEcho } from '../../southbound/wire/icmp.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { mpls } from '../../southbound/wire/mpls.ts'
import {
  linkLayerOption,
  ND_ADVERTISEMENT,
  ND_OPTION_SOURCE,
  ND_OPTION_TARGET,
  ND_SOLICITATION,
  neighbourDiscovery,
} from '../../southbound/wire/neighbour-discovery.ts'
import { pbb } from '../../southbound/wire/pbb.ts'
import { sctp } from '../../southbound/wire/sctp.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { HEADER } from './headers.ts'
import { chain, FRAGMENT, FRAGMENT_LATER, followChain } from './ipv6-chain.ts'
import { keyField, VLAN_PRESENT, VLAN_TCI } from './key-layout.ts'
import { frameSlots, load } from './loaders.ts'
import type { Packet } from './packet.ts'

const slotOf = (name: FieldName) => keyField[name].slot
const ETH_TYPE_SLOT = slotOf('eth_type')
const IP_PROTO_SLOT = slotOf('ip_proto')
const IP_FRAG = slotOf('ip_frag')
const EXTENSIONS = slotOf('ipv6_exthdr')
const NW_TOS = slotOf('nw_tos')
const NW_TTL = slotOf('nw_ttl')
const FLOW_LABEL = slotOf('ipv6_flabel')
const ND_RESERVED = slotOf('nd_reserved')

/** Types below are lengths of IEEE 802.3 frames. */
const LOWEST_TYPE = 0x600
/** eth_type of a frame that has none (OFP_DL_TYPE_NOT_ETH_TYPE). */
const NO_TYPE = 0x5ff
/** LLC and SNAP in front of an EtherType: aa aa 03 00 00 00. */
const SNAP_SIZE = 8
const RARP = 0x8035

const half = (bytes: Uint8Array, o: number) => (bytes[o]! << 8) | bytes[o + 1]!

/**
 * Fills the key's fields that come from the frame, and `packet.at`. Fields of the pipeline
 * (in_port, registers, tunnel, metadata) are left alone.
 */
export function extract(key: Uint32Array, packet: Packet): void {
  const { bytes, at, end } = packet
  clearFrameFields(key)
  at.fill(-1)
  let o = packet.start
  if (end - o < ethernet.size) return
  at[HEADER.ethernet] = o
  load.ethernet(key, bytes, o)
  o += ethernet.size
  let type = half(bytes, o - 2)
  // eth_type is what follows the last tag; vlan_vid and vlan_pcp are the first one's.
  while ((type === ETH_TYPE.vlan || type === ETH_TYPE.serviceVlan) && end - o >= vlan.size) {
    if (at[HEADER.vlan]! < 0) {
      at[HEADER.vlan] = o
      load.vlan(key, bytes, o)
      key[VLAN_TCI] = key[VLAN_TCI]! | VLAN_PRESENT
    }
    o += vlan.size
    type = half(bytes, o - 2)
  }
  if (type < LOWEST_TYPE) {
    type = snapType(bytes, o, end)
    if (type !== NO_TYPE) o += SNAP_SIZE
  }
  key[ETH_TYPE_SLOT] = type
  if (type === ETH_TYPE.ipv4) extractIpv4(key, packet, o)
  else if (type === ETH_TYPE.ipv6) extractIpv6(key, packet, o)
  else if (type === ETH_TYPE.arp || type === RARP) {
    if (end - o < arp.size || !isOverEthernet(bytes, o)) return
    at[HEADER.arp] = o
    load.arp(key, bytes, o)
  } else if (type === ETH_TYPE.mpls || type === ETH_TYPE.mplsMulticast) {
    if (end - o < mpls.size) return
    at[HEADER.mpls] = o
    load.mpls(key, bytes, o)
  } else if (type === ETH_TYPE.pbb) {
    if (end - o < pbb.size) return
    at[HEADER.pbb] = o
    load.pbb(key, bytes, o)
  }
}

function snapType(bytes: Uint8Array, o: number, end: number): number {
  if (end - o < SNAP_SIZE || half(bytes, o) !== 0xaaaa || half(bytes, o + 2) !== 0x0300) {
    return NO_TYPE
  }
  const type = half(bytes, o + 6)
  return half(bytes, o + 4) === 0 && type >= LOWEST_TYPE ? type : NO_TYPE
}

/** ARP of IPv4 addresses over Ethernet ones. */
function isOverEthernet(bytes: Uint8Array, o: number): boolean {
  return (
    arp.get.hardware(bytes, o) === 1 &&
    arp.get.protocol(bytes, o) === ETH_TYPE.ipv4 &&
    arp.get.hlen(bytes, o) === 6 &&
    arp.get.plen(bytes, o) === 4
  )
}

function extractIpv4(key: Uint32Array, packet: Packet, o: number): void {
  const { bytes, end } = packet
  if (end - o < ipv4.size) return
  const size = ipv4.get.ihl(bytes, o) * 4
  const total = ipv4.get.totalLength(bytes, o)
  if (size < ipv4.size || total < size || o + total > end) return
  packet.at[HEADER.ipv4] = o
  load.ipv4(key, bytes, o)
  if (ipv4.get.fragmentOffset(bytes, o) !== 0) key[IP_FRAG] = FRAGMENT | FRAGMENT_LATER
  else {
    if (ipv4.get.moreFragments(bytes, o) === 1) key[IP_FRAG] = FRAGMENT
    extractTransport(key, packet, ipv4.get.protocol(bytes, o), o + size, o + total)
  }
}

function extractIpv6(key: Uint32Array, packet: Packet, o: number): void {
  const { bytes } = packet
  if (packet.end - o < ipv6.size) return
  const end = o + ipv6.size + ipv6.get.payloadLength(bytes, o)
  if (end > packet.end) return
  load.ipv6(key, bytes, o)
  if (!followChain(bytes, ipv6.get.nextHeader(bytes, o), o + ipv6.size, end)) {
    // Nothing but the addresses counts.
    key[NW_TOS] = key[NW_TTL] = key[FLOW_LABEL] = 0
    return
  }
  packet.at[HEADER.ipv6] = o
  key[EXTENSIONS] = chain.headers
  key[IP_PROTO_SLOT] = chain.protocol
  key[IP_FRAG] = chain.fragment
  packet.at[HEADER.routing] = chain.routing
  if ((chain.fragment & FRAGMENT_LATER) === 0) {
    extractTransport(key, packet, chain.protocol, chain.at, end)
  }
}

function extractTransport(
  key: Uint32Array,
  packet: Packet,
  protocol: number,
  o: number,
  end: number,
): void {
  const { bytes, at } = packet
  const size = end - o
  if (protocol === IP_PROTO.tcp && size >= tcp.size) {
    const header = tcp.get.dataOffset(bytes, o) * 4
    if (header < tcp.size || header > size) at[HEADER.tcpMalformed] = o
    else {
      at[HEADER.tcp] = o
      load.tcp(key, bytes, o)
    }
  } else if (protocol === IP_PROTO.udp && size >= udp.size) {
    at[HEADER.udp] = o
    load.udp(key, bytes, o)
  } else if (protocol === IP_PROTO.sctp && size >= sctp.size) {
    at[HEADER.sctp] = o
    load.sctp(key, bytes, o)
  } else if (protocol === IP_PROTO.icmp && at[HEADER.ipv4]! >= 0 && size >= icmpEcho.size) {
    at[HEADER.icmp] = o
    load.icmp(key, bytes, o)
  } else if (protocol === IP_PROTO.icmpv6 && at[HEADER.ipv6]! >= 0 && size >= icmpEcho.size) {
    at[HEADER.icmpv6] = o
    load.icmpv6(key, bytes, o)
    extractDiscovery(key, packet, o, end)
  } else if (protocol === IP_PROTO.icmpv6 && at[HEADER.ipv6]! >= 0 && size >= icmp.size) {
    at[HEADER.icmpv6Short] = o
  }
}

/** Neighbour solicitations and advertisements: the target and the options with addresses. */
function extractDiscovery(key: Uint32Array, packet: Packet, start: number, end: number): void {
  const { bytes, at } = packet
  const type = bytes[start]!
  if ((type !== ND_SOLICITATION && type !== ND_ADVERTISEMENT) || bytes[start + 1] !== 0) return
  if (end - start < neighbourDiscovery.size) {
    key[ND_RESERVED] = neighbourDiscovery.get.reserved(bytes, start)
    return
  }
  for (let o = start + neighbourDiscovery.size; end - o >= linkLayerOption.size; ) {
    const size = bytes[o + 1]! * 8
    if (size === 0 || size > end - o) break
    const option = bytes[o]
    if (size === 8 && (option === ND_OPTION_SOURCE || option === ND_OPTION_TARGET)) {
      const header = option === ND_OPTION_SOURCE ? HEADER.ndSource : HEADER.ndTarget
      if (at[header]! >= 0 && linkLayerOption.get.address(bytes, at[header]!) !== 0) {
        // Twice the same option: neither target nor addresses can be trusted.
        at[HEADER.nd] = start
        key[ND_RESERVED] = neighbourDiscovery.get.reserved(bytes, start)
        load.ndOption(key, bytes, at[HEADER.ndOption]!)
        return
      }
      at[header] = o
      if (at[HEADER.ndOption]! < 0) at[HEADER.ndOption] = o
    }
    o += size
  }
  at[HEADER.nd] = start
  load.nd(key, bytes, start)
  if (at[HEADER.ndOption]! >= 0) load.ndOption(key, bytes, at[HEADER.ndOption]!)
  if (at[HEADER.ndSource]! >= 0) load.ndSource(key, bytes, at[HEADER.ndSource]!)
  if (at[HEADER.ndTarget]! >= 0) load.ndTarget(key, bytes, at[HEADER.ndTarget]!)
}

const FRAME_SLOTS = frameSlots(['eth_type', 'ip_frag', 'ipv6_exthdr', 'vlan_tci'])

function clearFrameFields(key: Uint32Array): void {
  for (let i = 0; i < FRAME_SLOTS.length; i++) {
    const run = FRAME_SLOTS[i]!
    key.fill(0, run[0], run[1])
  }
}
