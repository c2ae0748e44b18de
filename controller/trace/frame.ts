/** The frames of a trace: what a guest would send to reach another one, in the family that both have. Neighbour: trace.ts. */
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { arpFrame, icmpEchoFrame, tcpSynFrame, udpFrame } from '../../southbound/wire/frame.ts'
import { ipv6Frame, solicitationFrame } from '../../southbound/wire/frame-ipv6.ts'
import { icmpEcho } from '../../southbound/wire/icmp.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { TCP_FLAG, tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { familyOf, ipv6Number } from '../model/ip-address.ts'
import type { Family } from '../model/overhead.ts'
import type { Port } from '../model/schema.ts'

/** `neighbour`: the question for the MAC, by ARP or by a neighbour solicitation. */
export type Protocol = 'neighbour' | 'icmp' | 'tcp' | 'udp'

export interface Asking {
  readonly protocol: Protocol
  /** Left out: IPv4 where both have it. */
  readonly family?: Family | undefined
  /** Destination port of TCP or UDP; default 80. */
  readonly port?: number | undefined
  /** Length of the IP packet; default: as short as it can be. */
  readonly packetBytes?: number | undefined
}

/** From one guest to another, each with its MAC and its address of one family. */
export interface Between {
  readonly family: Family
  readonly macs: readonly [from: number, to: number]
  readonly addresses: readonly [from: string, to: string]
}

/** Of the dynamic range (RFC 6335 §6). */
const SOURCE_PORT = 49_152
const [ECHO_REQUEST_V6, ECHO_V6_HEADER] = [128, icmpEcho.size]

/** Undefined: they have no family in common, or not the one that is asked for. */
export function betweenOf(from: Port, to: Port, asked?: Family): Between | undefined {
  for (const family of asked === undefined ? ([4, 6] as const) : [asked]) {
    const [own, other] = [from, to].map(({ addresses }) =>
      addresses.find((address) => familyOf(address) === family),
    )
    const macs = [parseMac(from.mac), parseMac(to.mac)] as const
    if (own !== undefined && other !== undefined) return { family, macs, addresses: [own, other] }
  }
  return undefined
}

/** @param vid the tag that the guest sends it with; 0: none */
export function frameOf(between: Between, asking: Asking, vid: number): Uint8Array {
  return tagged(between.family === 4 ? frameV4(between, asking) : frameV6(between, asking), vid)
}

const room = (packetBytes: number, headers: number) =>
  new Uint8Array(Math.max(0, packetBytes - headers))

function frameV4({ macs, addresses }: Between, asking: Asking): Uint8Array {
  const { protocol, port = 80, packetBytes = 0 } = asking
  const [eth_src, eth_dst] = macs
  const [ipv4_src, ipv4_dst] = [parseIpv4(addresses[0]), parseIpv4(addresses[1])]
  const ip = { eth_src, eth_dst, ipv4_src, ipv4_dst, dontFragment: true }
  switch (protocol) {
    case 'neighbour':
      return arpFrame({ op: 1, sha: eth_src, spa: ipv4_src, tha: 0, tpa: ipv4_dst })
    case 'icmp': {
      const payload = room(packetBytes, ipv4.size + icmpEcho.size)
      return icmpEchoFrame({ ...ip, payload, identifier: 1, sequence: 1 })
    }
    case 'tcp': {
      const payload = room(packetBytes, ipv4.size + tcp.size)
      return tcpSynFrame({ ...ip, payload, tcp_src: SOURCE_PORT, tcp_dst: port })
    }
    case 'udp': {
      const payload = room(packetBytes, ipv4.size + udp.size)
      return udpFrame({ ...ip, payload, udp_src: SOURCE_PORT, udp_dst: port })
    }
  }
}

function frameV6({ macs, addresses }: Between, asking: Asking): Uint8Array {
  const { protocol, port = 80, packetBytes = 0 } = asking
  const [eth_src, eth_dst] = macs
  const [ipv6_src, ipv6_dst] = [ipv6Number(addresses[0]), ipv6Number(addresses[1])]
  if (protocol === 'neighbour') return solicitationFrame({ eth_src, ipv6_src, target: ipv6_dst })
  const header = { icmp: ECHO_V6_HEADER, tcp: tcp.size, udp: udp.size }[protocol]
  const payload = new Uint8Array(Math.max(header, packetBytes - ipv6.size))
  const ports = { src: SOURCE_PORT, dst: port }
  if (protocol === 'icmp') icmpEcho.set.type(payload, 0, ECHO_REQUEST_V6)
  else if (protocol === 'udp')
    udp.write(payload, 0, { ...ports, length: payload.length, checksum: 0 })
  else
    tcp.write(payload, 0, {
      ...{ ...ports, sequence: 0, acknowledgment: 0, dataOffset: 5, flags: TCP_FLAG.syn },
      ...{ window: 65_535, checksum: 0, urgent: 0 },
    })
  const number = { icmp: IP_PROTO.icmpv6, tcp: IP_PROTO.tcp, udp: IP_PROTO.udp }[protocol]
  return ipv6Frame({ eth_src, eth_dst, ipv6_src, ipv6_dst, protocol: number, payload })
}

/** What it is, for people. */
export function nameOf(
  { protocol, port = 80, packetBytes }: Asking,
  { family, addresses }: Between,
): string {
  const [, to] = addresses
  const size = packetBytes === undefined ? '' : `, ${packetBytes} bytes of IP`
  if (protocol === 'neighbour')
    return family === 4 ? `ARP: who has ${to}?` : `neighbour solicitation: who has ${to}?`
  if (protocol === 'icmp') return `ICMP${family === 6 ? 'v6' : ''} echo request to ${to}${size}`
  return `${protocol.toUpperCase()} to ${to} port ${port}${size}`
}

function tagged(frame: Uint8Array, vid: number): Uint8Array {
  if (vid === 0) return frame
  const type = ethernet.get.type(frame, 0)
  const out = new Uint8Array(frame.length + vlan.size)
  out.set(frame.subarray(0, 12))
  ethernet.set.type(out, 0, ETH_TYPE.vlan)
  vlan.set.vid(out, ethernet.size, vid)
  vlan.set.type(out, ethernet.size, type)
  out.set(frame.subarray(ethernet.size), ethernet.size + vlan.size)
  return out
}
