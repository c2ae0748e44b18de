/** Links and routers of the memory lab, by frames, on a clock that the test moves. */
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { memoryPort } from '../../dataplane/ports/memory.ts'
import { rawUnderlay } from '../../dataplane/tunnel/raw-underlay.ts'
import { formatIpv4, parseIpv4 } from '../../southbound/wire/address.ts'
import { internetChecksum } from '../../southbound/wire/checksum.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { ethernetFrame, udpFrame } from '../../southbound/wire/frame.ts'
import { icmp } from '../../southbound/wire/icmp.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { type VirtualClock, virtualClock } from '../../southbound/wire/virtual-clock.ts'
import { type MemoryUnderlay, memoryUnderlay } from '../../topologies/lab/memory/underlay.ts'
import { planUnderlay } from '../../topologies/lab/underlay-plan.ts'
import { documentOf } from './underlay-rig.ts'

const leafSpine = `{ routers: { leaf1: {}, leaf2: {}, s1: {}, s2: {} }, links: { a: { ends: [h1, leaf1] }, b: { ends: [h2, leaf2], mtuBytes: 1400 },
  c: { ends: [leaf1, s1] }, d: { ends: [leaf1, s2] }, e: { ends: [s1, leaf2] }, f: { ends: [s2, leaf2] } } }`
const both = { h1: '192.0.2.11,2001:db8::11', h2: '192.0.2.21,2001:db8::21' }

interface Station {
  send(frame: Uint8Array): void
  readonly seen: Uint8Array[]
  readonly mac: number
}

/** A host with nothing on it but its end of the underlay. */
function stationOn(underlay: MemoryUnderlay, hostId: string, mac: number, clock: VirtualClock) {
  const { station, attach } = underlay.outlet(hostId)
  const port = memoryPort({ name: hostId, mac })
  attach(port)
  const { addresses, routes } = station
  const silent = { clock, drop() {}, receive() {}, warn() {} }
  rawUnderlay({ port, mac, addresses, routes }, silent)
  const seen: Uint8Array[] = []
  port.onFrame((frame) => seen.push(frame))
  return { mac, seen, send: (frame) => port.send(frame) } satisfies Station
}

function site(hosts: Readonly<Record<string, string>>, text: string, random = () => 0.5) {
  const clock = virtualClock()
  const document = documentOf(hosts, text)
  const { mtuBytes } = document.underlay
  const underlay = memoryUnderlay(planUnderlay(document), { mtuBytes, clock, random })
  const links: { frame: Uint8Array; link: string }[] = []
  underlay.onFrame((frame, link = '') => links.push({ frame, link }))
  const station = (id: string, mac: number) => stationOn(underlay, id, mac, clock)
  return {
    clock,
    underlay,
    links,
    h1: station('h1', 0x0200_0000_0011),
    h2: station('h2', 0x0200_0000_0021),
  }
}

/** Frames cross in turns of the event loop; each router takes some. */
async function settle(): Promise<void> {
  for (let count = 0; count < 40; count++) await turn()
}

const LEAF1 = 0x0257_feff_0100
const udp4 = (mac: number, { port = 50_000, bytes = 10, ttl = 64 } = {}) =>
  udpFrame({
    ...{ eth_dst: LEAF1, eth_src: mac, ttl, dontFragment: true },
    ...{ ipv4_src: parseIpv4('192.0.2.11'), ipv4_dst: parseIpv4('192.0.2.21') },
    ...{ udp_src: port, udp_dst: 4789, payload: new Uint8Array(bytes) },
  })
const packets = (frames: readonly Uint8Array[], type: number) =>
  frames
    .filter((frame) => ethernet.get.type(frame, 0) === type)
    .map((frame) => frame.subarray(ethernet.size))

test('a packet crosses three routers: three hops less, its checksum right, and all else as it was', async () => {
  const { h1, h2, links } = site(both, leafSpine)
  h1.send(udp4(h1.mac))
  await settle()
  const [packet = new Uint8Array(), ...more] = packets(h2.seen, ETH_TYPE.ipv4)
  expect(more).toEqual([])
  expect(ipv4.read(packet, 0)).toMatchObject({ ttl: 61, dontFragment: 1 })
  expect(internetChecksum(packet, 0, ipv4.size)).toBe(0)
  expect(packet.subarray(12)).toEqual(udp4(0).subarray(ethernet.size + 12))
  const way = links.filter(({ frame }) => ethernet.get.type(frame, 0) === ETH_TYPE.ipv4)
  expect(way.map(({ link }) => link)).toEqual([
    'a',
    expect.stringMatching(/[cd]/),
    expect.stringMatching(/[ef]/),
    'b',
  ])
})

test('flows spread over both ways by their UDP source port, and each keeps its own', async () => {
  const { h1, h2, underlay } = site(both, leafSpine)
  const ways = new Map<number, Set<string>>()
  underlay.onFrame((frame, link = '') => {
    if (!'cd'.includes(link) || ethernet.get.type(frame, 0) !== ETH_TYPE.ipv4) return
    const port = Buffer.from(frame).readUInt16BE(ethernet.size + ipv4.size)
    ways.set(port, (ways.get(port) ?? new Set()).add(link))
  })
  // As many as wait for a neighbour.
  for (let round = 0; round < 2; round++) {
    for (let port = 50_000; port < 50_064; port++) h1.send(udp4(h1.mac, { port }))
    await settle()
  }
  expect(packets(h2.seen, ETH_TYPE.ipv4)).toHaveLength(128)
  const taken = [...ways.values()].map((links) => [...links].join())
  expect(taken).toHaveLength(64)
  expect(new Set(taken)).toEqual(new Set(['c', 'd']))
})

test('a packet too long for the next link is not cut: ICMP says what that link takes', async () => {
  const { h1, h2 } = site(both, leafSpine)
  h1.send(udp4(h1.mac, { bytes: 1401 - 28 }))
  await settle()
  expect(packets(h2.seen, ETH_TYPE.ipv4)).toEqual([])
  const [answer = new Uint8Array()] = packets(h1.seen, ETH_TYPE.ipv4)
  expect(icmp.read(answer, ipv4.size)).toMatchObject({ type: 3, code: 4 })
  expect(internetChecksum(answer, ipv4.size, answer.length)).toBe(0)
  expect(Buffer.from(answer).readUInt32BE(ipv4.size + 4)).toBe(1400)
  expect(formatIpv4(ipv4.get.dst(answer, 0))).toBe('192.0.2.11')
  const quoted = answer.subarray(ipv4.size + 8)
  expect(ipv4.read(quoted, 0)).toMatchObject({ totalLength: 1401, dst: parseIpv4('192.0.2.21') })
  h1.send(udp4(h1.mac, { bytes: 1400 - 28 }))
  await settle()
  expect(packets(h2.seen, ETH_TYPE.ipv4)).toHaveLength(1)
})

test('a packet with no hop left is answered by the router that got it', async () => {
  const { h1, h2, underlay } = site(both, leafSpine)
  h1.send(udp4(h1.mac, { ttl: 2 }))
  await settle()
  expect(packets(h2.seen, ETH_TYPE.ipv4)).toEqual([])
  const [answer = new Uint8Array()] = packets(h1.seen, ETH_TYPE.ipv4)
  expect(icmp.read(answer, ipv4.size)).toMatchObject({ type: 11, code: 0 })
  expect(formatIpv4(ipv4.get.src(answer, 0))).toMatch(/^100\.64\.0\.(5|7)$/)
  expect(underlay.routers.map(({ counters }) => counters.expired)).toEqual(
    expect.arrayContaining([1, 0, 0, 0]),
  )
})

const [FROM, TO] = ['20010db8000000000000000000000011', '20010db8000000000000000000000021']
/** UDP over IPv6; its checksum is nobody's business here. */
function udp6(mac: number, bytes: number): Uint8Array {
  const head = Buffer.alloc(8)
  head[0] = 0x60
  head.writeUInt16BE(8 + bytes, 4)
  head.set([17, 64], 6)
  const addresses = Buffer.from(FROM + TO, 'hex')
  const payload = Buffer.concat([
    head,
    addresses,
    Buffer.from('c35012b500000000', 'hex'),
    Buffer.alloc(bytes),
  ])
  return ethernetFrame({ dst: LEAF1, src: mac, type: ETH_TYPE.ipv6, payload })
}

test('IPv6 the same: hop limit, neighbours by discovery, packet too big', async () => {
  const { h1, h2 } = site(both, leafSpine)
  h1.send(udp6(h1.mac, 10))
  h1.send(udp6(h1.mac, 1401 - 48))
  await settle()
  const udpOf = (frames: readonly Uint8Array[]) =>
    packets(frames, ETH_TYPE.ipv6).filter((packet) => packet[6] === 17)
  const [packet = new Uint8Array(), ...more] = udpOf(h2.seen)
  expect(more).toEqual([])
  expect(packet[7]).toBe(61)
  expect(Buffer.from(packet.subarray(8, 40)).toString('hex')).toBe(FROM + TO)
  const errors = packets(h1.seen, ETH_TYPE.ipv6).filter((each) => each[6] === 58 && each[40] === 2)
  expect(errors).toHaveLength(1)
  expect(Buffer.from(errors[0] ?? []).readUInt32BE(44)).toBe(1400)
  expect(errors[0]).toHaveLength(1280)
})

const segment = (h2: string) => `{ links: { far: { ends: [h2, underlay], ${h2} } } }`
const to = (mac: number, size: number): Uint8Array =>
  ethernetFrame({
    dst: mac,
    src: 0x0200_0000_0011,
    type: 0x88b5,
    payload: new Uint8Array(size - 14),
  })
const marked = (frames: readonly Uint8Array[]) => packets(frames, 0x88b5)

test('a link takes what its MTU says and loses a longer frame in silence', async () => {
  const { h1, h2 } = site({ h1: '192.0.2.1', h2: '192.0.2.2' }, segment('mtuBytes: 8000'))
  h1.send(to(h2.mac, 8014))
  h1.send(to(h2.mac, 8015))
  await settle()
  expect(marked(h2.seen).map(({ length }) => length)).toEqual([8000])
})

test('delay and rate are kept to the microsecond of the clock, in order', async () => {
  const nature = 'delayMs: 5, rateBitsPerSecond: 1000000'
  const { clock, h1, h2 } = site({ h1: '192.0.2.1', h2: '192.0.2.2' }, segment(nature))
  await settle()
  clock.advance(1000)
  await settle()
  for (const size of [1250, 125]) h1.send(to(h2.mac, size))
  await settle()
  const after = async (ms: number) => {
    clock.advance(ms)
    await settle()
    return marked(h2.seen).length
  }
  // 10,000 bits take 10 ms, 1,000 bits one more; then 5 ms on the way.
  expect(await after(14.999)).toBe(0)
  expect(await after(0.001)).toBe(1)
  expect(await after(0.999)).toBe(1)
  expect(await after(0.001)).toBe(2)
})

test('loss is of the chance that is passed in', async () => {
  const drawn = [0.29, 0.3, 0.31, 0, 0.99]
  let at = 0
  const random = () => drawn[at++ % drawn.length] ?? 0
  const { h1, h2 } = site({ h1: '192.0.2.1', h2: '192.0.2.2' }, segment('lossPercent: 30'), random)
  await settle()
  at = 0
  for (let size = 100; size < 110; size++) h1.send(to(h2.mac, size))
  await settle()
  const arrived = marked(h2.seen).map(({ length }) => length + 14)
  expect(arrived).toEqual([101, 102, 104, 106, 107, 109])
})
