/** IPv4 ranges as numbers, by `ip-cidr`. */
import IPCIDR from 'ip-cidr'
import { parseIpv4 } from '../../southbound/wire/address.ts'

/** First (network address) and last (broadcast address) of a range, unsigned 32-bit. */
export interface Range {
  readonly first: number
  readonly last: number
  /** The range as it should be written: '10.0.0.0/24'. */
  readonly canonical: string
}

/** `cidr` must have passed the schema. */
export function rangeOf(cidr: string): Range {
  const [first, last] = new IPCIDR(cidr).toRange<string>()
  const prefix = cidr.slice(cidr.indexOf('/'))
  return Object.freeze({
    first: parseIpv4(first),
    last: parseIpv4(last),
    canonical: first + prefix,
  })
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
 * 0.0.0.0/8, 127.0.0.0/8 and 224.0.0.0 upwards are no address of one interface. RFC 6890 §2.2.2.
 */
export function isUsable(address: number): boolean {
  const top = Math.floor(address / 2 ** 24)
  return top !== 0 && top !== 127 && top < 224
}
