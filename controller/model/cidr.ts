/** Subnets as ranges of numbers, by `ip-cidr`. Neighbours: ip-address.ts, address-ranges.ts. */
import IPCIDR from 'ip-cidr'
import type { AddressRange } from './address-ranges.ts'
import { addressNumber, canonicalAddress, familyOf } from './ip-address.ts'
import type { Family } from './overhead.ts'

/** From the network address to the last one (of IPv4 the broadcast address), 32 or 128 bits. */
export interface Range extends AddressRange {
  readonly family: Family
  readonly prefix: number
  /** The range as it should be written: '10.0.0.0/24'. */
  readonly canonical: string
}

/** `cidr` must have passed the schema. */
export function rangeOf(cidr: string): Range {
  const [first, last] = new IPCIDR(cidr).toRange<string>()
  const prefix = cidr.slice(cidr.indexOf('/') + 1)
  return Object.freeze({
    family: familyOf(cidr),
    first: addressNumber(first),
    last: addressNumber(last),
    prefix: Number(prefix),
    canonical: `${canonicalAddress(first)}/${prefix}`,
  })
}

/** Both must have passed the schema. */
export function isWithin(address: string, cidr: string): boolean {
  const { family, first, last } = rangeOf(cidr)
  const value = addressNumber(address)
  return family === familyOf(address) && first <= value && value <= last
}

/** The one spelling of its address; bits behind the prefix stay as they are. */
export function canonicalCidr(cidr: string): string {
  const [address = '', prefix] = cidr.split('/')
  return `${canonicalAddress(address)}/${prefix}`
}

const ranges = new WeakMap<object, Range>()

/** The range of a stored (frozen) subnet, computed once per object. */
export function subnetRange(subnet: { readonly cidr: string }): Range {
  let range = ranges.get(subnet)
  if (!range) {
    range = rangeOf(subnet.cidr)
    ranges.set(subnet, range)
  }
  return range
}

/**
 * What no workload can have: the network address (of IPv6 the anycast address of routers, RFC 4291 §2.6.1) and the
 * broadcast address, which IPv6 has not.
 */
export function endsOf({ family, first, last }: Range): AddressRange[] {
  const network = { first, last: first }
  return family === 4 ? [network, { first: last, last }] : [network]
}
