/** Frames of a tunnel's far end, byte by byte: what answers, and what comes in. */
import { parseAddress, writeIpv6 } from '../../../dataplane/tunnel/address.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { internetChecksum, sum16 } from '../../../southbound/wire/checksum.ts'
import { arpFrame, udpFrame, vxlanFrame } from '../../../southbound/wire/frame.ts'
import { ipv4 } from '../../../southbound/wire/ipv4.ts'
import { OUR_MAC, PEER_MAC } from './station.ts'

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
export const bytes = (text: string) =>
  new Uint8Array(Buffer.from(text.replaceAll(/[\s|]/g, ''), 'hex'))

/** 60 bytes of UDP over IPv4 between two workloads, with this TOS byte and TTL. */
export function inner(tos = 0, ttl = 64, udp_src = 1000): Uint8Array {
  const at = { eth_src: 0x020000000011, eth_dst: 0x020000000012 }
  const ip = { ipv4_src: 0x0a000001, ipv4_dst: 0x0a000002, ttl, ip_dscp: tos >> 2, ip_ecn: tos & 3 }
  return udpFrame({ ...at, ...ip, udp_src, udp_dst: 53, payload: new Uint8Array(18).fill(0x5a) })
}

export const arpAnswer = (spa: string, mac = PEER_MAC) =>
  arpFrame({
    op: 2,
    sha: mac,
    spa: parseIpv4(spa),
    tha: OUR_MAC,
    tpa: parseIpv4('192.0.2.11'),
    eth_dst: OUR_MAC,
  })

/** A VXLAN packet to us over IPv4. */
export function arrival4(frame: Uint8Array, vni = 5001, tos = 0): Uint8Array {
  const out = vxlanFrame({
    eth_src: PEER_MAC,
    eth_dst: OUR_MAC,
    ipv4_src: parseIpv4('192.0.2.12'),
    ipv4_dst: parseIpv4('192.0.2.11'),
    vni,
    inner: frame,
  })
  out[15] = tos
  ipv4.set.checksum(out, 14, 0)
  ipv4.set.checksum(out, 14, internetChecksum(out, 14, 34))
  return out
}

/** The same over IPv6; `checksum`: right, or 0. */
export function arrival6(frame: Uint8Array, vni = 5001, tos = 0, checksum = true): Uint8Array {
  const size = 16 + frame.length
  const out = new Uint8Array(54 + size)
  out.set(bytes('0a0000000001 0a0000000002 86dd 60000000 0000 11 40'))
  out[14] = 0x60 | (tos >> 4)
  out[15] = (tos & 15) << 4
  const data = new DataView(out.buffer)
  data.setUint16(18, size)
  writeIpv6(out, 22, parseAddress('2001:db8::12'))
  writeIpv6(out, 38, parseAddress('2001:db8::11'))
  data.setUint16(54, 50_000)
  data.setUint16(56, 4789)
  data.setUint16(58, size)
  data.setUint32(62, 0x0800_0000)
  data.setUint32(66, vni << 8)
  out.set(frame, 70)
  if (checksum)
    data.setUint16(60, internetChecksum(out, 54, out.length, sum16(out, 22, 54) + 17 + size))
  return out
}
