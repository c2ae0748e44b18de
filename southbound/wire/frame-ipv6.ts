/** Builders of whole frames with IPv6, for guests, tests and traces. Neighbours: frame.ts (the same of IPv4), ipv6.ts. */
import { internetChecksum } from './checksum.ts'
import { ETH_TYPE } from './ethernet.ts'
import { ethernetFrame } from './frame.ts'
import { IP_PROTO } from './ipv4.ts'
import { ipv6 } from './ipv6.ts'
import {
  linkLayerOption,
  ND_OPTION_SOURCE,
  ND_SOLICITATION,
  neighbourDiscovery,
} from './neighbour-discovery.ts'

export interface Ipv6FrameOptions {
  readonly eth_src: number
  /** Default: of a group, the MAC that goes with it (RFC 2464 §7). */
  readonly eth_dst?: number | undefined
  /** 128 bits. */
  readonly ipv6_src: bigint
  readonly ipv6_dst: bigint
  /** Default 64. */
  readonly hopLimit?: number | undefined
  readonly protocol: number
  /** With zeros where the checksum is. */
  readonly payload: Uint8Array
}

/** Offset of the checksum in the header of a protocol; the rest has none that is filled in here. */
const checksumAt: Readonly<Record<number, number>> = {
  [IP_PROTO.icmpv6]: 2,
  [IP_PROTO.tcp]: 16,
  [IP_PROTO.udp]: 6,
}

/** RFC 8200 §3, with the checksum of §8.1. */
export function ipv6Frame(of: Ipv6FrameOptions): Uint8Array {
  const { eth_src, eth_dst = groupMac(of.ipv6_dst), protocol, payload } = of
  const packet = new Uint8Array(ipv6.size + payload.length)
  ipv6.write(packet, 0, {
    ...{ version: 6, dscp: 0, ecn: 0, flowLabel: 0, payloadLength: payload.length },
    ...{ nextHeader: protocol, hopLimit: of.hopLimit ?? 64, src: of.ipv6_src, dst: of.ipv6_dst },
  })
  packet.set(payload, ipv6.size)
  const at = checksumAt[protocol]
  if (at !== undefined) {
    const pseudo = Buffer.concat([packet.subarray(8, ipv6.size), Buffer.alloc(8), payload])
    pseudo.writeUInt32BE(payload.length, 32)
    pseudo[39] = protocol
    const sum = internetChecksum(pseudo, 0, pseudo.length) || 0xffff
    packet.set([sum >> 8, sum & 255], ipv6.size + at)
  }
  return ethernetFrame({ src: eth_src, dst: eth_dst, type: ETH_TYPE.ipv6, payload: packet })
}

/** The group in which whoever has the address listens. RFC 4291 §2.7.1. */
export const solicitedNode = (address: bigint): bigint =>
  (0xff02n << 112n) | (0x1ffn << 24n) | (address & 0xffffffn)

/** RFC 2464 §7. @param group 128 bits */
export const groupMac = (group: bigint): number => 0x3333_0000_0000 + Number(group & 0xffff_ffffn)

/** Who has the target? RFC 4861 §4.3. */
export function solicitationFrame(of: {
  readonly eth_src: number
  readonly ipv6_src: bigint
  readonly target: bigint
}): Uint8Array {
  const { eth_src, ipv6_src, target } = of
  const payload = new Uint8Array(neighbourDiscovery.size + linkLayerOption.size)
  neighbourDiscovery.write(payload, 0, {
    ...{ type: ND_SOLICITATION, code: 0, checksum: 0, reserved: 0, target },
  })
  const option = { type: ND_OPTION_SOURCE, length: 1, address: eth_src }
  linkLayerOption.write(payload, neighbourDiscovery.size, option)
  const ip = { eth_src, ipv6_src, ipv6_dst: solicitedNode(target), hopLimit: 255 }
  return ipv6Frame({ ...ip, protocol: IP_PROTO.icmpv6, payload })
}
