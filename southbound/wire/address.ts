/**
 * Addresses as text and as numbers. A MAC is a number below 2^48 and an IPv4 address an unsigned
 * 32-bit number everywhere in Weft: both compare, hash and pack without an object.
 * The field kinds of struct.ts (`mac()`, `ipv4()`) print through the same rules.
 */
import { WireError } from './error.ts'

/** An IPv4 prefix: `network` has no bit outside `mask`. */
export interface Cidr {
  readonly network: number
  readonly prefix: number
  readonly mask: number
}

/** ff:ff:ff:ff:ff:ff */
export const BROADCAST_MAC = 0xffff_ffff_ffff

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i
const DECIMAL_OCTET = /^(0|[1-9][0-9]{0,2})$/

/** '02:00:00:00:00:11' -> a number below 2^48; throws WireError with the text in the sentence. */
export function parseMac(text: string): number {
  if (!MAC.test(text)) throw new WireError(`'${text}' is no MAC address (six hex pairs)`, 0)
  return Number.parseInt(text.replaceAll(':', ''), 16)
}

export function formatMac(mac: number): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?!$)/g, '$&:')
}

/** The group bit (IEEE 802.3 §3.2.3) is the lowest of the first byte: multicast and broadcast. */
export function isGroupMac(mac: number): boolean {
  return Math.floor(mac / 2 ** 40) % 2 === 1
}

/** '10.0.0.11' -> an unsigned 32-bit number; no leading zeros, no short forms. */
export function parseIpv4(text: string): number {
  const octets = text.split('.')
  if (octets.length !== 4 || !octets.every((o) => DECIMAL_OCTET.test(o) && Number(o) < 256)) {
    throw new WireError(`'${text}' is no IPv4 address (four numbers from 0 to 255)`, 0)
  }
  return octets.reduce((value, octet) => value * 256 + Number(octet), 0)
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}

/** '10.0.0.0/24' -> { network, prefix, mask }; an address with host bits set is refused. */
export function parseCidr(text: string): Cidr {
  const [address = '', length = '', ...rest] = text.split('/')
  const prefix = Number(length)
  if (rest.length > 0 || !DECIMAL_OCTET.test(length) || prefix > 32) {
    throw new WireError(`'${text}' is no IPv4 prefix (ADDRESS/0 to ADDRESS/32)`, 0)
  }
  const value = parseIpv4(address)
  const mask = prefixMask(prefix)
  const network = (value & mask) >>> 0
  if (network !== value) {
    const right = `${formatIpv4(network)}/${prefix}`
    throw new WireError(`'${text}' has bits set behind its prefix; the network is ${right}`, 0)
  }
  return { network, prefix, mask }
}

/** 24 -> 0xffffff00. */
export function prefixMask(prefix: number): number {
  return prefix === 0 ? 0 : (0xffff_ffff << (32 - prefix)) >>> 0
}
