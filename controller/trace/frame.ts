/** The frames of a trace: what a guest would send to reach another one. Neighbour: trace.ts. */
import { formatIpv4, parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { arpFrame, icmpEchoFrame, tcpSynFrame, udpFrame } from '../../southbound/wire/frame.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import type { Port } from '../model/schema.ts'

export interface Asking {
  readonly protocol: 'arp' | 'icmp' | 'tcp' | 'udp'
  /** Destination port of TCP or UDP; default 80. */
  readonly port?: number | undefined
  /** Length of the IP packet; default: as short as it can be. */
  readonly packetBytes?: number | undefined
}

/** IPv4 and what is inside of it, before any payload. Bytes. */
const headerBytes = { arp: 0, icmp: 28, tcp: 40, udp: 28 } as const
/** Of the dynamic range (RFC 6335 §6). */
const SOURCE_PORT = 49_152

/** The IPv4 address that a guest uses; undefined: it has none. */
export const ipv4Of = ({ addresses }: Port): string | undefined =>
  addresses.find((address) => !address.includes(':'))

/** @param vid the tag that the guest sends it with; 0: none @throws WireError for a port without an IPv4 address */
export function frameOf(from: Port, to: Port, asking: Asking, vid: number): Uint8Array {
  const [eth_src, eth_dst] = [parseMac(from.mac), parseMac(to.mac)]
  const [ipv4_src, ipv4_dst] = [parseIpv4(ipv4Of(from) ?? ''), parseIpv4(ipv4Of(to) ?? '')]
  const { protocol, port = 80, packetBytes = 0 } = asking
  const payload = new Uint8Array(Math.max(0, packetBytes - headerBytes[protocol]))
  const ip = { eth_src, eth_dst, ipv4_src, ipv4_dst, dontFragment: true, payload }
  return tagged(plain(), vid)

  function plain(): Uint8Array {
    switch (protocol) {
      case 'arp':
        return arpFrame({ op: 1, sha: eth_src, spa: ipv4_src, tha: 0, tpa: ipv4_dst })
      case 'icmp':
        return icmpEchoFrame({ ...ip, identifier: 1, sequence: 1 })
      case 'tcp':
        return tcpSynFrame({ ...ip, tcp_src: SOURCE_PORT, tcp_dst: port })
      case 'udp':
        return udpFrame({ ...ip, udp_src: SOURCE_PORT, udp_dst: port })
    }
  }
}

/** What it is, for people. */
export function nameOf({ protocol, port = 80, packetBytes }: Asking, to: Port): string {
  const size = packetBytes === undefined ? '' : `, ${packetBytes} bytes of IP`
  if (protocol === 'arp') return `ARP: who has ${ipv4Of(to)}?`
  if (protocol === 'icmp') return `ICMP echo request to ${ipv4Of(to)}${size}`
  return `${protocol.toUpperCase()} to ${formatIpv4(parseIpv4(ipv4Of(to) ?? ''))} port ${port}${size}`
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
