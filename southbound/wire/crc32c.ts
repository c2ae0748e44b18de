/** CRC32c (Castagnoli), the checksum of SCTP. Source: RFC 9260 appendix A. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** Of the bytes from start to end, as a u32 whose least significant byte goes onto the wire first. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffff_ffff
  for (let i = start; i < end; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 0xff]!
  return ~crc >>> 0
}
