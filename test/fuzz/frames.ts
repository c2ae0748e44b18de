/**
 * Fuzzes what reads frames: extract() and the VXLAN side of the dataplane, the tuple of a dropped frame, the headers' readers. They
 * never throw, never look behind the frame's end, and say of no header that it is there when it is
 * not whole. Neighbour: engine.ts.
 */

import { DROP } from '../../dataplane/packet/drop.ts'
import { extract } from '../../dataplane/packet/flow-key.ts'
import { anyHeader, HEADER, type HeaderName, headerNames } from '../../dataplane/packet/headers.ts'
import { KEY_WORDS } from '../../dataplane/packet/key-layout.ts'
import { type Packet, packetPool } from '../../dataplane/packet/packet.ts'
import { newOuter } from '../../dataplane/tunnel/outer.ts'
import {
  DECAPSULATED,
  decapsulateIpv4,
  decapsulateIpv6,
  OTHER_PACKET,
} from '../../dataplane/tunnel/vxlan.ts'
import { frameTuple } from '../../southbound/openflow/frame-tuple.ts'
import { internetChecksum, pseudoHeaderSum } from '../../southbound/wire/checksum.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import {
  arpFrame,
  ethernetFrame,
  icmpEchoFrame,
  ipv4Frame,
  tcpSynFrame,
  udpFrame,
  vxlanFrame,
} from '../../southbound/wire/frame.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { VXLAN_PORT } from '../../southbound/wire/vxlan.ts'
import { Counter, type Target } from './engine.ts'
import { damage, joined, type Random, randomOf } from './random.ts'

const OURS = 0xc0000201
const eth = { eth_dst: 0x020000000001, eth_src: 0x020000000002 }
const ip = { ...eth, ipv4_src: 0x0a000001, ipv4_dst: 0x0a000002 }
const raw = (type: number, payload: Uint8Array, vlan_vid?: number) =>
  ethernetFrame({ dst: eth.eth_dst, src: eth.eth_src, type, payload, vlan_vid })

function ipv6Packet(nextHeader: number, payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(ipv6.size)
  const rest = { dscp: 1, ecn: 2, flowLabel: 3, hopLimit: 64, src: 1n, dst: 2n }
  ipv6.write(head, 0, { version: 6, payloadLength: payload.length, nextHeader, ...rest })
  return joined(head, payload)
}

/** One frame of each kind that extract() knows, with random contents. */
function frames(random: Random): Uint8Array[] {
  const some = (n: number) => Uint8Array.from({ length: n }, () => random.below(256))
  const vlan_vid = random.once(3) ? random.below(4096) : undefined
  const l4 = random.pick([6, 17, 58, 132])
  const payload = some(random.below(60))
  const inner = udpFrame({ ...ip, udp_src: 1, udp_dst: 2, payload })
  const extension = random.pick([0, 43, 44, 60])
  // Where a fragment has its offset, a routing header has its segments left.
  const fourth = { 43: random.pick([0, 2]), 44: random.pick([0, 1, 8]) }[extension] ?? 0
  const more = Uint8Array.of(l4, 0, 0, fourth, 0, 0, 0, 0)
  return [
    arpFrame({ op: 1, sha: eth.eth_src, spa: 1, tha: 0, tpa: 2 }),
    tcpSynFrame({ ...ip, vlan_vid, tcp_src: 1, tcp_dst: 2, payload }),
    udpFrame({ ...ip, vlan_vid, udp_src: 1, udp_dst: 2, payload }),
    icmpEchoFrame({ ...ip, vlan_vid, identifier: 1, sequence: 2, payload }),
    ipv4Frame({
      ...ip,
      protocol: random.pick([132, 6, 17, 1, 58]),
      payload: some(12 + random.below(29)),
    }),
    raw(0x86dd, ipv6Packet(l4, some(40)), vlan_vid),
    raw(0x86dd, ipv6Packet(58, some(8)), vlan_vid),
    raw(0x86dd, ipv6Packet(extension, joined(more, some(40)))),
    raw(random.pick([0x8847, 0x8848]), some(4 + random.below(20))),
    raw(random.below(65_536), payload, vlan_vid),
    vxlanFrame({ ...eth, ipv4_src: 0xc0000202, ipv4_dst: OURS, vni: random.below(1 << 24), inner }),
    vxlanFrame({ ...eth, ipv4_src: 1, ipv4_dst: OURS, vni: 5, inner: some(random.below(80)) }),
    vxlanOverIpv6(some(random.below(80)), random.pick([17, 17, 17, 44, 6])),
    underlay(random),
    // Of IEEE 802.3 with SNAP, under two tags, and under a tag of a provider.
    raw(random.below(1600), joined(snap(random), payload)),
    raw(
      random.pick([0x8100, 0x88a8]),
      joined(some(2), words(random.pick([0x8100, 0x800])), some(30)),
    ),
    raw(0x88e7, some(random.below(40))),
    raw(0x86dd, ipv6Packet(58, discovery(random))),
  ]
}

const words = (...list: readonly number[]) =>
  new Uint8Array(list.flatMap((word) => [word >> 8, word & 255]))

function snap(random: Random): Uint8Array {
  const right = words(0xaaaa, 0x0300, 0, random.pick([0x0800, 0x0806, 5]))
  return random.once(3) ? damage(random, right, right) : right
}

/** A neighbour solicitation or advertisement, with options right and wrong. */
function discovery(random: Random): Uint8Array {
  const head = new Uint8Array(random.once(8) ? 4 + random.below(20) : 24)
  head[0] = random.pick([135, 136])
  head[1] = random.once(8) ? 1 : 0
  const options = Array.from({ length: random.below(4) }, () => {
    const size = random.pick([1, 1, 1, 2, 0])
    const option = new Uint8Array(8 * Math.max(1, size)).fill(random.below(3))
    option[0] = random.pick([1, 2, 14])
    option[1] = size
    return option
  })
  return joined(head, ...options)
}

/** A tunnelled frame whose outer headers are otherwise than they should be, their checksums right. */
function underlay(random: Random): Uint8Array {
  const inner = new Uint8Array(random.below(40))
  const of = { ...eth, ipv4_src: 1, ipv4_dst: OURS, vni: random.below(1 << 24), inner }
  let frame = vxlanFrame(of)
  const way = random.below(6)
  if (way === 0) ipv4.set.moreFragments(frame, IP, 1)
  if (way === 1) ipv4.set.fragmentOffset(frame, IP, 1 + random.below(8))
  if (way === 2) ipv4.set.protocol(frame, IP, random.below(256))
  if (way === 3) {
    const size = random.below(udp.size)
    frame = frame.slice(0, UDP + size)
    ipv4.set.totalLength(frame, IP, ipv4.size + size)
  } else if (way === 4) {
    const size = frame.length - UDP
    const seed = pseudoHeaderSum(1, OURS, 17, size)
    udp.set.checksum(frame, UDP, internetChecksum(frame, UDP, frame.length, seed))
  }
  ipv4.set.checksum(frame, IP, 0)
  ipv4.set.checksum(frame, IP, internetChecksum(frame, IP, UDP))
  return frame
}
const IP = 14
const UDP = IP + ipv4.size

/** VXLAN to us over IPv6, or with another next header; without a checksum. */
function vxlanOverIpv6(inner: Uint8Array, nextHeader: number): Uint8Array {
  const at = ethernet.size + ipv6.size
  const frame = new Uint8Array(at + 16 + inner.length)
  ethernet.write(frame, 0, { dst: 1, src: 2, type: ETH_TYPE.ipv6 })
  frame[IP] = 0x60
  ipv6.set.payloadLength(frame, IP, frame.length - at)
  ipv6.set.nextHeader(frame, IP, nextHeader)
  ipv6.set.dst(frame, IP, BigInt(OURS))
  udp.write(frame, at, { src: 1, dst: VXLAN_PORT, length: frame.length - at, checksum: 0 })
  frame[at + udp.size] = 8
  frame.set(inner, at + 16)
  return frame
}

/** Behind the end of a frame, twice with other contents. */
const POISON = 256

export function framesTarget(seed: number): Target {
  const decoded = new Counter()
  const refused = new Counter()
  const errors = new Counter()
  const pool = packetPool()
  const inner = { start: 0, end: 0 }
  const outer = newOuter()
  const receiver = {
    isOurs: (address: Uint32Array) => address[3] === OURS,
    takes: (port: number) => port === VXLAN_PORT,
  }
  let random = randomOf(seed)
  let expected = new Set<HeaderName>()

  /** As the underlay does; what is no IPv6 is taken for IPv4. */
  const vxlanIn = ({ bytes, start, end }: Packet) => {
    if (end - start < ethernet.size) return DROP.underlay_malformed
    const isSix = ethernet.get.type(bytes, start) === ETH_TYPE.ipv6
    return (isSix ? decapsulateIpv6 : decapsulateIpv4)(
      bytes,
      start + ethernet.size,
      end,
      receiver,
      outer,
      inner,
    )
  }

  /** The key and the headers' places, with `fill` behind the frame. */
  function read(frame: Uint8Array, fill: number) {
    const packet = pool.take(frame, 0, frame.length)
    if (!packet) throw new Error(`no packet of ${frame.length} bytes`)
    packet.bytes.fill(fill, packet.end, packet.end + POISON)
    const key = new Uint32Array(KEY_WORDS)
    extract(key, packet)
    const outcome = vxlanIn(packet)
    const tuple = frameTuple(packet.bytes.subarray(packet.start, packet.end))
    if (!tuple !== frame.length < ethernet.size) throw new Error('a tuple of half a header')
    for (const name of headerNames) {
      const at = packet.at[HEADER[name]]!
      const header = anyHeader[name]
      if (at < 0) continue
      if (at < packet.start || at + header.size > packet.end) {
        throw new Error(`${name} at ${at - packet.start} of a frame of ${frame.length} bytes`)
      }
      header.format(header.read(packet.bytes, at))
    }
    if (outcome === DECAPSULATED && !(inner.start <= inner.end && inner.end <= packet.end)) {
      throw new Error(`an inner frame ${inner.start}..${inner.end} outside of ${packet.end}`)
    }
    const at = [...packet.at].slice(0, headerNames.length)
    pool.give(packet)
    return { key: Buffer.from(key.buffer), at, outcome }
  }
  const found = (at: readonly number[]) => headerNames.filter((name) => at[HEADER[name]]! >= 0)

  return {
    errors: errors.counts,
    renew: (from) => {
      random = randomOf(from)
    },
    passesHeader: (frame) => frame.length >= anyHeader.ethernet.size,
    next(chosen) {
      const one = chosen.pick(frames(random))
      expected = new Set(found(read(one, 0).at))
      return chosen.once(6) ? one : damage(chosen, one, chosen.pick(frames(random)))
    },
    run(frame) {
      const one = read(frame, 0)
      const other = read(frame, 0xff)
      const same = one.key.equals(other.key) && one.at.join() === other.at.join()
      if (!same || one.outcome !== other.outcome) throw new Error('bytes behind the end were read')
      const there = found(one.at)
      for (const name of there) decoded.add(name)
      for (const name of expected) if (!there.includes(name)) refused.add(name)
      if (one.outcome === DECAPSULATED) decoded.add('decapsulate')
      else if (one.outcome !== OTHER_PACKET) refused.add('decapsulate')
      errors.add(`decapsulate() = ${one.outcome}`)
      return there.length > 0
    },
    coverage: () =>
      [...headerNames, 'decapsulate'].map((row) => ({
        table: row === 'decapsulate' ? 'tunnel' : 'header',
        ...{ row, decoded: decoded.of(row), refused: refused.of(row), refusable: true },
      })),
  }
}
