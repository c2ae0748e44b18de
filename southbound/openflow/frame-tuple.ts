/**
 * Who sent what to whom, from the head of a frame: MACs, and the 5-tuple where it has one. Reads what a workload made, so
 * it believes no length. Of frames that hosts show because they drop them.
 */
import { formatIpv4, formatMac } from '../wire/address.ts'
import { formatIpv6 } from './text-address.ts'

/** Who sent what to whom: fields by their OpenFlow names; absent: the frame has none, or its head does not reach so far. */
export interface FrameTuple {
  readonly eth_src: string
  readonly eth_dst: string
  readonly eth_type: string
  /** Of the outermost VLAN tag. */
  readonly vlan_vid?: number
  /** IPv4 or IPv6; of ARP the sender's and the one asked for. */
  readonly ip_src?: string
  readonly ip_dst?: string
  readonly ip_proto?: number
  readonly src_port?: number
  readonly dst_port?: number
}

const [ARP, IPV4, IPV6, VLAN, QINQ] = [0x0806, 0x0800, 0x86dd, 0x8100, 0x88a8]
/** TCP, UDP, SCTP. */
const WITH_PORTS = new Set([6, 17, 132])

/** @param head first bytes of a frame. Undefined when they are less than an Ethernet header. */
export function frameTuple(head: Uint8Array): FrameTuple | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  if (bytes.length < 14) return undefined
  let at = 12
  let vlan_vid: number | undefined
  let type = bytes.readUInt16BE(at)
  while ((type === VLAN || type === QINQ) && bytes.length >= at + 6) {
    vlan_vid ??= bytes.readUInt16BE(at + 2) & 0xfff
    at += 4
    type = bytes.readUInt16BE(at)
  }
  return {
    eth_src: formatMac(bytes.readUIntBE(6, 6)),
    eth_dst: formatMac(bytes.readUIntBE(0, 6)),
    eth_type: `0x${type.toString(16).padStart(4, '0')}`,
    ...(vlan_vid === undefined ? {} : { vlan_vid }),
    ...networkTuple(type, bytes.subarray(at + 2)),
  }
}

function networkTuple(type: number, bytes: Buffer): Partial<FrameTuple> {
  if (type === ARP && bytes.length >= 28) {
    const [ip_src, ip_dst] = [bytes.readUInt32BE(14), bytes.readUInt32BE(24)].map(formatIpv4)
    return { ip_src, ip_dst } as Partial<FrameTuple>
  }
  if (type === IPV4 && bytes.length >= 20) {
    const [ip_src, ip_dst] = [
      formatIpv4(bytes.readUInt32BE(12)),
      formatIpv4(bytes.readUInt32BE(16)),
    ]
    const ip_proto = bytes.readUInt8(9)
    // A later fragment has no ports.
    const first = (bytes.readUInt16BE(6) & 0x1fff) === 0
    const ports = first ? portsOf(ip_proto, bytes.subarray((bytes.readUInt8(0) & 15) * 4)) : {}
    return { ip_src, ip_dst, ip_proto, ...ports }
  }
  if (type === IPV6 && bytes.length >= 40) {
    const address = (from: number) =>
      formatIpv6((bytes.readBigUInt64BE(from) << 64n) | bytes.readBigUInt64BE(from + 8))
    const ip_proto = bytes.readUInt8(6)
    const ports = portsOf(ip_proto, bytes.subarray(40))
    return { ip_src: address(8), ip_dst: address(24), ip_proto, ...ports }
  }
  return {}
}

function portsOf(protocol: number, bytes: Buffer): Partial<FrameTuple> {
  if (!WITH_PORTS.has(protocol) || bytes.length < 4) return {}
  return { src_port: bytes.readUInt16BE(0), dst_port: bytes.readUInt16BE(2) }
}

/** For people: '10.0.0.1:5 > 10.0.0.2:80 protocol 6', or MACs and Ethernet type. */
export function formatTuple(tuple: FrameTuple): string {
  const { ip_src, ip_dst, ip_proto, src_port, dst_port, eth_src, eth_dst, eth_type } = tuple
  if (ip_src === undefined || ip_dst === undefined)
    return `${eth_src} > ${eth_dst} type ${eth_type}`
  const at = (address: string, port: number | undefined) =>
    port === undefined ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`
  const kind = ip_proto === undefined ? 'ARP' : `protocol ${ip_proto}`
  return `${at(ip_src, src_port)} > ${at(ip_dst, dst_port)} ${kind}`
}
