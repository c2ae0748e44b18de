/** Addresses of the underlay, of either family: their one spelling, and which of them a host can have. */
import { formatIpv6, parseIpv6 } from '../../southbound/openflow/text-address.ts'
import { spanOf } from '../../southbound/openflow/text-span.ts'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import { isUsable } from './cidr.ts'
import type { Family } from './overhead.ts'

export const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

/** As it is kept and compared: IPv6 in the form of RFC 5952. The address must have passed the schema. */
export function canonicalAddress(address: string): string {
  return familyOf(address) === 4 ? address : formatIpv6(ipv6Value(address))
}

/** What `isVtepAddress` asks for, as words for an error. */
export const vtepAddressRule =
  'a unicast address outside 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0 upwards, ::/8, fe80::/10 and ff00::/8'

/**
 * Whether one interface can have the address and others can reach it: no loopback, no multicast, no
 * link-local IPv6 (it says nothing without an interface), nothing of ::/8 (unspecified, loopback,
 * IPv4-mapped). RFC 6890 §2.2.
 */
export function isVtepAddress(address: string): boolean {
  if (familyOf(address) === 4) return isUsable(parseIpv4(address))
  const value = ipv6Value(address)
  const top = Number(value >> 120n)
  return top !== 0 && top !== 0xff && Number(value >> 118n) !== 0xfe80 >> 6
}

function ipv6Value(text: string): bigint {
  return parseIpv6(spanOf(text))
}
