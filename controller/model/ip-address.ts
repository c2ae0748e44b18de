/**
 * Addresses of either family: as numbers, in their one spelling, which of them an interface can have, and those that follow
 * from a MAC. Neighbours: cidr.ts has ranges of them, ipam.ts gives them.
 */
import { formatIpv6, parseIpv6 } from '../../southbound/openflow/text-address.ts'
import { spanOf } from '../../southbound/openflow/text-span.ts'
import { formatIpv4, parseIpv4 } from '../../southbound/wire/address.ts'
import type { Family } from './overhead.ts'

export const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

/** 32 or 128 bits. The address must have passed the schema. */
export function addressNumber(address: string): bigint {
  return familyOf(address) === 4 ? BigInt(parseIpv4(address)) : ipv6Number(address)
}

/** 128 bits. The address must have passed the schema. */
export const ipv6Number = (address: string): bigint => parseIpv6(spanOf(address))

export function formatAddress(family: Family, address: bigint): string {
  return family === 4 ? formatIpv4(Number(address)) : formatIpv6(address)
}

/** As it is kept and compared: IPv6 in the form of RFC 5952. The address must have passed the schema. */
export function canonicalAddress(address: string): string {
  return familyOf(address) === 4 ? address : formatIpv6(ipv6Number(address))
}

/** What `isVtepAddress` asks for, as words for an error. */
export const vtepAddressRule =
  'a unicast address outside 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0 upwards, ::/8, fe80::/10 and ff00::/8'

/** Whether one interface can have the address and others can reach it: `isUnicast`. */
export const isVtepAddress = (address: string): boolean =>
  isUnicast(familyOf(address), addressNumber(address))

/**
 * No loopback, no multicast, no link-local IPv6 (it says nothing without an interface), nothing of ::/8 (unspecified,
 * loopback, IPv4-mapped), nor 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0 upwards. RFC 6890 §2.2.
 */
export function isUnicast(family: Family, address: bigint): boolean {
  const top = Number(address >> (family === 4 ? 24n : 120n))
  if (family === 4) return top !== 0 && top !== 127 && top < 224
  return top !== 0 && top !== 0xff && Number(address >> 118n) !== 0xfe80 >> 6
}

/** Bits of an address that follow from a MAC, and of the prefix before them. RFC 4291 §2.5.1. */
export const EUI64_BITS = 64
const LINK_LOCAL = 0xfe80n << 112n
/** The universal/local bit of a MAC, turned over in an address. */
const LOCAL_BIT = 2 ** 41

/** The address that a MAC gives in a /64. RFC 4291 appendix A. @param prefix 128 bits, the lower 64 of them 0 @param mac 48 bits */
export function eui64Address(prefix: bigint, mac: number): bigint {
  const isLocal = Math.floor(mac / LOCAL_BIT) % 2 === 1
  const turned = BigInt(isLocal ? mac - LOCAL_BIT : mac + LOCAL_BIT)
  return prefix | ((turned >> 24n) << 40n) | (0xfffen << 24n) | (turned & 0xffffffn)
}

/** What an interface with this MAC calls itself on its link. RFC 4862 §5.3. */
export const linkLocalAddress = (mac: number): bigint => eui64Address(LINK_LOCAL, mac)
