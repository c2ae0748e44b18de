/**
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 * A sum is a plain number, folded late: 2^37 sixteen-bit words fit before it loses a bit.
 */

/** Ones'-complement sum of 16-bit words from start to end, unfolded; an odd last byte is padded. */
export function sum16(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let sum = seed
  const even = start + ((end - start) & ~1)
  for (let at = start; at < even; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  if (even < end) sum += bytes[even]! << 8
  return sum
}

/** Adds the carries back until 16 bits are left. */
export function fold16(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = Math.floor(folded / 0x10000) + (folded % 0x10000)
  return folded
}

/** What belongs into a checksum field that is zero while this is computed. */
export function internetChecksum(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  return ~fold16(sum16(bytes, start, end, seed)) & 0xffff
}

/** Sum of the IPv4 pseudo header (RFC 768, RFC 9293 §3.1), a seed for the functions above. */
export function pseudoHeaderSum(src: number, dst: number, protocol: number, size: number): number {
  return (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + protocol + size
}

/** RFC 1624 eqn. 3: the checksum after one 16-bit word changed from `before` to `after`. */
export function updateChecksum(checksum: number, before: number, after: number): number {
  return ~fold16((~checksum & 0xffff) + (~before & 0xffff) + after) & 0xffff
}
