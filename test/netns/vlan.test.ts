/**
 * Networks on a physical network, on real Open vSwitch: h1 has the bridge that the model declares, h2 offers one of its
 * own. A cable joins both bridges, and at h2's a machine that knows nothing of Weft has an access port of VLAN 7.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Status } from '../../controller/northbound/realization.ts'
import { arpFrame, icmpEchoFrame } from '../../southbound/wire/frame.ts'
import type { LabDocument } from '../../topologies/lab/lab.ts'
import { addNamespaces, ipBatch } from '../../topologies/lab/netns/namespace.ts'
import { ping } from '../../topologies/lab/netns/ping.ts'
import { addressOf, macOf, tagged, tagsOf, vlanDocument } from '../lab/vlan-site.ts'
import { needs } from '../needs.ts'
import { until } from './agent-site.ts'
import { type ControlledSite, openControlledSite } from './controlled-site.ts'

const { h2, ...hosts } = vlanDocument.hosts
const document = {
  ...vlanDocument,
  hosts: { ...hosts, h2: { ...h2, bridges: {} } },
} as unknown as LabDocument

const MTU = 9100
const small = { bytes: 56, timeoutMs: 1000 }
const jumbo = { bytes: 8972, timeoutMs: 1000 }
const OWN = 'br-own'
/** What the patch ports are called: `office` is the first physical network. */
const FAR = 'weft-int1'

describe(
  'a physical network on real Open vSwitch',
  needs('root', 'netns', 'ovs', 'iproute2', 'ethtool', 'ping'),
  () => {
    let site: ControlledSite
    let machine: string
    const guest = (n: number) => site.guest(`h${n % 10}.vm${n}`)
    const statusOf = async (path: string): Promise<Status> => (await site.get(path)).status
    const vsctl = async (host: string, ...args: string[]) =>
      (await site.host(host).vsctl(args)).stdout.trim()
    const drops = async (host: string, reason: string): Promise<number> => {
      type Drops = { drops: { reason: string; packets: number }[] }
      const { drops } = await site.get<Drops>(`infra/hosts/${host}/drops`)
      return drops.reduce((sum, each) => sum + (each.reason === reason ? each.packets : 0), 0)
    }

    beforeAll(async () => {
      site = await openControlledSite(document)
      const [one, two] = site.site.plan.hosts.map(({ namespace }) => namespace)
      machine = (two ?? '').replace('host-h2', 'machine')
      await addNamespaces([machine])
      await ipBatch(undefined, [
        `link add name eth1 netns ${one} mtu ${MTU} type veth peer name eth1 netns ${two} mtu ${MTU}`,
        `link add name machine netns ${two} mtu ${MTU} type veth peer name eth0 netns ${machine} mtu 1500`,
      ])
      await ipBatch(one, ['link set eth1 up'])
      await ipBatch(two, ['link set eth1 up', 'link set machine up'])
      await ipBatch(machine, [
        'link set eth0 address 02:00:00:00:00:92',
        'address add 10.0.0.92/24 dev eth0',
        'link set eth0 up',
      ])
      await vsctl('h2', 'add-br', OWN, '--', 'set', 'Bridge', OWN, 'datapath_type=netdev')
      await vsctl('h2', 'add-port', OWN, 'eth1')
      await vsctl('h2', 'add-port', OWN, 'machine', 'tag=7')
    })
    afterAll(() => site?.close())

    test('a host that offers no bridge to it says so, until it names one in its mappings', async () => {
      const path = 'tenants/acme/ports/vm12'
      const missing = async () => (await statusOf(path)).hosts.h2?.state === 'failed'
      await until('vm12 has failed', missing)
      expect((await statusOf(path)).hosts.h2?.reason).toBe(
        'physical_network_missing: h2 offers no bridge to office',
      )
      const events = await site.events('physical_network_missing')
      expect(events.map(({ host }) => host)).toEqual(['h2'])
      const before = await vsctl('h2', 'list-ports', OWN)
      await vsctl(
        'h2',
        'set',
        'Open_vSwitch',
        '.',
        `external_ids:weft-bridge-mappings=office:${OWN}`,
      )
      await site.realized(path)
      expect(await vsctl('h2', 'list-ports', OWN)).toBe([...before.split('\n'), FAR].join('\n'))
      expect(await vsctl('h2', 'get', 'Open_vSwitch', '.', 'other_config:vlan-limit')).toBe('"0"')
      expect(await vsctl('h1', 'list-ports', 'br-office')).toBe(`eth1\n${FAR}`)
    })

    test('access ports of a VLAN and of a flat network reach each other through it, jumbo too', async () => {
      for (const n of [11, 21]) {
        await until('a ping', () => guest(n).ping(addressOf(n + 1), small))
        expect(await guest(n).ping(addressOf(n + 1), { ...small, bytes: 1472 })).toBe(true)
        expect(await guest(n + 1).ping(addressOf(n), jumbo)).toBe(true)
      }
    })

    test('a machine on the VLAN of an extended network pings guests on its VNI, and they the machine', async () => {
      for (const n of [31, 32]) {
        await until(`a ping to ${n}`, () => ping(machine, addressOf(n), small))
        expect(await guest(n).ping(addressOf(92), { ...small, bytes: 1472 })).toBe(true)
      }
      expect(await guest(31).ping(addressOf(32), small)).toBe(true)
    })

    /** What a station tells everybody about itself. */
    const announced = (n: number) =>
      arpFrame({ op: 1, sha: macOf(n), spa: addressOf(n), tha: 0, tpa: addressOf(n) })
    const echo = (from: number, to: number, size = 8) =>
      icmpEchoFrame({
        eth_dst: macOf(to),
        eth_src: macOf(from),
        ipv4_src: addressOf(from),
        ipv4_dst: addressOf(to),
        identifier: 1,
        sequence: 1,
        payload: new Uint8Array(size),
      })
    async function arriving(n: number, send: () => void): Promise<string[]> {
      const frames: string[] = []
      const stop = guest(n).onFrame((frame) => void frames.push(Buffer.from(frame).toString('hex')))
      send()
      await delay(200)
      stop()
      return frames
    }
    const hex = (frame: Uint8Array) => Buffer.from(frame).toString('hex')

    test.each([
      [11, [5]],
      [11, [100]],
      [11, [5, 6]],
      [21, [5, 6]],
      [42, [5]],
      [42, [0x6000, 6]],
      [51, [5, 6]],
    ])('guest %i may not send tags %j', async (n, tags) => {
      const to = n === 42 ? 41 : n + 1
      const host = `h${n % 10}`
      const before = await drops(host, 'vlan_not_allowed')
      expect(await arriving(to, () => guest(n).send(tagged(echo(n, to), ...tags)))).toEqual([])
      const counted = async () => (await drops(host, 'vlan_not_allowed')) === before + 1
      await until('the drop is counted', counted)
    })

    test.each([
      [11, [0xe000], []],
      [42, [0x0000], []],
      [51, [0xa005], [0xa005]],
      [61, [5], [5]],
      [61, [0x2005, 0x4006], [0x2005, 0x4006]],
    ])('what guest %i sends with tags %j arrives with %j', async (n, sent, got) => {
      const to = n === 42 ? 41 : n + 1
      const frames = await arriving(to, () => guest(n).send(tagged(echo(n, to), ...sent)))
      expect(frames).toContain(hex(tagged(echo(n, to), ...got)))
      const arp = '0806'
      expect(frames.filter((frame) => frame.slice(24, 28) !== arp)).toHaveLength(1)
    })

    // Vm 13 is the sub-port with VID 30 of guest 41; what it sends to vm 12 leaves by the physical network.
    test.each([
      { by: 42, from: 42, to: 41, outer: 0, inner: [6], arrives: [] },
      { by: 41, from: 13, to: 12, outer: 30, inner: [6], arrives: [] },
      { by: 41, from: 13, to: 12, outer: 30, inner: [6, 7], arrives: [] },
      { by: 51, from: 51, to: 52, outer: 5, inner: [6, 7], arrives: [5] },
    ])(
      'what guest $by may send with tag $outer hides no tags $inner behind it, also right after it',
      async (row) => {
        const { by, from, to, outer, inner, arrives } = row
        const counted = () => drops(`h${by % 10}`, 'vlan_not_allowed')
        for (const frame of [echo(from, to), announced(from)]) {
          const before = await counted()
          const frames: string[] = []
          for (const tags of [[outer], [outer, ...inner], [outer], [outer, ...inner]])
            frames.push(...(await arriving(to, () => guest(by).send(tagged(frame, ...tags)))))
          const type = hex(frame.subarray(12))
          const arrived = frames.filter((each) => each.endsWith(type))
          expect(arrived).toEqual(Array(2).fill(hex(tagged(frame, ...arrives))))
          await until('both drops are counted', async () => (await counted()) === before + 2)
        }
      },
    )

    test('the size check of a transparent network counts the tag', async () => {
      const before = await drops('h1', 'mtu_exceeded')
      const [fits, long] = [1472, 1473].map((size) => tagged(echo(51, 52, size), 5))
      expect(await arriving(52, () => fits && guest(51).send(fits))).toHaveLength(1)
      expect(await arriving(52, () => long && guest(51).send(long))).toHaveLength(0)
      await until('counted', async () => (await drops('h1', 'mtu_exceeded')) === before + 1)
    })

    test('a trunk is answered with the tag of its sub-port, which reaches its VLAN on the other host', async () => {
      const ask = { op: 1, sha: macOf(13), spa: addressOf(13), tha: 0, tpa: addressOf(12) } as const
      const answer = {
        op: 2,
        sha: macOf(12),
        spa: addressOf(12),
        tha: macOf(13),
        tpa: addressOf(13),
      } as const
      const answers = await arriving(41, () => guest(41).send(tagged(arpFrame(ask), 30)))
      expect(answers).toEqual([hex(tagged(arpFrame(answer), 30))])
      // vm12 asks by ARP for whom it answers, and h2 answers for the sub-port.
      const back = await arriving(41, () => guest(41).send(tagged(echo(13, 12), 30)))
      expect(back.map((frame) => tagsOf(Buffer.from(frame, 'hex')))).toEqual([[30]])
      expect(await guest(41).ping(addressOf(42), jumbo)).toBe(true)
      const before = await drops('h1', 'vlan_not_allowed')
      guest(41).send(tagged(echo(13, 12), 31))
      await until('counted', async () => (await drops('h1', 'vlan_not_allowed')) === before + 1)
    })

    test('without the mapping the patch port is taken away, and nothing else', async () => {
      await vsctl('h2', 'remove', 'Open_vSwitch', '.', 'external_ids', 'weft-bridge-mappings')
      const ports = async () => vsctl('h2', 'list-ports', OWN)
      await until('it is gone', async () => (await ports()) === 'eth1\nmachine')
      await until(
        'an event',
        async () => (await site.events('physical_network_missing')).length === 2,
      )
      expect(await vsctl('h2', 'list-ports', 'br-int')).not.toContain('weft-phy')
    })
  },
)
