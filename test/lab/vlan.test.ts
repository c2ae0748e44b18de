/** Networks of types vlan and flat, extensions, trunks and tags, by real frames through our own switches. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Status } from '../../controller/northbound/realization.ts'
import { arpFrame, icmpEchoFrame } from '../../southbound/wire/frame.ts'
import { runChecks, summarize } from '../../topologies/lab/checks/checks.ts'
import type { Workload } from '../../topologies/lab/lab.ts'
import { addressOf, macOf, openVlanSite, tagged, tagsOf, type VlanSite } from './vlan-site.ts'

const small = { bytes: 56, timeoutMs: 1000 }
const jumbo = { bytes: 8972, timeoutMs: 1000 }
const SETTLE_MS = 60

/** Frames that these see while something is done. */
async function seen(
  by: readonly { onFrame(listener: (frame: Uint8Array) => void): () => void }[],
  during: () => unknown,
): Promise<Uint8Array[][]> {
  const frames = by.map((): Uint8Array[] => [])
  const stops = by.map((each, i) => each.onFrame((frame) => void frames[i]?.push(frame)))
  await during()
  await delay(SETTLE_MS)
  for (const stop of stops) stop()
  return frames
}

const echo = (from: number, to: number, payload = new Uint8Array(8)) =>
  icmpEchoFrame({
    eth_dst: macOf(to),
    eth_src: macOf(from),
    ipv4_src: addressOf(from),
    ipv4_dst: addressOf(to),
    dontFragment: true,
    identifier: 1,
    sequence: 1,
    payload,
  })

/** What a station tells everybody about itself. */
const announced = (n: number) =>
  arpFrame({ op: 1, sha: macOf(n), spa: addressOf(n), tha: 0, tpa: addressOf(n) })

describe('a site on a physical network', () => {
  let site: VlanSite
  let guest: (n: number) => Workload
  beforeAll(async () => {
    site = await openVlanSite()
    guest = site.guest
  })
  afterAll(() => site?.[Symbol.asyncDispose]())

  test('the table of a lab is about its VXLAN networks without tags, and holds beside the others', async () => {
    const results = await runChecks(site.lab, { signal: AbortSignal.timeout(10_000) })
    expect(results.filter(({ passed, applicable }) => applicable && !passed)).toEqual([])
    expect(summarize(results).passed).toBe(4)
  })

  test('access ports of a VLAN on two hosts reach each other, jumbo too, with its tag and without VXLAN', async () => {
    const [office, underlay] = await seen([site.office, site.lab.underlay], async () => {
      expect(await guest(11).ping(addressOf(12), small)).toBe(true)
      expect(await guest(12).ping(addressOf(11), jumbo)).toBe(true)
    })
    expect(office?.length).toBeGreaterThan(3)
    expect(office?.map((frame) => tagsOf(frame))).toEqual(office?.map(() => [100]))
    const ofGuest = Buffer.from([0x02, 0, 0, 0, 0, 0x11])
    expect(underlay?.filter((frame) => Buffer.from(frame).includes(ofGuest))).toEqual([])
  })

  test('a machine that Weft does not know is asked for by ARP on the VLAN and reached, from both hosts', async () => {
    const machine = site.machine(90, 100)
    expect(await guest(11).ping(addressOf(90), jumbo)).toBe(true)
    expect(await guest(12).ping(addressOf(90), small)).toBe(true)
    expect(await machine.ping(addressOf(12), jumbo)).toBe(true)
  })

  test('a flat network is what is untagged, and what has a tag of priority alone', async () => {
    const machine = site.machine(91)
    expect(await guest(21).ping(addressOf(22), jumbo)).toBe(true)
    expect(await machine.ping(addressOf(22), small)).toBe(true)
    const [frames] = await seen([guest(22)], () => site.office.send(tagged(echo(91, 22), 0xe000)))
    expect(frames?.[0] && Buffer.from(frames[0])).toEqual(Buffer.from(echo(91, 22)))
  })

  test('a broadcast of a guest is on the physical network once, and comes back to nobody', async () => {
    const ask = arpFrame({ op: 1, sha: macOf(11), spa: addressOf(11), tha: 0, tpa: addressOf(99) })
    const [office, there, ...others] = await seen(
      [site.office, guest(12), guest(11), guest(21), guest(22), guest(31), guest(32)],
      () => guest(11).send(ask),
    )
    expect(office?.map((frame) => Buffer.from(frame).toString('hex'))).toEqual([
      Buffer.from(tagged(ask, 100)).toString('hex'),
    ])
    expect(there?.map((frame) => Buffer.from(frame))).toEqual([Buffer.from(ask)])
    expect(others.flat()).toEqual([])
  })

  test('frames of other VLANs, of other tags, and of our own MACs do not come in, each with its reason', async () => {
    const guests = [11, 12, 13, 21, 22, 31, 32].filter((n) => n !== 13).map(guest)
    const count = async (reason: string) => site.drops('h2', reason)
    for (const [frame, reason] of [
      [tagged(echo(90, 12), 101), 'vlan_unknown'],
      [tagged(echo(90, 12), 100, 5), 'vlan_not_allowed'],
      [tagged(echo(90, 77), 100), 'mac_unknown'],
      [tagged(echo(90, 12, new Uint8Array(8973)), 100), 'mtu_exceeded'],
      [tagged(announced(12), 100), 'source_looped'],
    ] as const) {
      const before = await count(reason)
      // h1 knows nobody's MAC but its own guest's: to it the frame is one of vm12.
      const who =
        reason === 'source_looped' ? guests.filter(({ hostId }) => hostId === 'h2') : guests
      const frames = await seen(who, () => site.office.send(frame))
      expect(frames.flat(), reason).toEqual([])
      expect((await count(reason)) - before, reason).toBe(1)
    }
    // The bridges of the physical network learn again where vm12 is.
    expect(await guest(12).ping(addressOf(11), small)).toBe(true)
  })

  test('tags from access ports are dropped, one and two, and a tag of priority alone is taken off', async () => {
    for (const [from, to] of [
      [11, 12],
      [21, 22],
      [31, 32],
      [42, 41],
    ] as const) {
      for (const tags of [[5], [100], [5, 6], [0x6000, 6]]) {
        const before = await site.drops(`h${from % 10}`, 'vlan_not_allowed')
        const frames = await seen([guest(to), site.office], () =>
          guest(from).send(tagged(echo(from, to), ...tags)),
        )
        expect(frames.flat()).toEqual([])
        expect((await site.drops(`h${from % 10}`, 'vlan_not_allowed')) - before).toBe(1)
      }
      const [frames] = await seen([guest(to)], () =>
        guest(from).send(tagged(echo(from, to), 0xe000)),
      )
      expect(frames?.map((frame) => Buffer.from(frame))).toEqual([Buffer.from(echo(from, to))])
    }
  })

  test('what a trunk sends with the tag of a sub-port is of its network, is answered with the tag, and held to it', async () => {
    const trunk = guest(41)
    const ask = { op: 1, sha: macOf(13), spa: addressOf(13), tha: 0 } as const
    const [own] = await seen([trunk], () =>
      trunk.send(tagged(arpFrame({ ...ask, tpa: addressOf(12) }), 30)),
    )
    expect(own?.map((frame) => Buffer.from(frame).toString('hex'))).toEqual([
      Buffer.from(
        tagged(
          arpFrame({
            op: 2,
            sha: macOf(12),
            spa: addressOf(12),
            tha: macOf(13),
            tpa: addressOf(13),
          }),
          30,
        ),
      ).toString('hex'),
    ])
    const [back, office] = await seen([trunk, site.office], () =>
      trunk.send(tagged(echo(13, 12), 30)),
    )
    expect(office?.map((frame) => tagsOf(frame))).toContainEqual([100])
    expect(back?.map((frame) => tagsOf(frame))).toContainEqual([30])
    expect(await trunk.ping(addressOf(42), jumbo)).toBe(true)
    // Another VID, another sender, a broadcast of the network.
    const dropped = async (reason: string) => site.drops('h1', reason)
    const before = [await dropped('vlan_not_allowed'), await dropped('port_security')]
    const none = await seen([site.office, guest(12)], () => {
      trunk.send(tagged(echo(13, 12), 31))
      trunk.send(tagged(echo(41, 12), 30))
    })
    expect(none.flat()).toEqual([])
    expect([await dropped('vlan_not_allowed'), await dropped('port_security')]).toEqual(
      before.map((n) => n + 1),
    )
    const gratuitous = announced(12)
    const [flooded] = await seen([trunk], () => guest(12).send(gratuitous))
    expect(flooded?.map((frame) => Buffer.from(frame))).toEqual([
      Buffer.from(tagged(gratuitous, 30)),
    ])
  })

  test('sub-ports of one trunk in one network do not reach each other, and their status says so', async () => {
    const at = `${site.lab.url}/v1/tenants/acme/ports`
    const spec = {
      network: 'desk',
      mac: '02:00:00:00:00:14',
      addresses: ['10.0.0.14'],
      ...{ parent: 'vm41', vid: 31 },
    }
    const put = await fetch(`${at}/vm14?wait=realized&timeout=5s`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(spec),
    })
    expect(put.ok).toBe(true)
    const reason = async (id: string) => {
      const { status } = (await (await fetch(`${at}/${id}`)).json()) as { status: Status }
      return status.hosts.h1?.reason
    }
    expect(await reason('vm14')).toBe('Degraded: same_trunk (acme/vm13)')
    expect(await reason('vm13')).toBe('Degraded: same_trunk (acme/vm14)')
    const trunk = guest(41)
    const [none] = await seen([trunk], () => trunk.send(tagged(echo(13, 14), 30)))
    expect(none).toEqual([])
    const [back] = await seen([trunk], () => trunk.send(tagged(echo(14, 12), 31)))
    expect(
      back?.map((frame) => tagsOf(frame)),
      'positive control',
    ).toContainEqual([31])
    await fetch(`${at}/vm14?wait=realized&timeout=5s`, { method: 'DELETE' })
    expect(await reason('vm13')).toBeUndefined()
  })

  test('an extended network is one broadcast domain over the VNI and the VLAN, joined at one host', async () => {
    const machine = site.machine(92, 7)
    expect(await machine.ping(addressOf(32), small), 'VLAN to the other host').toBe(true)
    expect(await machine.ping(addressOf(31), small), 'VLAN to the joiner').toBe(true)
    expect(await guest(32).ping(addressOf(92), small), 'other host to VLAN').toBe(true)
    expect(await guest(31).ping(addressOf(92), small), 'joiner to VLAN').toBe(true)
    expect(await guest(31).ping(addressOf(32), small)).toBe(true)
  })

  test('an extended network does not loop: one broadcast arrives once everywhere, wherever it comes from', async () => {
    const machine = site.machine(93, 7)
    const ask = (n: number) =>
      arpFrame({ op: 1, sha: macOf(n), spa: addressOf(n), tha: 0, tpa: addressOf(99) })
    const stations = [guest(31), guest(32), site.office]
    for (const [n, send, expected] of [
      [31, () => guest(31).send(ask(31)), [0, 1, 1]],
      [32, () => guest(32).send(ask(32)), [1, 0, 1]],
      [93, () => machine.send(ask(93)), [1, 1, 1]],
    ] as const) {
      const frames = await seen(stations, send)
      expect(
        frames.map((each) => each.length),
        `broadcast of ${n}`,
      ).toEqual(expected)
    }
    // Nobody out there is a port of ours, of whatever host.
    const before = await site.drops('h1', 'source_looped')
    const none = await seen([guest(31), guest(32)], () => site.office.send(tagged(ask(32), 7)))
    expect(none.flat()).toEqual([])
    expect((await site.drops('h1', 'source_looped')) - before).toBe(1)
  })

  test('a network that is vlanTransparent carries one tag or two, and its size check counts them', async () => {
    const cases = [
      [51, [5], true],
      [51, [5, 6], false],
      [61, [5], true],
      [61, [5, 6], true],
    ] as const
    for (const [from, tags, passes] of cases) {
      const frame = tagged(echo(from, from + 1, new Uint8Array(1472)), ...tags)
      const [frames] = await seen([guest(from + 1)], () => guest(from).send(frame))
      expect(frames?.map((each) => Buffer.from(each).equals(frame))).toEqual(passes ? [true] : [])
    }
    const before = await site.drops('h1', 'mtu_exceeded')
    const long = tagged(echo(51, 52, new Uint8Array(1473)), 5)
    const [frames] = await seen([guest(52)], () => guest(51).send(long))
    expect(frames).toEqual([])
    expect((await site.drops('h1', 'mtu_exceeded')) - before).toBe(1)
  })

  test('a forged MAC, address or ARP sender does not reach a physical network', async () => {
    for (const n of [11, 21, 31, 32]) {
      const own = { eth_src: macOf(n), ipv4_src: addressOf(n) }
      const to = { eth_dst: macOf(98), ipv4_dst: addressOf(98), identifier: 1, sequence: 1 }
      const forged = [
        icmpEchoFrame({ ...to, ...own, eth_src: macOf(90) }),
        icmpEchoFrame({ ...to, ...own, ipv4_src: addressOf(99) }),
        arpFrame({ op: 1, sha: macOf(n), spa: addressOf(99), tha: 0, tpa: addressOf(90) }),
        arpFrame({ op: 2, sha: macOf(90), spa: addressOf(n), tha: macOf(91), tpa: addressOf(91) }),
      ]
      const host = `h${n % 10}`
      const before = await site.drops(host, 'port_security')
      const frames = await seen([site.office, guest(n === 11 ? 12 : 11)], () => {
        for (const frame of forged) guest(n).send(frame)
      })
      expect(frames.flat(), `guest ${n}`).toEqual([])
      expect((await site.drops(host, 'port_security')) - before).toBe(forged.length)
      const [office] = await seen([site.office], () =>
        guest(n).send(icmpEchoFrame({ ...to, ...own })),
      )
      expect(office, 'positive control').toHaveLength(1)
    }
  })

  test('broadcasts of tenants that are not on the physical network do not reach it', async () => {
    const frame = arpFrame({
      op: 1,
      sha: macOf(41),
      spa: addressOf(41),
      tha: 0,
      tpa: addressOf(99),
    })
    const toAll = echo(41, 42)
    toAll.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    const [office] = await seen([site.office], () => {
      guest(41).send(frame)
      guest(41).send(toAll)
    })
    expect(office).toEqual([])
  })
})
