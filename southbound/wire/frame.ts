/**
 * Whole frames from values: what guests, tests and checks send. Fields carry OpenFlow's names
 * (`eth_dst`, `ipv4_src`, `udp_dst`), lengths and checksums are filled in. Builders allocate; the
 * packet path writes headers in place instead (dataplane/tunnel/vxlan.ts).
 */

import { BROADCAST_MAC } from './address.ts'
import { ARP_REQUEST, arp } from './arp.ts'
import { internetChecksum, pseudoHeaderSum } from './checksum.ts'
import { ETH_TYPE, ethernet } from './ethernet.ts'
import { ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST, icmpEcho } from './icmp.ts'
import { IP_PROTO, ipv4 } from './ipv4.ts'
import { TCP_FLAG, tcp } from './tcp.ts'
import { udp } from './udp.ts'
import { vlan } from './vlan.ts'
import { VXLAN_PORT, vxlan } from './vxlan.ts'

export interface EthernetOptions {
  readonly dst: number
  readonly src: number
  readonly type: number
  /** VID of one 802.1Q tag. */
  readonly vlan_vid?: number | undefined
  readonly vlan_pcp?: number | undefined
  readonly payload: Uint8Array
}

export interface ArpOptions {
  /** 1 = request, 2 = reply. */
  readonly op: number
  readonly sha: number
  readonly spa: number
  readonly tha: number
  readonly tpa: number
  /** Default: broadcast for a request, `tha` for a reply. */
  readonly eth_dst?: number | undefined
  /** Default: `sha`. */
  readonly eth_src?: number | undefined
}

export interface Ipv4Options {
  readonly ipv4_src: number
  readonly ipv4_dst: number
  /** Default 64. */
  readonly ttl?: number | undefined
  readonly ip_dscp?: number | undefined
  readonly ip_ecn?: number | undefined
  readonly identification?: number | undefined
  readonly dontFragment?: boolean | undefined
}

export interface FrameOptions extends Ipv4Options {
  readonly eth_dst: number
  readonly eth_src: number
  readonly vlan_vid?: number | undefined
  readonly payload?: Uint8Array | undefined
}

const NOTHING = new Uint8Array(0)

export function ethernetFrame(of: EthernetOptions): Uint8Array {
  const tag = of.vlan_vid === undefined ? 0 : vlan.size
  const frame = new Uint8Array(ethernet.size + tag + of.payload.length)
  const type = tag > 0 ? ETH_TYPE.vlan : of.type
  ethernet.write(frame, 0, { dst: of.dst, src: of.src, type })
  if (of.vlan_vid !== undefined) {
    const pcp = of.vlan_pcp ?? 0
    vlan.write(frame, ethernet.size, { pcp, dei: 0, vid: of.vlan_vid, type: of.type })
  }
  frame.set(of.payload, ethernet.size + tag)
  return frame
}

export function arpFrame(of: ArpOptions): Uint8Array {
  const payload = new Uint8Array(arp.size)
  const { op, sha, spa, tha, tpa } = of
  const pair = { hardware: 1, protocol: ETH_TYPE.ipv4, hlen: 6, plen: 4 }
  arp.write(payload, 0, { ...pair, op, sha, spa, tha, tpa })
  const dst = of.eth_dst ?? (op === ARP_REQUEST ? BROADCAST_MAC : tha)
  return ethernetFrame({ dst, src: of.eth_src ?? sha, type: ETH_TYPE.arp, payload })
}

/** Header and payload, without Ethernet. */
export function ipv4Packet(
  of: Ipv4Options & { readonly protocol: number; readonly payload: Uint8Array },
): Uint8Array {
  const packet = new Uint8Array(ipv4.size + of.payload.length)
  ipv4.write(packet, 0, {
    version: 4,
    ihl: 5,
    dscp: of.ip_dscp ?? 0,
    ecn: of.ip_ecn ?? 0,
    totalLength: packet.length,
    identification: of.identification ?? 0,
    reserved: 0,
    dontFragment: of.dontFragment ? 1 : 0,
    moreFragments: 0,
    fragmentOffset: 0,
    ttl: of.ttl ?? 64,
    protocol: of.protocol,
    checksum: 0,
    src: of.ipv4_src,
    dst: of.ipv4_dst,
  })
  ipv4.set.checksum(packet, 0, internetChecksum(packet, 0, ipv4.size))
  packet.set(of.payload, ipv4.size)
  return packet
}

/** An IPv4 packet of any protocol in an Ethernet frame. */
export function ipv4Frame(
  of: FrameOptions & { readonly protocol: number; readonly payload: Uint8Array },
): Uint8Array {
  return ethernetFrame({
    dst: of.eth_dst,
    src: of.eth_src,
    type: ETH_TYPE.ipv4,
    vlan_vid: of.vlan_vid,
    payload: ipv4Packet(of),
  })
}

export function udpFrame(
  of: FrameOptions & { readonly udp_src: number; readonly udp_dst: number },
): Uint8Array {
  const data = of.payload ?? NOTHING
  const length = udp.size + data.length
  const payload = new Uint8Array(length)
  udp.write(payload, 0, { src: of.udp_src, dst: of.udp_dst, length, checksum: 0 })
  payload.set(data, udp.size)
  const seed = pseudoHeaderSum(of.ipv4_src, of.ipv4_dst, IP_PROTO.udp, length)
  // RFC 768: a checksum that comes out as 0 is sent as 0xffff, for 0 means none.
  udp.set.checksum(payload, 0, internetChecksum(payload, 0, length, seed) || 0xffff)
  return ipv4Frame({ ...of, protocol: IP_PROTO.udp, payload })
}

export interface IcmpEchoOptions extends FrameOptions {
  /** Default 'request'. */
  readonly kind?: 'request' | 'reply' | undefined
  readonly identifier: number
  readonly sequence: number
}

export function icmpEchoFrame(of: IcmpEchoOptions): Uint8Array {
  const data = of.payload ?? NOTHING
  const payload = new Uint8Array(icmpEcho.size + data.length)
  const type = of.kind === 'reply' ? ICMP_ECHO_REPLY : ICMP_ECHO_REQUEST
  const { identifier, sequence } = of
  icmpEcho.write(payload, 0, { type, code: 0, checksum: 0, identifier, sequence })
  payload.set(data, icmpEcho.size)
  icmpEcho.set.checksum(payload, 0, internetChecksum(payload, 0, payload.length))
  return ipv4Frame({ ...of, protocol: IP_PROTO.icmp, payload })
}

export interface TcpOptions extends FrameOptions {
  readonly tcp_src: number
  readonly tcp_dst: number
  readonly sequence?: number | undefined
}

/** The first segment of a connection. */
export function tcpSynFrame(of: TcpOptions): Uint8Array {
  const data = of.payload ?? NOTHING
  const payload = new Uint8Array(tcp.size + data.length)
  tcp.write(payload, 0, {
    src: of.tcp_src,
    dst: of.tcp_dst,
    sequence: of.sequence ?? 0,
    acknowledgment: 0,
    dataOffset: 5,
    flags: TCP_FLAG.syn,
    window: 65535,
    checksum: 0,
    urgent: 0,
  })
  payload.set(data, tcp.size)
  const seed = pseudoHeaderSum(of.ipv4_src, of.ipv4_dst, IP_PROTO.tcp, payload.length)
  tcp.set.checksum(payload, 0, internetChecksum(payload, 0, payload.length, seed))
  return ipv4Frame({ ...of, protocol: IP_PROTO.tcp, payload })
}

export interface VxlanOptions {
  readonly eth_dst: number
  readonly eth_src: number
  readonly ipv4_src: number
  readonly ipv4_dst: number
  readonly ip_ecn?: number | undefined
  /** Default 49152; a VTEP derives it from the inner frame (RFC 7348 §4.1). */
  readonly udp_src?: number | undefined
  readonly vni: number
  readonly inner: Uint8Array
}

/** A VXLAN packet as a VTEP sends it: DF set, UDP checksum 0. */
export function vxlanFrame(of: VxlanOptions): Uint8Array {
  const length = udp.size + vxlan.size + of.inner.length
  const payload = new Uint8Array(length)
  const src = of.udp_src ?? 49152
  udp.write(payload, 0, { src, dst: VXLAN_PORT, length, checksum: 0 })
  vxlan.write(payload, udp.size, { i: 1, vni: of.vni })
  payload.set(of.inner, udp.size + vxlan.size)
  return ipv4Frame({ ...of, dontFragment: true, protocol: IP_PROTO.udp, payload })
}
