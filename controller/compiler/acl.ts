/**
 * Anti-spoofing of a port as entries of an ACL (hardware_vtep, vtep(5)): permits for what the port is, then denies. What
 * no entry matches passes, so the last one denies all. Entries hold frames from the workload only (`ingress`).
 *
 * The schema has no columns for what is inside ARP and neighbour discovery. How entries say it all the same is agreed with
 * southbound/agent (its README, Decisions 6): with ethertype 0x0806 the source columns are the sender in the ARP packet;
 * a permit of ICMPv6 135 or 136 with a source_mac holds the link-layer option too. Neighbour: `vtep-units.ts`.
 */
import type { Port } from '../model/schema.ts'

/** Columns of an ACL_entry; those left out match anything. */
export interface AclEntry {
  readonly sequence: number
  readonly direction: 'ingress'
  readonly action: 'permit' | 'deny'
  readonly source_mac?: string
  readonly ethertype?: string
  readonly source_ip?: string
  readonly protocol?: number
  readonly icmp_type?: number
}

const [ARP, IPV4, IPV6] = ['0x0806', '0x0800', '0x86dd']
const ICMPV6 = 58
const [SOLICITATION, ADVERTISEMENT] = [135, 136]

/**
 * First sequence number of each kind of entry; an address has its place in the port's list added, so that numbers stay when
 * other things change. The denies are apart because the device counts each: they say why a frame was dropped.
 */
export const sequence = {
  arpProbe: 90,
  arp: 100,
  ipv4: 200,
  duplicateDetection: 290,
  solicitation: 300,
  advertisement: 400,
  denyIcmpv6: 500,
  ipv6: 600,
  denyArp: 900,
  denyIp: 910,
  denyAll: 1000,
} as const

/** ICMPv6 by which a neighbour could be led astray: router advertisement, both of discovery, redirect. RFC 4861 §4. */
const DISCOVERY = [134, SOLICITATION, ADVERTISEMENT, 137]

/** More than the entries that a port has here: 16 addresses. */
const SOURCES_OF_PORT = 64

/**
 * Frames from a physical network that say that a port of ours has sent them: its MAC, or one of its addresses in ARP or IP.
 * Sequence numbers are the port's own, so that they stay whatever comes and goes beside it.
 */
export function loopedSources({
  number,
  mac: source_mac,
  addresses,
}: Pick<Port, 'number' | 'mac' | 'addresses'>): AclEntry[] {
  const claims: readonly Partial<AclEntry>[] = [
    { source_mac },
    ...addresses.flatMap((source_ip) =>
      (source_ip.includes(':') ? [IPV6] : [ARP, IPV4]).map((ethertype) => ({
        ...{ ethertype, source_ip },
      })),
    ),
  ]
  return claims.map((claim, at) => ({
    ...{ sequence: number * SOURCES_OF_PORT + at, direction: 'ingress', action: 'deny', ...claim },
  }))
}

/** @param addresses IPv4 and IPv6, in an order that stays */
export function antiSpoofing(source_mac: string, addresses: readonly string[]): AclEntry[] {
  const entries: AclEntry[] = []
  const add = (at: number, action: 'permit' | 'deny', match: Partial<AclEntry>) =>
    entries.push({ sequence: at, direction: 'ingress', action, ...match })
  const isV6 = (address: string) => address.includes(':')
  const discover = (at: number, source_ip: string, icmp_type: number) =>
    add(at, 'permit', { source_mac, ethertype: IPV6, source_ip, protocol: ICMPV6, icmp_type })

  // A sender of 0.0.0.0 is an address probe (RFC 5227 §2.1.1), one of :: duplicate address detection (RFC 4862 §5.4.2).
  if (addresses.some((address) => !isV6(address)))
    add(sequence.arpProbe, 'permit', { source_mac, ethertype: ARP, source_ip: '0.0.0.0' })
  if (addresses.some(isV6)) discover(sequence.duplicateDetection, '::', SOLICITATION)
  for (const [i, source_ip] of addresses.entries()) {
    if (isV6(source_ip)) {
      discover(sequence.solicitation + i, source_ip, SOLICITATION)
      discover(sequence.advertisement + i, source_ip, ADVERTISEMENT)
      add(sequence.ipv6 + i, 'permit', { source_mac, ethertype: IPV6, source_ip })
    } else {
      add(sequence.arp + i, 'permit', { source_mac, ethertype: ARP, source_ip })
      add(sequence.ipv4 + i, 'permit', { source_mac, ethertype: IPV4, source_ip })
    }
  }
  for (const [i, icmp_type] of DISCOVERY.entries())
    add(sequence.denyIcmpv6 + i, 'deny', { ethertype: IPV6, protocol: ICMPV6, icmp_type })
  add(sequence.denyArp, 'deny', { ethertype: ARP })
  add(sequence.denyIp, 'deny', { ethertype: IPV4 })
  add(sequence.denyAll, 'deny', {})
  return entries.sort((a, b) => a.sequence - b.sequence)
}
