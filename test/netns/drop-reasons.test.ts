/**
 * So many frames of each reason, and exactly so many in `counters`, on every kind of host: Open vSwitch (h1), weft switch
 * (h2) and a Linux bridge (h3); each reason told once, with the 5-tuple and the intent. Sub-ports count by their flows.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { PortCounters } from '../../controller/northbound/realization.ts'
import { parseMac } from '../../southbound/wire/address.ts'
import { arpFrame, icmpEchoFrame, udpFrame } from '../../southbound/wire/frame.ts'
import type { LabDocument } from '../../topologies/lab/lab.ts'
import { type NetnsLab, openNetnsLab } from '../../topologies/lab/netns/lab.ts'
import type { NetnsWorkload } from '../../topologies/lab/netns/workload.ts'
import { needs } from '../needs.ts'
import { events, eventually, get } from './site-under-test.ts'

const file = fileURLToPath(new URL('../../topologies/three-kinds.yaml', import.meta.url))
/** Answers of a host are good for 5 s, and an agent tells every 5 s. */
const PATIENCE_MS = 30_000
const [NOBODY_MAC, NOBODY] = [0x02_00_00_00_00_99, 99]

/** Beside what the document has: a trunk on h1 and one on h2, whose sub-ports are in a network of their own. */
function document() {
  const whole = parse(readFileSync(file, 'utf8')) as LabDocument
  const { acme, ...others } = whole.tenants
  const sub = (n: number, parent: string) => ({
    ...{ network: 'side', mac: `02:00:00:00:00:7${n}`, addresses: [`10.1.0.${n}`] },
    ...{ parent, vid: 70 + n },
  })
  return {
    ...whole,
    tenants: {
      ...others,
      acme: {
        networks: {
          ...acme?.networks,
          side: { type: 'vxlan', vni: 5009, mtuBytes: 1500 },
          tags: { type: 'vxlan', vni: 5010, mtuBytes: 1500, vlanTransparent: true },
        },
        subnets: {
          ...acme?.subnets,
          side: { network: 'side', cidr: '10.1.0.0/24' },
          tags: { network: 'tags', cidr: '10.2.0.0/24' },
        },
        ports: {
          ...acme?.ports,
          s1: sub(1, 'vm4'),
          s2: sub(2, 'vm5'),
          t1: { network: 'tags', mac: '02:00:00:00:00:81', addresses: ['10.2.0.1'] },
          t2: { network: 'tags', mac: '02:00:00:00:00:82', addresses: ['10.2.0.2'] },
        },
      },
    },
    workloads: { ...whole.workloads, 'h1.acme-t1': 'acme/t1', 'h2.acme-t2': 'acme/t2' },
  } as unknown as LabDocument
}

const tooLarge = (from: NetnsWorkload, to: NetnsWorkload) =>
  icmpEchoFrame({
    ...{ kind: 'request', identifier: 7, sequence: 1, payload: new Uint8Array(9001 - 28) },
    ...{ eth_src: from.mac, eth_dst: to.mac, ipv4_src: from.address, ipv4_dst: to.address },
  })
type Changes = Partial<Parameters<typeof udpFrame>[0]>
const datagram = (from: NetnsWorkload, to: NetnsWorkload, changes: Changes = {}) =>
  udpFrame({
    ...{ eth_src: from.mac, eth_dst: to.mac, ipv4_src: from.address, ipv4_dst: to.address },
    ...{ udp_src: 4242, udp_dst: 53, payload: new Uint8Array(100), ...changes },
  })

const kinds = [
  { kind: 'Open vSwitch', host: 'h1', port: 'vm1', peer: 'vm4', knowsAll: true },
  { kind: 'weft switch', host: 'h2', port: 'vm2', peer: 'vm5', knowsAll: true },
  { kind: 'a Linux bridge', host: 'h3', port: 'vm3', peer: 'vm6', knowsAll: false },
] as const

describe(
  'why frames vanish',
  needs('root', 'netns', 'ovs', 'iproute2', 'ethtool', 'ping', 'nft', 'vtep'),
  () => {
    let lab: NetnsLab
    beforeAll(async () => {
      lab = await openNetnsLab({ document: document() })
    }, 120_000)
    afterAll(() => lab?.close())

    const countersOf = async (port: string) =>
      (await get<{ status: { counters?: PortCounters } }>(lab, `/v1/tenants/acme/ports/${port}`))
        .status.counters
    /** Waits until the host counts so many; more than that never become fewer again. */
    const counted = (port: string, wanted: Readonly<Record<string, number>>) => {
      let last: PortCounters | undefined
      const all = Object.entries(wanted).map(([reason, packets]) => ({ reason, packets }))
      return eventually(`${port}: ${JSON.stringify(wanted)}`, PATIENCE_MS, async () => {
        last = await countersOf(port)
        return all.every(({ reason, packets }) =>
          last?.drops.some((drop) => drop.reason === reason && drop.packets >= packets),
        )
          ? last
          : undefined
      }).catch((error: Error) => {
        throw new Error(`${error.message}; last: ${JSON.stringify(last)}`)
      })
    }
    const told = (port: string, reason: string) =>
      eventually(`an event ${reason} of ${port}`, PATIENCE_MS, async () =>
        (await events(lab)).find(
          (event) =>
            event.type === 'frames_dropped' && event.port === port && event.reason === reason,
        ),
      )

    test.each(kinds)(
      'on $kind',
      async ({ host, port, peer, knowsAll }) => {
        const from = lab.workload(`${host}.acme-${port}`)
        const to = lab.workload(`${host}.acme-${peer}`)
        const send = (times: number, frame: Uint8Array) => {
          for (let i = 0; i < times; i++) from.send(frame)
        }
        send(3, datagram(from, to, { ipv4_src: from.address + 77 }))
        send(2, datagram(from, to, { vlan_vid: 7 }))
        send(4, tooLarge(from, to))
        const wanted: Record<string, number> = {
          ...{ port_security: 3, vlan_not_allowed: 2, mtu_exceeded: 4 },
        }
        if (knowsAll) {
          const [sha, spa] = [from.mac, from.address]
          send(5, arpFrame({ op: 1, sha, spa, tha: 0, tpa: (from.address & ~255) + NOBODY }))
          send(6, datagram(from, to, { eth_dst: NOBODY_MAC }))
          Object.assign(wanted, { arp_unknown: 5, mac_unknown: 6 })
        }
        const { drops, sent } = await counted(port, wanted)
        const ports = (reason: string, packets: number) => ({ reason, packets, of: 'port' })
        expect([...drops].sort((a, b) => (a.reason < b.reason ? -1 : 1))).toEqual(
          Object.entries(wanted)
            .sort()
            .map(([reason, packets]) => ports(reason, packets)),
        )
        expect(sent?.frames).toBeGreaterThanOrEqual(9)

        const key = `acme/${port}`
        const tuple = { ip_proto: 17, src_port: 4242, dst_port: 53, eth_type: '0x0800' }
        const security = await told(key, 'port_security')
        const last = Number(from.address & 255)
        expect(security).toMatchObject({
          ...{ host, from: [`port/${key}`], ip_src: `10.0.0.${last + 77}`, ...tuple },
          message: expect.stringContaining(`:4242 > 10.0.0.${to.address & 255}:53`),
        })
        expect(await told(key, 'vlan_not_allowed')).toMatchObject({ vlan_vid: 7, ...tuple })
        expect(await told(key, 'mtu_exceeded')).toMatchObject({
          ...{ host, from: ['network/acme/web'], ip_proto: 1 },
          ...{ ip_src: `10.0.0.${last}`, ip_dst: `10.0.0.${to.address & 255}` },
          message: expect.stringContaining('9015 bytes'),
        })
        expect((await countersOf(port))?.lastDrop).toMatchObject({ host })
        // Of nobody else.
        expect((await countersOf(peer))?.drops).toEqual([])
      },
      60_000,
    )

    test.each([
      ['Open vSwitch', 'h1.acme-t1', 't1'],
      ['weft switch', 'h2.acme-t2', 't2'],
    ])(
      'a second tag in a transparent network is its port’s own drop on %s',
      async (_, name, port) => {
        const from = lab.workload(name)
        const other = lab.workload(port === 't1' ? 'h2.acme-t2' : 'h1.acme-t1')
        const inner = datagram(from, other, { vlan_vid: 8 })
        const twice = Buffer.concat([
          inner.subarray(0, 12),
          Buffer.from('81000007', 'hex'),
          inner.subarray(12),
        ])
        for (let i = 0; i < 3; i++) from.send(twice)
        const { drops } = await counted(port, { vlan_not_allowed: 3 })
        expect(drops).toEqual([{ reason: 'vlan_not_allowed', packets: 3, of: 'port' }])
      },
      60_000,
    )

    test('a sub-port has sent and received what went by its tag, whatever its trunk did', async () => {
      const trunk = lab.workload('h1.acme-vm4')
      const mac = { s1: parseMac('02:00:00:00:00:71'), s2: parseMac('02:00:00:00:00:72') }
      const ip = (n: number) => 0x0a010000 + n
      const side = { eth_src: mac.s1, ipv4_src: ip(1), ipv4_dst: ip(2), vlan_vid: 71 }
      const tagged = (frame: Uint8Array) =>
        Buffer.concat([frame.subarray(0, 12), Buffer.from('81000047', 'hex'), frame.subarray(12)])
      for (let i = 0; i < 3; i++) trunk.send(datagram(trunk, trunk, { ...side, eth_dst: mac.s2 }))
      // A question about its own address is flooded, one about the other's is answered on its host.
      const arp = { op: 1, sha: mac.s1, spa: ip(1), tha: 0 } as const
      for (let i = 0; i < 2; i++) trunk.send(tagged(arpFrame({ ...arp, tpa: ip(1) })))
      trunk.send(tagged(arpFrame({ ...arp, tpa: ip(2) })))
      const carried = (port: string, sent: number, received: number) =>
        eventually(`${port} ${sent} ${received}`, PATIENCE_MS, async () => {
          const counters = await countersOf(port)
          const isSo = counters?.sent?.frames === sent && counters.received?.frames === received
          return isSo ? counters : undefined
        })
      const s1 = await carried('s1', 6, 1)
      expect(s1.sent?.bytes).toBeGreaterThan(3 * 100)
      expect(s1.drops).toEqual([])
      await carried('s2', 0, 5)
    }, 60_000)

    test('the size of packets inside one Linux bridge is enforced again when somebody takes the rule away', async () => {
      const [from, to] = [lab.workload('h3.acme-vm3'), lab.workload('h3.acme-vm6')]
      const before = (await counted('vm3', { mtu_exceeded: 4 })).drops
      const packets = before.find(({ reason }) => reason === 'mtu_exceeded')?.packets ?? 0
      const host = lab.vtep('h3')
      /** Chain and handle of each rule about sizes. */
      const sizes = async () => {
        const { stdout } = await host.exec(['nft', '-a', 'list', 'table', 'bridge', 'weft'])
        let chain = ''
        return stdout.split('\n').flatMap((line) => {
          chain = /^\tchain (\S+) \{/.exec(line)?.[1] ?? chain
          const handle = /meta length >.*# handle (\d+)/.exec(line)?.[1]
          return handle === undefined ? [] : [[chain, handle] as const]
        })
      }
      const wanted = await sizes()
      expect(wanted).toHaveLength(6)
      for (const [chain, handle] of wanted)
        await host.exec(['nft', 'delete', 'rule', 'bridge', 'weft', chain, 'handle', handle])
      await eventually('the rules are back', PATIENCE_MS, async () =>
        (await sizes()).length === wanted.length ? true : undefined,
      )
      from.send(tooLarge(from, to))
      const after = await counted('vm3', { mtu_exceeded: packets + 1 })
      expect(after.drops).toContainEqual({
        ...{ reason: 'mtu_exceeded', packets: packets + 1, of: 'port' },
      })
      const drift = (await events(lab)).filter(
        ({ type, host: of }) => type === 'drift' && of === 'h3',
      )
      expect(drift.map(({ message }) => message).join()).toContain('chain bridge in.')
    }, 60_000)
  },
)
