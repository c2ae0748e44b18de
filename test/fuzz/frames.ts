/**
 * Fuzzes what reads frames: extract() and decapsulate() of the dataplane and the headers' readers. They
 * never throw, never look behind the frame's end, and say of no header that it is there when it is
 * not whole. Neighbour: engine.ts.
 */
import { extract } from '../../dataplane/packet/flow-key.ts'
import {
  anyHeader,
  HEADER,
  type HeaderName,
  headerNames,
  KEY_WORDS,
} from '../../dataplane/packet/key-layout.ts'
import { packetPool } from '../../dataplane/packet/packet.ts'
import { DECAPSULATED, decapsulate, newInner, OTHER_PACKET } from '../../dataplane/tunnel/vxlan.ts'
import {
  arpFrame,
  ethernetFrame,
  icmpEchoFrame,
  ipv4Frame,
  tcpSynFrame,
  udpFrame,
  vxlanFrame,
} from '../../southbound/wire/frame.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
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
  const more = Uint8Array.of(l4, 0, 0, extension === 44 ? random.pick([0, 1, 8]) : 0, 0, 0, 0, 0)
  return [
    arpFrame({ op: 1, sha: eth.eth_src, spa: 1, tha: 0, tpa: 2 }),
    tcpSynFrame({ ...ip, vlan_vid, tcp_src: 1, tcp_dst: 2, payload }),
    udpFrame({ ...ip, vlan_vid, udp_src: 1, udp_dst: 2, payload }),
    icmpEchoFrame({ ...ip, vlan_vid, identifier: 1, sequence: 2, payload }),
    ipv4Frame({
      ...ip,
      protocol: random.pick([132, 6, 17, 1]),
      payload: some(12 + random.below(29)),
    }),
    raw(0x86dd, ipv6Packet(l4, some(40)), vlan_vid),
    raw(0x86dd, ipv6Packet(58, some(8)), vlan_vid),
    raw(0x86dd, ipv6Packet(extension, joined(more, some(40)))),
    raw(random.pick([0x8847, 0x8848]), some(4 + random.below(20))),
    raw(random.below(65_536), payload, vlan_vid),
    vxlanFrame({ ...eth, ipv4_src: 0xc0000202, ipv4_dst: OURS, vni: random.below(1 << 24), inner }),
    vxlanFrame({ ...eth, ipv4_src: 1, ipv4_dst: OURS, vni: 5, inner: some(random.below(80)) }),
  ]
}

/** Behind the end of a frame, twice with other contents. */
const POISON = 256

export function framesTarget(seed: number): Target {
  const decoded = new Counter()
  const refused = new Counter()
  const errors = new Counter()
  const pool = packetPool()
  const inner = newInner()
  let random = randomOf(seed)
  let expected = new Set<HeaderName>()

  /** The key and the headers' places, with `fill` behind the frame. */
  function read(frame: Uint8Array, fill: number) {
    const packet = pool.take(frame, 0, frame.length)
    if (!packet) throw new Error(`no packet of ${frame.length} bytes`)
    packet.bytes.fill(fill, packet.end, packet.end + POISON)
    const key = new Uint32Array(KEY_WORDS)
    extract(key, packet)
    const outcome = decapsulate(packet.bytes, packet.start, packet.end, OURS, inner)
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
