/**
 * Addresses of both IP versions as four 32-bit words: an IPv4 address as ::ffff:a.b.c.d (RFC 4291
 * §2.5.5.2), so that one table and one comparison serve both, without a string or a bigint per packet.
 * Neighbours: everything in this folder.
 */
import { isIPv6 } from 'node:net'
import { formatIpv4, parseIpv4 } from '../../southbound/wire/address.ts'
import { WireError } from '../../southbound/wire/error.ts'

/** Four words, the most significant first. All zero: none. */
export type Address = Uint32Array

export const newAddress = (): Address => new Uint32Array(4)
const MAPPED = 0xffff

export function setIpv4(out: Address, address: number): void {
  out[0] = 0
  out[1] = 0
  out[2] = MAPPED
  out[3] = address
}

export const isIpv4 = (address: Address): boolean =>
  address[0] === 0 && address[1] === 0 && address[2] === MAPPED

export const isNone = (a: Address): boolean => (a[0]! | a[1]! | a[2]! | a[3]!) === 0

export const sameAddress = (a: Address, b: Address): boolean =>
  a[3] === b[3] && a[2] === b[2] && a[1] === b[1] && a[0] === b[0]

/** Of either version: 224.0.0.0/4, 255.255.255.255 or ff00::/8. */
export function isMulticast(address: Address): boolean {
  return isIpv4(address) ? address[3]! >>> 28 >= 0xe : address[0]! >>> 24 === 0xff
}

/** Whether it can be the source of a packet: not none (0.0.0.0, ::), nor more than one host. */
export const isOneHost = (address: Address): boolean =>
  !isMulticast(address) && !(isIpv4(address) ? address[3] === 0 : isNone(address))

export function copyAddress(from: Address, to: Address): void {
  to[0] = from[0]!
  to[1] = from[1]!
  to[2] = from[2]!
  to[3] = from[3]!
}

/** Reads 16 bytes. */
export function readIpv6(bytes: Uint8Array, at: number, out: Address): void {
  for (let i = 0, o = at; i < 4; i++, o += 4) {
    out[i] = (bytes[o]! << 24) | (bytes[o + 1]! << 16) | (bytes[o + 2]! << 8) | bytes[o + 3]!
  }
}

/** Writes 16 bytes. */
export function writeIpv6(bytes: Uint8Array, at: number, address: Address): void {
  for (let i = 0, o = at; i < 4; i++, o += 4) {
    const word = address[i]!
    bytes[o] = word >>> 24
    bytes[o + 1] = word >>> 16
    bytes[o + 2] = word >>> 8
    bytes[o + 3] = word
  }
}

/** '192.0.2.11' or '2001:db8::11'. @throws WireError */
export function parseAddress(text: string): Address {
  const out = newAddress()
  if (!text.includes(':')) {
    setIpv4(out, parseIpv4(text))
    return out
  }
  if (!isIPv6(text) || text.includes('%')) throw new WireError(`'${text}' is no IPv6 address`, 0)
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const low = dotted ? parseIpv4(dotted[2]!) : 0
  const plain = dotted
    ? `${dotted[1]}${(low >>> 16).toString(16)}:${(low & 0xffff).toString(16)}`
    : text
  const [left = [], right = []] = plain
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':')))
  const gap = Array.from({ length: 8 - left.length - right.length }, () => '0')
  const words = [...left, ...gap, ...right].map((word) => Number.parseInt(word, 16))
  for (let i = 0; i < 4; i++) out[i] = words[2 * i]! * 0x10000 + words[2 * i + 1]!
  return out
}

/** In the form of RFC 5952 but for an IPv4 address, which is in dots alone. */
export function formatAddress(address: Address): string {
  if (isIpv4(address)) return formatIpv4(address[3]!)
  const words = [...address].flatMap((word) => [word >>> 16, word & 0xffff])
  let at = 0
  let length = 1
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (words[i + n] === 0) n++
    if (n > length) [at, length] = [i, n]
  }
  const join = (part: number[]) => part.map((word) => word.toString(16)).join(':')
  if (length < 2) return join(words)
  return `${join(words.slice(0, at))}::${join(words.slice(at + length))}`
}

/** An address with the length of its prefix, in the bits of its own version. */
export interface Prefix {
  readonly address: Address
  /** 0 to 128 in four words: an IPv4 prefix counts 96 more. */
  readonly length: number
}

/** '192.0.2.0/24', '2001:db8::/64'; without a length all of it. @throws WireError */
export function parsePrefix(text: string): Prefix {
  const [first = '', length, ...rest] = text.split('/')
  const address = parseAddress(first)
  const most = isIpv4(address) ? 32 : 128
  const bits = length === undefined ? most : Number(length)
  if (rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length)) || bits > most) {
    throw new WireError(`'${text}' is no prefix (ADDRESS/0 to ADDRESS/${most})`, 0)
  }
  return { address, length: 128 - most + bits }
}

/** Whether the address begins as the prefix does. */
export function isIn(address: Address, prefix: Prefix): boolean {
  let left = prefix.length
  for (let i = 0; left > 0; i++, left -= 32) {
    const mask = left >= 32 ? 0xffff_ffff : 0xffff_ffff << (32 - left)
    if (((address[i]! ^ prefix.address[i]!) & mask) !== 0) return false
  }
  return true
}

/** Values by address. */
export interface AddressMap<T> {
  readonly size: number
  get(address: Address): T | undefined
  set(address: Address, value: T): void
  delete(address: Address): void
  values(): Iterable<T>
  clear(): void
}

export function hashAddress(a: Address, seed = 0): number {
  let hash = Math.imul(seed ^ a[3]!, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15) ^ a[2]!, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13) ^ a[1]!, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 16) ^ a[0]!, 0x27d4eb2f)
  return (hash ^ (hash >>> 15)) >>> 0
}

interface Entry<T> {
  readonly address: Address
  value: T
}

export function addressMap<T>(): AddressMap<T> {
  const buckets = new Map<number, Entry<T>[]>()
  let size = 0
  const find = (bucket: Entry<T>[] | undefined, address: Address) => {
    if (bucket === undefined) return undefined
    for (let i = 0; i < bucket.length; i++) {
      if (sameAddress(bucket[i]!.address, address)) return bucket[i]
    }
    return undefined
  }
  return {
    get size() {
      return size
    },
    get: (address) => find(buckets.get(hashAddress(address)), address)?.value,
    set(address, value) {
      const hash = hashAddress(address)
      const bucket = buckets.get(hash)
      const entry = find(bucket, address)
      if (entry) {
        entry.value = value
        return
      }
      size++
      const added = { address: address.slice(), value }
      if (bucket) bucket.push(added)
      else buckets.set(hash, [added])
    },
    delete(address) {
      const hash = hashAddress(address)
      const bucket = buckets.get(hash)
      const entry = find(bucket, address)
      if (!bucket || !entry) return
      size--
      if (bucket.length === 1) buckets.delete(hash)
      else bucket.splice(bucket.indexOf(entry), 1)
    },
    *values() {
      for (const bucket of buckets.values()) for (const { value } of bucket) yield value
    },
    clear() {
      buckets.clear()
      size = 0
    },
  }
}
