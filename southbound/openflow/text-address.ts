/**
 * Addresses as ovs-ofctl writes them; errors have the position in the text. Neighbours: text-value.ts
 * (masks and prefixes), text-span.ts.
 */
import { ipv4, mac } from '../wire/struct.ts'
import { fail, type Span, textOf } from './text-span.ts'

export const formatMac = mac().format
export const formatIpv4 = ipv4().format

/** An IPv6 address in the form of RFC 5952 (an embedded IPv4 address in dots, as inet_ntop does). */
export function formatIpv6(value: bigint): string {
  const words = Array.from({ length: 8 }, (_, i) => (value >> BigInt(112 - 16 * i)) & 0xffffn)
  let at = 0
  let length = 1
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (words[i + n] === 0n) n++
    if (n > length) [at, length] = [i, n]
  }
  const high = value >> 32n
  if ((high === 0n && length === 6) || high === 0xffffn) {
    return `::${high === 0n ? '' : 'ffff:'}${formatIpv4(Number(value & 0xffffffffn))}`
  }
  const join = (part: bigint[]) => part.map((word) => word.toString(16)).join(':')
  return length < 2 ? join(words) : `${join(words.slice(0, at))}::${join(words.slice(at + length))}`
}

export function parseIpv4(span: Span): number {
  const octets = textOf(span).split('.')
  if (octets.length !== 4 || !octets.every((o) => /^(0|[1-9]\d{0,2})$/.test(o) && +o < 256)) {
    fail(span, 'an IPv4 address, four numbers from 0 to 255')
  }
  return octets.reduce((value, octet) => value * 256 + Number(octet), 0)
}

export function parseIpv6(span: Span): bigint {
  const bad = () => fail(span, 'an IPv6 address')
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(textOf(span))
  let text = textOf(span)
  if (dotted) {
    const low = parseIpv4({ ...span, from: span.to - (dotted[2] as string).length })
    text = `${dotted[1]}${(low >>> 16).toString(16)}:${(low & 0xffff).toString(16)}`
  }
  const halves = text.split('::').map((half) => (half === '' ? [] : half.split(':')))
  const [left = [], right = []] = halves
  const gap = 8 - left.length - right.length
  if (halves.length > 2 || (halves.length === 2 ? gap < 1 : gap !== 0)) bad()
  const words = [...left, ...Array.from({ length: gap }, () => '0'), ...right]
  if (!words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) bad()
  return words.reduce((value, word) => (value << 16n) | BigInt(`0x${word}`), 0n)
}

export function parseMac(span: Span): number {
  const text = textOf(span)
  const right = /^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(text)
  if (!right) fail(span, 'a MAC address, six hexadecimal pairs')
  return text.split(':').reduce((value, pair) => value * 256 + Number.parseInt(pair, 16), 0)
}

/** An IPv4 or an IPv6 address; IPv6 when it has a colon. */
export const parseAddress = (span: Span): number | bigint =>
  textOf(span).includes(':') ? parseIpv6(span) : parseIpv4(span)
