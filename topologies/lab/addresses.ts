/** Addresses of labs: those of VTEPs, and those that checks make up: near to real ones, and nobody's. */
import { parseIpv6 } from '../../southbound/openflow/text-address.ts'
import { spanOf } from '../../southbound/openflow/text-span.ts'
import { parseIpv4 } from '../../southbound/wire/address.ts'
import type { DocumentHost } from './lab.ts'

/** The address of a host's VTEP, or those of both families. */
export function vtepAddresses(host: DocumentHost): string[] {
  const { vtepAddress, alternateVtepAddress } = host
  return alternateVtepAddress === undefined ? [vtepAddress] : [vtepAddress, alternateVtepAddress]
}

/** The IPv4 one of them, 32 bits. */
export function ipv4Of(addresses: readonly string[]): number | undefined {
  const four = addresses.find((address) => !address.includes(':'))
  return four === undefined ? undefined : parseIpv4(four)
}

/** The last 32 bits of an IPv6 address. */
export const low32 = (address: string): number => Number(parseIpv6(spanOf(address)) & 0xffff_ffffn)

/**
 * A number that differs from `like` in its last byte only and that nobody in `taken` has: an address of
 * the same subnet, a MAC of the same maker. When all are taken the last one is somebody's after all.
 */
export function unlike(like: number, taken: ReadonlySet<number>): number {
  const last = like % 256
  const others = Array.from({ length: 253 }, (_, n) => like - last + ((last + 100 + n) % 254) + 1)
  return others.find((other) => other !== like && !taken.has(other)) ?? like - last + 254
}
