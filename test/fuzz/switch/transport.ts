/**
 * What stands behind IP in random frames: TCP, UDP, SCTP, ICMP, neighbour discovery, or bytes.
 * Neighbour: layers.ts.
 */
import { internetChecksum } from '../../../southbound/wire/checksum.ts'
import { icmp } from '../../../southbound/wire/icmp.ts'
import { sctp } from '../../../southbound/wire/sctp.ts'
import { tcp } from '../../../southbound/wire/tcp.ts'
import { udp } from '../../../southbound/wire/udp.ts'
import { joined } from '../random.ts'
import { someBytes, type Values, type World } from './world.ts'

export interface Body {
  readonly bytes: Uint8Array
  readonly fields: Values
  readonly kind: string
}
/** Sum of the pseudo header, for so many bytes of payload. */
type Seed = (size: number) => number

const makers: Readonly<Record<number, (world: World, seed: Seed) => Body>> = {
  1: icmpBody,
  6: tcpBody,
  17: udpBody,
  58: icmpv6Body,
  132: sctpBody,
}

export function transport(world: World, protocol: number, seed: Seed): Body {
  const make = makers[protocol]
  if (make) return make(world, seed)
  return { bytes: someBytes(world, world.random.below(40)), fields: {}, kind: 'other' }
}

const data = (world: World) => someBytes(world, world.random.below(world.chance(5) ? 1400 : 40))

function tcpBody(world: World, seed: Seed): Body {
  const units = world.chance(85) ? 0 : world.random.below(11)
  const size = tcp.size + 4 * units
  const bytes = joined(new Uint8Array(size).fill(1), data(world))
  const tcp_flags = world.number('tcp_flags') & 0xfff
  const fields = { tcp_src: world.number('tcp_src'), tcp_dst: world.number('tcp_dst'), tcp_flags }
  tcp.write(bytes, 0, {
    src: fields.tcp_src,
    dst: fields.tcp_dst,
    sequence: world.random.below(2 ** 32),
    acknowledgment: world.random.below(2 ** 32),
    dataOffset: 0,
    flags: 0,
    window: 65_535,
    checksum: 0,
    urgent: 0,
  })
  // Twelve bits of flags, of which RFC 9293 has names for eight.
  const offset = world.chance(97) ? size / 4 : world.random.below(16)
  bytes[12] = (offset << 4) | (tcp_flags >> 8)
  bytes[13] = tcp_flags
  tcp.set.checksum(bytes, 0, internetChecksum(bytes, 0, bytes.length, seed(bytes.length)))
  return { bytes, fields, kind: 'tcp' }
}

function udpBody(world: World, seed: Seed): Body {
  const bytes = joined(new Uint8Array(udp.size), data(world))
  const fields = { udp_src: world.number('udp_src'), udp_dst: world.number('udp_dst') }
  const length = world.chance(96) ? bytes.length : world.random.pick([0, 7, 8, bytes.length + 9])
  udp.write(bytes, 0, { src: fields.udp_src, dst: fields.udp_dst, length, checksum: 0 })
  if (world.chance(80)) {
    const sum = internetChecksum(bytes, 0, bytes.length, seed(bytes.length))
    udp.set.checksum(bytes, 0, sum || 0xffff)
  }
  return { bytes, fields, kind: 'udp' }
}

function sctpBody(world: World): Body {
  const bytes = joined(new Uint8Array(sctp.size), data(world))
  const fields = { sctp_src: world.number('sctp_src'), sctp_dst: world.number('sctp_dst') }
  sctp.write(bytes, 0, {
    src: fields.sctp_src,
    dst: fields.sctp_dst,
    verificationTag: 7,
    checksum: world.chance(90) ? crc32c(bytes, fields) : 0xbadbad,
  })
  return { bytes, fields, kind: 'sctp' }
}

/** RFC 9260 appendix A: over the packet with a checksum of 0, least significant byte first. */
function crc32c(body: Uint8Array, fields: { sctp_src: number; sctp_dst: number }): number {
  const bytes = body.slice()
  const { sctp_src: src, sctp_dst: dst } = fields
  sctp.write(bytes, 0, { src, dst, verificationTag: 7, checksum: 0 })
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, ~crc, true)
  return view.getUint32(0)
}

function icmpBody(world: World): Body {
  const bytes = joined(new Uint8Array(8), data(world))
  const fields = {
    icmpv4_type: world.number('icmpv4_type'),
    icmpv4_code: world.number('icmpv4_code'),
  }
  icmp.write(bytes, 0, { type: fields.icmpv4_type, code: fields.icmpv4_code, checksum: 0 })
  icmp.set.checksum(bytes, 0, internetChecksum(bytes, 0, bytes.length))
  return { bytes, fields, kind: 'icmp' }
}

/** Two of three are neighbour discovery, with no option, one or several. */
function icmpv6Body(world: World, seed: Seed): Body {
  const nd = world.chance(66)
  const code = nd && world.chance(95) ? 0 : world.number('icmpv6_code')
  const type = nd ? world.random.pick([135, 136]) : world.number('icmpv6_type')
  let fields: Values = { icmpv6_type: type, icmpv6_code: code }
  const head = new Uint8Array(8)
  let rest = data(world)
  if (nd) {
    const target = world.wide('ipv6_nd_target')
    const parts: Uint8Array[] = [
      Uint8Array.from({ length: 16 }, (_, i) => Number((target >> BigInt(120 - 8 * i)) & 255n)),
    ]
    head[4] = world.random.pick([0, 0x20, 0x60, 0xe0])
    fields = { ...fields, ipv6_nd_target: target, nd_reserved: head[4] * 2 ** 24 }
    for (let n = world.random.pick([0, 1, 1, 1, 2]); n > 0; n--) {
      const option = world.chance(85) ? type - 134 : world.random.pick([1, 2, 3, 14])
      const name = option === 1 ? 'ipv6_nd_sll' : 'ipv6_nd_tll'
      const address = world.number(name)
      const high = Math.floor(address / 2 ** 32)
      const bytes = [high >> 8, high, address >>> 24, address >>> 16, address >>> 8, address]
      const units = world.chance(95) ? 1 : world.random.below(4)
      parts.push(Uint8Array.of(option, units, ...bytes))
      if (option === type - 134) fields = { ...fields, [name]: address, nd_options_type: option }
    }
    rest = joined(...parts)
  }
  const bytes = joined(head, rest)
  icmp.write(bytes, 0, { type, code, checksum: 0 })
  icmp.set.checksum(bytes, 0, internetChecksum(bytes, 0, bytes.length, seed(bytes.length)))
  return { bytes, fields, kind: nd ? 'nd' : 'icmpv6' }
}
