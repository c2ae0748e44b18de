/**
 * Packets of both IP versions for tests of connection tracking: whole frames with right checksums,
 * from ends that are addresses in text. Neighbours: tracker.ts, dialogue.ts.
 */
import { parseMatch } from '../../../southbound/openflow/text.ts'
import { fold16, sum16 } from '../../../southbound/wire/checksum.ts'
import { crc32c } from '../../../southbound/wire/crc32c.ts'
import { TCP_FLAG } from '../../../southbound/wire/tcp.ts'

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132, gre: 47 } as const

/** Addresses in text; both of one version. */
export interface Between {
  readonly src: string
  readonly dst: string
}
export interface Ports extends Between {
  readonly sport: number
  readonly dport: number
}

export const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replace(/\s/g, '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))

const word = (value: number, size: number) =>
  Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** (size - 1 - i)) % 256)
export const join = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]))

const isV6 = (address: string) => address.includes(':')
function addressBytes(address: string): Uint8Array {
  if (!isV6(address)) return Uint8Array.from(address.split('.'), Number)
  const match = parseMatch(`ipv6,ipv6_src=${address}`)
  const value = BigInt(match.ipv6_src as bigint)
  return Uint8Array.from({ length: 16 }, (_, i) => Number((value >> BigInt(120 - 8 * i)) & 0xffn))
}

function sealed(bytes: Uint8Array, at: number, seed = 0): Uint8Array {
  const sum = ~fold16(sum16(bytes, 0, bytes.length, seed)) & 0xffff
  bytes.set(word(sum, 2), at)
  return bytes
}

const pseudo = ({ src, dst }: Between, protocol: number, size: number) =>
  sum16(join(addressBytes(src), addressBytes(dst)), 0, isV6(src) ? 32 : 8) + protocol + size

export interface IpOptions extends Between {
  readonly id?: number
  /** Bytes; and whether more follow. */
  readonly offset?: number
  readonly more?: boolean
}

/** An IP packet; with an offset or `more`, a fragment. */
export function ipPacket(of: IpOptions, protocol: number, payload: Uint8Array): Uint8Array {
  const { id = 0, offset = 0, more = false } = of
  const ends = join(addressBytes(of.src), addressBytes(of.dst))
  const place = Math.floor(offset / 8)
  if (isV6(of.src)) {
    const isFragment = offset > 0 || more
    const fragment = isFragment
      ? join([protocol, 0], word(place * 8 + (more ? 1 : 0), 2), word(id, 4))
      : new Uint8Array(0)
    const body = join(fragment, payload)
    const head = join([0x60, 0, 0, 0], word(body.length, 2), [isFragment ? 44 : protocol, 64], ends)
    return join(head, body)
  }
  const head = join(
    [0x45, 0],
    word(20 + payload.length, 2),
    word(id, 2),
    word(place + (more ? 0x2000 : 0), 2),
    [64, protocol, 0, 0],
    ends,
  )
  return join(sealed(head, 10), payload)
}

const MACS = bytesOf('02000000000b 02000000000a')
export const framed = (packet: Uint8Array): Uint8Array =>
  join(MACS, packet[0]! >> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00], packet)
export const unframed = (frame: Uint8Array): Uint8Array => frame.slice(14)

export interface Tcp extends Ports {
  readonly seq?: number
  readonly ack?: number
  /** Letters: S A F R P U. */
  readonly flags: string
  readonly window?: number
  /** Of the window scale option; absent = no option. */
  readonly scale?: number
  readonly data?: number
}
const LETTERS: Readonly<Record<string, number>> = {
  S: TCP_FLAG.syn,
  A: TCP_FLAG.ack,
  F: TCP_FLAG.fin,
  R: TCP_FLAG.rst,
  P: TCP_FLAG.psh,
  U: TCP_FLAG.urg,
}

export function tcpSegment(of: Tcp): Uint8Array {
  const { seq = 0, ack = 0, window = 1000, scale, data = 0 } = of
  const options = scale === undefined ? [] : [3, 3, scale, 0]
  const flags = [...of.flags].reduce((bits, letter) => bits | LETTERS[letter]!, 0)
  const bytes = join(
    word(of.sport, 2),
    word(of.dport, 2),
    word(seq % 2 ** 32, 4),
    word(ack % 2 ** 32, 4),
    [(20 + options.length) * 4, flags],
    word(window, 2),
    [0, 0, 0, 0],
    options,
    new Uint8Array(data).fill(0x61),
  )
  return sealed(bytes, 16, pseudo(of, PROTOCOL.tcp, bytes.length))
}
export const tcp = (of: Tcp): Uint8Array => framed(ipPacket(of, PROTOCOL.tcp, tcpSegment(of)))

export function udpDatagram(of: Ports & { readonly data?: number }): Uint8Array {
  const { data = 4 } = of
  const bytes = join(
    word(of.sport, 2),
    word(of.dport, 2),
    word(8 + data, 2),
    [0, 0],
    new Uint8Array(data).fill(0x62),
  )
  return sealed(bytes, 6, pseudo(of, PROTOCOL.udp, bytes.length))
}
export const udp = (of: Ports & { readonly data?: number }): Uint8Array =>
  framed(ipPacket(of, PROTOCOL.udp, udpDatagram(of)))

/** A message of ICMP or ICMPv6, whichever the addresses ask for; `rest` stands behind the checksum. */
export function icmp(of: Between, type: number, code: number, rest: Uint8Array): Uint8Array {
  const six = isV6(of.src)
  const protocol = six ? PROTOCOL.icmpv6 : PROTOCOL.icmp
  const bytes = join([type, code, 0, 0], rest)
  sealed(bytes, 2, six ? pseudo(of, protocol, bytes.length) : 0)
  return framed(ipPacket(of, protocol, bytes))
}
export function echo(of: Between & { readonly id: number }, kind: 'request' | 'reply'): Uint8Array {
  const types = isV6(of.src) ? [128, 129] : [8, 0]
  const rest = join(word(of.id, 2), [0, 1, 0x70, 0x69, 0x6e, 0x67])
  return icmp({ src: of.src, dst: of.dst }, types[kind === 'request' ? 0 : 1]!, 0, rest)
}
/** Port unreachable about a packet; `size`: how much of it is quoted. */
export function unreachable(of: Between, quoted: Uint8Array, size = quoted.length): Uint8Array {
  const [type, code] = isV6(of.src) ? [1, 4] : [3, 3]
  return icmp(of, type!, code!, join([0, 0, 0, 0], quoted.slice(0, size)))
}

/** Chunks: type, and bytes of its value. */
export function sctp(of: Ports, ...chunks: readonly (readonly [type: number, size?: number])[]) {
  const bytes = join(
    word(of.sport, 2),
    word(of.dport, 2),
    [0, 0, 0, 1, 0, 0, 0, 0],
    ...chunks.map(([type, size = 4]) => join([type, 0], word(4 + size, 2), new Uint8Array(size))),
  )
  const crc = crc32c(bytes, 0, bytes.length)
  bytes.set([crc & 0xff, (crc >>> 8) & 0xff, (crc >>> 16) & 0xff, crc >>> 24], 8)
  return framed(ipPacket(of, PROTOCOL.sctp, bytes))
}

/** A packet of a protocol without ports. */
export const other = (of: Between, protocol: number = PROTOCOL.gre): Uint8Array =>
  framed(ipPacket(of, protocol, new Uint8Array(12)))

/** Splits a frame's IPv4 or IPv6 packet: the first `size` bytes of its payload, and the rest. */
export function split(frame: Uint8Array, of: IpOptions, size: number): [Uint8Array, Uint8Array] {
  const six = isV6(of.src)
  const packet = unframed(frame)
  const payload = packet.slice(six ? 40 : 20)
  const protocol = packet[six ? 6 : 9]!
  return [
    framed(ipPacket({ ...of, offset: 0, more: true }, protocol, payload.slice(0, size))),
    framed(ipPacket({ ...of, offset: size }, protocol, payload.slice(size))),
  ]
}
