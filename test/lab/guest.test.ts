/** The guest's IP stack, against another one over a cable and against literal frames. */
import { afterEach, expect, test } from 'vitest'
import { memoryPair } from '../../dataplane/ports/memory.ts'
import { formatMac, parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { arp } from '../../southbound/wire/arp.ts'
import { systemClock } from '../../southbound/wire/clock.ts'
import { arpFrame, icmpEchoFrame, tcpSynFrame } from '../../southbound/wire/frame.ts'
import { createGuest, type Guest } from '../../topologies/lab/guest.ts'

const A = { mac: parseMac('02:00:00:00:00:11'), address: parseIpv4('10.0.0.11') }
const B = { mac: parseMac('02:00:00:00:00:12'), address: parseIpv4('10.0.0.12') }
const hex = (frame: Uint8Array) => Buffer.from(frame).toString('hex')

const open: Guest[] = []
afterEach(() => {
  for (const guest of open.splice(0)) guest.close()
})

/** A guest alone, what it transmitted in `out`. */
function alone(station = A, mtuBytes = 9000): { guest: Guest; out: Uint8Array[] } {
  const out: Uint8Array[] = []
  const transmit = (frame: Uint8Array) => void out.push(frame)
  const guest = createGuest({ ...station, mtuBytes, transmit, clock: systemClock })
  open.push(guest)
  return { guest, out }
}

/** Two guests on the ends of one cable. */
function cable(mtuOfB = 9000): [Guest, Guest] {
  const [a, b] = memoryPair({ name: 'a' }, { name: 'b' })
  const options = { mtuBytes: 9000, clock: systemClock }
  const guestA = createGuest({ ...A, ...options, transmit: (frame) => a.send(frame) })
  const guestB = createGuest({
    ...B,
    ...options,
    mtuBytes: mtuOfB,
    transmit: (frame) => b.send(frame),
  })
  a.onFrame((frame) => guestA.receive(frame))
  b.onFrame((frame) => guestB.receive(frame))
  open.push(guestA, guestB)
  return [guestA, guestB]
}

test('a guest answers an ARP request for its address and no other', () => {
  const { guest, out } = alone()
  const request = { op: 1, sha: B.mac, spa: B.address, tha: 0 }
  guest.receive(arpFrame({ ...request, tpa: A.address }))
  guest.receive(arpFrame({ ...request, tpa: A.address + 5 }))
  expect(out.map(hex)).toEqual([
    '0200000000120200000000110806' + // to B, from A, ARP
      '0001080006040002' + // reply
      '0200000000110a00000b' + // A is at
      '0200000000120a00000c', // for B
  ])
  expect(Object.fromEntries(guest.drops)).toEqual({ not_for_us: 1 })
})

test('two guests ping each other with 56 and with 8,972 bytes, and one ARP request serves both', async () => {
  const [a, b] = cable()
  const requests: string[] = []
  b.onFrame((frame) => {
    if (frame[12] === 8 && frame[13] === 6) requests.push(formatMac(arp.read(frame, 14).sha))
  })
  const timeoutMs = 1000
  await expect(a.ping(B.address, { bytes: 56, timeoutMs })).resolves.toBe(true)
  await expect(a.ping(B.address, { bytes: 8972, timeoutMs })).resolves.toBe(true)
  await expect(b.ping(A.address, { bytes: 8972, timeoutMs })).resolves.toBe(true)
  expect(requests).toEqual(['02:00:00:00:00:11'])
})

test('nothing longer than its MTU leaves a guest, and nothing longer enters its stack', async () => {
  const [a, b] = cable(1500)
  const seen: number[] = []
  b.onFrame((frame) => seen.push(frame.length))
  await expect(a.ping(B.address, { bytes: 8973, timeoutMs: 50 })).resolves.toBe(false)
  expect(seen).toEqual([])
  await expect(a.ping(B.address, { bytes: 1473, timeoutMs: 50 })).resolves.toBe(false)
  expect(seen).toEqual([42, 14 + 1501])
  expect(Object.fromEntries(b.drops)).toEqual({ too_long: 1 })
})

test('a ping to an address that nobody has fails at its timeout and leaves no timer', async () => {
  const { guest, out } = alone()
  await expect(guest.ping(B.address, { bytes: 56, timeoutMs: 300 })).resolves.toBe(false)
  const asked = out.length
  expect(asked).toBe(2) // at once, and again after 250 ms
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(out.length).toBe(asked)
})

test('a ping ends when its signal aborts', async () => {
  const { guest } = alone()
  const signal = AbortSignal.timeout(20)
  await expect(guest.ping(B.address, { bytes: 56, timeoutMs: 60_000, signal })).resolves.toBe(false)
})

test('a guest is silent about what it did not ask for, and every listener still sees it', () => {
  const { guest, out } = alone()
  const seen: number[] = []
  guest.onFrame((frame) => seen.push(frame.length))
  const at = { eth_dst: A.mac, eth_src: B.mac, ipv4_src: B.address, ipv4_dst: A.address }
  const echo = { ...at, identifier: 1, sequence: 1 }
  const broken = icmpEchoFrame(echo)
  broken[40] = 0xff
  const frames = [
    icmpEchoFrame({ ...echo, kind: 'reply' }),
    icmpEchoFrame({ ...echo, eth_dst: B.mac }),
    icmpEchoFrame({ ...echo, ipv4_dst: B.address }),
    icmpEchoFrame({ ...echo, eth_dst: 0xffff_ffff_ffff }),
    tcpSynFrame({ ...at, tcp_src: 1, tcp_dst: 2 }),
    broken,
    Uint8Array.of(1, 2, 3),
  ]
  for (const frame of frames) guest.receive(frame)
  expect(out).toEqual([])
  expect(seen.length).toBe(frames.length)
  const drops = { unknown_protocol: 3, not_for_us: 2, malformed: 2 }
  expect(Object.fromEntries(guest.drops)).toEqual(drops)
})

test('a raw frame leaves exactly as given, and later changes to its bytes do not matter', () => {
  const { guest, out } = alone()
  const frame = new Uint8Array(9214).fill(7)
  guest.send(frame)
  frame.fill(0)
  expect(out.map((sent) => [sent.length, sent[0], sent.at(-1)])).toEqual([[9214, 7, 7]])
})
