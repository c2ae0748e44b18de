/**
 * Bridges to physical networks on kernel bridges: made, kept and taken back. A cable joins eth1 of two hosts, another one
 * eth2 of h1 and a machine.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseMac } from '../../southbound/wire/address.ts'
import { arpFrame, udpFrame } from '../../southbound/wire/frame.ts'
import {
  addNamespaces,
  ipBatch,
  removeNamespaces,
  within,
} from '../../topologies/lab/netns/namespace.ts'
import { frameSender, frameTap } from '../../topologies/lab/netns/raw-socket.ts'
import { run } from '../../topologies/lab/netns/run.ts'
import { needs } from '../needs.ts'
import { ip, mac } from './agent-frames.ts'
import {
  type AgentHost,
  type AgentSite,
  kernelOf,
  openAgentSite,
  ping,
  until,
} from './agent-site.ts'

const five = { count: 5, interval: 0.05 }
const ALL_GOOD = { sent: 5, received: 5 }
const OFFICE = 'uplinks=eth1 mtu=9000 physical-network=office'
/** Address of h1's VTEP. */
const VTEP = 0xc000020b
/** How eth1 was before anybody looked at it. */
const FOUND = { mtu: 1500, isUp: false, master: undefined, altnames: undefined }

describe(
  'bridges to physical networks',
  needs('root', 'netns', 'iproute2', 'nft', 'vtep', 'ping'),
  () => {
    let site: AgentSite
    let h1: AgentHost
    let machine: string
    const kernels = new Map<AgentHost, string>()
    beforeAll(async () => {
      site = await openAgentSite()
      h1 = site.hosts.h1
      const { h2 } = site.hosts
      machine = `${h1.namespace}-m`
      await addNamespaces([machine])
      await ipBatch(undefined, [
        `link add eth1 netns ${h1.namespace} type veth peer name eth1 netns ${h2.namespace}`,
        `link add eth2 netns ${h1.namespace} type veth peer name eth0 netns ${machine}`,
      ])
      await ipBatch(machine, ['address add 10.0.0.9/24 dev eth0', 'link set eth0 up'])
      for (const host of [h1, h2]) {
        // An interface that has been up once has another qdisc.
        const uplinks = host === h1 ? ['eth1', 'eth2'] : ['eth1']
        const lines = uplinks.flatMap((name) => [`link set ${name} up`, `link set ${name} down`])
        await ipBatch(host.namespace, lines)
        await host.start()
        kernels.set(host, await kernelOf(host))
      }
    }, 60_000)
    afterAll(async () => {
      await site?.close()
      if (machine) await removeNamespaces([machine])
    })

    const set = (host: AgentHost, name: string, value: string) =>
      run(
        within(host.namespace, [
          ...['vtep-ctl', `--db=${host.target}`, 'set', 'Physical_Switch', idOf(host)],
          `other_config:${name}="${value}"`,
        ]),
      )
    const idOf = (host: AgentHost) => (host === h1 ? 'h1' : 'h2')
    const seen = (host: AgentHost, bridge: string) =>
      host
        .vtep(`get Physical_Switch ${idOf(host)} other_config:weft-seen-bridge-${bridge}`)
        .catch(() => '')
    const tells = (host: AgentHost, bridge: string, wanted: string) =>
      until(`${bridge} is ${wanted}`, async () => (await seen(host, bridge)).includes(wanted))
    const link = async (host: AgentHost, name: string) => {
      const [found] = JSON.parse(await host.shell(`ip -json link show dev ${name}`))
      const { mtu, master, altnames, flags, ifindex } = found
      return { mtu, isUp: flags.includes('UP'), master, altnames, ifindex }
    }
    const asFound = async (host: AgentHost, name: string) => {
      const { ifindex, ...rest } = await link(host, name)
      return rest
    }
    const repairs = async () => {
      const text = await h1.vtep('get Physical_Switch h1 other_config:weft-repairs')
      return Number(text.replaceAll('"', ''))
    }

    /** Answers to ARP that comes untagged from the physical network. */
    const asked = async (address: number) => {
      const { namespace } = site.hosts.h2
      const sender = frameSender({ namespace, device: 'eth1' })
      const tap = frameTap(namespace, ['eth1'])
      const sha = parseMac('02:00:00:00:00:77')
      const answers: Uint8Array[] = []
      tap.onFrame((frame) => {
        if (Buffer.from(frame).readUIntBE(0, 6) === sha) answers.push(frame)
      })
      const frame = arpFrame({ op: 1, sha, spa: 0x0a000077, tha: 0, tpa: address })
      try {
        for (let i = 0; i < 20 && answers.length === 0; i++) {
          sender.send(frame)
          await delay(50)
        }
      } finally {
        sender.close()
        tap.close()
      }
      return answers.length
    }

    test('guests of a network without VXLAN reach each other over the bridges of their hosts, up to a jumbo frame', async () => {
      const { g1, g2 } = site.guests
      for (const [host, guest] of [
        [h1, g1],
        [site.hosts.h2, g2],
      ] as const) {
        await set(host, 'weft-bridge-br-office', OFFICE)
        await tells(host, 'br-office', 'ok')
        expect(await host.vtep('get Physical_Port br-office other_config')).toContain(
          'weft-physical-network=office',
        )
        await host.vtep(
          'add-ls bare -- set Logical_Switch bare other_config:weft-number=4096 other_config:weft-mtu=9000',
        )
        const id = idOf(host)
        await host.vtep(`bind-ls ${id} br-office 0 bare -- bind-ls ${id} ${guest.port} 0 bare`)
      }
      expect(await link(h1, 'eth1')).toMatchObject({ mtu: 9000, isUp: true, master: 'br-office' })
      await until('the cable carries', async () => (await ping(g1, g2.address)).received === 1)
      expect(await ping(g1, g2.address, { ...five, bytes: 8972 })).toEqual(ALL_GOOD)
      expect(await h1.shell('ip -brief link show type vxlan')).toBe('')
    })

    test('the host itself answers nobody on the physical network, and a guest does', async () => {
      const { g1 } = site.guests
      expect(await asked(ip(g1))).toBeGreaterThan(0)
      expect(await asked(VTEP)).toBe(0)
      // Without the fence, which the agent puts up again, it would.
      await h1.kill()
      await h1.shell('nft flush chain bridge weft input')
      await h1.shell('nft flush chain bridge weft output')
      expect(await asked(VTEP)).toBeGreaterThan(0)
      await h1.start()
      expect(await asked(VTEP)).toBe(0)
    })

    test('nothing untagged reaches the host where VIDs alone are bound, nor where the untagged network cannot be made', async () => {
      const { g1, g2 } = site.guests
      const joint = async (): Promise<{ ifname: string; master?: string } | undefined> =>
        JSON.parse(await h1.shell('ip -json link show type veth')).find(({ ifname = '' }) =>
          ifname.startsWith('weft-p'),
        )
      const create = (name: string, number: number) =>
        `add-ls ${name} -- set Logical_Switch ${name} other_config:weft-number=${number} other_config:weft-mtu=9000`
      await h1.vtep(
        `unbind-ls h1 br-office 0 -- ${create('desk', 4196)} -- bind-ls h1 br-office 100 desk`,
      )
      // Without 8021q there is no pair at all.
      await until('the network is left', async () => {
        const pair = await joint()
        return pair === undefined || pair.master?.startsWith('weft-s') === true
      })
      expect(await asked(VTEP)).toBe(0)
      await h1.shell(`ip link add weft-${0xff_ff_ff + 4296} type bridge`)
      await h1.vtep(`${create('lost', 4296)} -- bind-ls h1 br-office 0 lost`)
      await until('it ends', async () => (await joint())?.master?.startsWith('weft-s') === true)
      expect(await asked(VTEP)).toBe(0)
      // Set up by somebody, that bridge still takes nothing in.
      const { ifname = '', master } = (await joint()) ?? {}
      await h1.kill()
      await h1.shell(`ip link set ${master} up`)
      expect(await asked(VTEP)).toBe(0)
      // Without it the host would answer.
      await h1.shell(`ip link set ${ifname} nomaster`)
      expect(await asked(VTEP)).toBeGreaterThan(0)
      await h1.start()
      expect(await asked(VTEP)).toBe(0)
      await h1.vtep('unbind-ls h1 br-office 0 -- unbind-ls h1 br-office 100')
      await h1.vtep('del-ls lost -- del-ls desk -- bind-ls h1 br-office 0 bare')
      await h1.shell(`ip link del weft-${0xff_ff_ff + 4296}`)
      await until('it carries', async () => (await ping(g1, g2.address)).received === 1)
    })

    test('an agent that starts again touches nothing', async () => {
      const before = [await kernelOf(h1), await link(h1, 'br-office'), await link(h1, 'eth1')]
      await h1.kill()
      await h1.start()
      expect([await kernelOf(h1), await link(h1, 'br-office'), await link(h1, 'eth1')]).toEqual(
        before,
      )
      expect(await repairs()).toBe(0)
    })

    test('a bridge that is deleted and an uplink that is changed are put right and recorded', async () => {
      const { g1, g2 } = site.guests
      await h1.shell('ip link del br-office')
      await until('it is recorded', async () => (await repairs()) > 0)
      expect(await h1.vtep('get Physical_Switch h1 other_config:weft-last-repair')).toContain(
        'device br-office was gone',
      )
      await until('it carries', async () => (await ping(g1, g2.address)).received === 1)
      const count = await repairs()
      await h1.shell('ip link set eth1 nomaster mtu 1500')
      await until('it is recorded', async () => (await repairs()) > count)
      await until(
        'it carries',
        async () => (await ping(g1, g2.address, { bytes: 8972 })).received === 1,
      )
    })

    test('only the VIDs of a trunk pass its uplinks, either way; others are counted', async () => {
      await set(h1, 'weft-bridge-br-office', `${OFFICE} vids=100-199,7`)
      await until('the rules', async () => (await h1.shell('nft list ruleset')).includes('in.eth1'))
      const { namespace } = site.hosts.h2
      const port = (await h1.shell('ip -brief link show type veth'))
        .split('\n')
        .map((line) => line.split(/[@ ]/)[0] ?? '')
        .find((name) => name.startsWith('weft-p'))
      const marks = new Map<number | undefined, string>()
      const arrived: string[] = []
      const tap = frameTap(h1.namespace, [port ?? ''])
      tap.onFrame((frame) => void arrived.push(Buffer.from(frame).toString('latin1')))
      const sender = frameSender({ namespace, device: 'eth1' })
      for (const vid of [undefined, 100, 200, 7, 8]) {
        const mark = `mark of VID ${vid} ${Math.random()}`
        marks.set(vid, mark)
        sender.send(tagged(station(mark), vid))
      }
      const has = (vid: number | undefined) =>
        arrived.some((frame) => frame.includes(marks.get(vid) ?? '?'))
      await until('the last good one', () => has(7))
      expect([undefined, 100, 200, 7, 8].filter(has)).toEqual([undefined, 100, 7])
      tap.close()
      sender.close()
      await until('they are counted', async () =>
        (await h1.vtep('get Physical_Port br-office other_config')).includes(
          'weft-dropped-trunk-in-eth1="2"',
        ),
      )
    })

    test('what the host has of its own is reported and never taken, the rest of a bridge is made', async () => {
      await h1.shell('ip link add br0 type bridge')
      await h1.shell('ip link add tap8 type veth peer name tap8x')
      await h1.shell('ip link set tap8 master br0')
      const before = await h1.shell('ip -json link show dev br0')
      await set(h1, 'weft-bridge-br0', 'uplinks=eth2')
      await tells(h1, 'br0', 'bridge_taken: br0')
      await set(h1, 'weft-bridge-br-lan', 'uplinks=eth9,tap8,u0,eth1,eth2')
      await tells(h1, 'br-lan', 'uplink_taken: tap8 is a port of br0')
      expect((await seen(h1, 'br-lan')).replaceAll('"', '').split('; ')).toEqual([
        'uplink_missing: eth9',
        'uplink_taken: eth1 is a port of br-office',
        'uplink_taken: tap8 is a port of br0',
        'uplink_taken: u0 has address 192.0.2.11',
      ])
      expect((await link(h1, 'eth2')).master).toBe('br-lan')
      expect((await link(h1, 'tap8')).master).toBe('br0')
      expect(await h1.shell('ip -json link show dev br0')).toBe(before)
      await h1.vtep('remove Physical_Switch h1 other_config weft-bridge-br0 weft-bridge-br-lan')
      // Its mark goes last.
      await until('eth2 is given back', async () => (await link(h1, 'eth2')).altnames === undefined)
      expect(await h1.shell('ip -json link show dev br0')).toBe(before)
    })

    test('a bridge that the host offers is joined and otherwise left as it is', async () => {
      const { g1 } = site.guests
      await ipBatch(h1.namespace, [
        'link set eth2 up',
        'link set eth2 master br0',
        'link set br0 up',
      ])
      const ports = async () =>
        (await h1.shell('ip -brief link show master br0'))
          .split('\n')
          .map((line) => line.split(/[@ ]/)[0])
      expect(await ports()).toEqual(['eth2', 'tap8'])
      await set(h1, 'weft-offers', 'lan:br0')
      await tells(h1, 'br0', 'ok')
      await h1.vtep('unbind-ls h1 br-office 0 -- bind-ls h1 br0 0 bare')
      await until('it carries', async () => (await ping(g1, '10.0.0.9')).received === 1)
      await until('it is too narrow', async () =>
        (await h1.vtep('get Logical_Switch bare other_config')).includes(
          'bridge_mtu_too_small: br0 carries 1500 of 9000',
        ),
      )
      expect((await ports()).length).toBe(3)
      await h1.vtep('unbind-ls h1 br0 0 -- bind-ls h1 br-office 0 bare')
      await h1.vtep('remove Physical_Switch h1 other_config weft-offers')
      await until('it is as it was', async () => (await ports()).join() === 'eth2,tap8')
      for (const name of ['br0', 'tap8']) await h1.shell(`ip link del ${name}`)
      await ipBatch(h1.namespace, ['link set eth2 down'])
    })

    test('MACs without end from a physical network are kept neither by its bridge nor, beyond some thousand, by the network', async () => {
      const { g1, g2 } = site.guests
      const sender = frameSender({ namespace: site.hosts.h2.namespace, device: 'eth1' })
      const learned = async (bridge: string) =>
        (await h1.shell(`bridge fdb show br ${bridge}`))
          .split('\n')
          .filter((line) => line.includes(' master ') && !line.includes('permanent')).length
      let made = 0
      const flood = (vid: number | undefined) => {
        const frame = Buffer.from(tagged(station('flood'), vid))
        for (let i = 0; i < 1000; i++) {
          frame.writeUIntBE(0x02_55_00_00_00_00 + made++, 6, 6)
          sender.send(frame)
        }
      }
      flood(300)
      await until('it is forgotten', () => {
        flood(undefined)
        return h1.log().includes('fdb_overfull')
      })
      const bridge = `weft-${0xff_ff_ff + 4096}`
      await until('it is few', async () => (await learned(bridge)) <= 4096)
      expect(await learned('br-office')).toBe(0)
      // Joined to a VNI: other VTEPs are told of the guest and of nobody outside.
      const told = () => h1.vtep('list Ucast_Macs_Local')
      await h1.vtep('set Logical_Switch bare tunnel_key=5001')
      await until('they are learned and the guest is told', async () => {
        if ((await learned('weft-5001').catch(() => 0)) < 1000) flood(undefined)
        await ping(g1, g2.address)
        return (
          (await learned('weft-5001').catch(() => 0)) >= 1000 && (await told()).includes(g1.mac)
        )
      })
      expect(await told()).not.toContain('02:55:')
      sender.close()
      await h1.vtep('clear Logical_Switch bare tunnel_key')
      await until('nobody is told', async () => (await told()) === '')
    })

    test('without its key a bridge goes, and its uplink is as it was found', async () => {
      await h1.vtep('unbind-ls h1 br-office 0 -- unbind-ls h1 vm1 0 -- del-ls bare')
      await h1.vtep('remove Physical_Switch h1 other_config weft-bridge-br-office')
      await until(
        'the port is gone',
        async () => !(await h1.vtep('list-ports h1')).includes('br-office'),
      )
      expect(await asFound(h1, 'eth1')).toEqual(FOUND)
      expect(await kernelOf(h1)).toBe(kernels.get(h1))
    })

    test('`weft agent --remove` gives uplinks back too', async () => {
      const { h2 } = site.hosts
      await h2.stop()
      expect((await link(h2, 'eth1')).master).toBe('br-office')
      await h2.remove()
      expect(await asFound(h2, 'eth1')).toEqual(FOUND)
      expect(await kernelOf(h2)).toBe(kernels.get(h2))
    })

    const station = (mark: string) =>
      udpFrame({
        ...{ eth_src: parseMac('02:00:00:00:00:78'), eth_dst: mac(site.guests.g3) },
        ...{ ipv4_src: 0x0a000078, ipv4_dst: 0x0a000079, udp_src: 7, udp_dst: 7 },
        payload: Buffer.from(mark),
      })
  },
)

function tagged(frame: Uint8Array, vid: number | undefined): Uint8Array {
  if (vid === undefined) return frame
  const tag = [0x81, 0x00, vid >> 8, vid & 0xff]
  return Uint8Array.from([...frame.subarray(0, 12), ...tag, ...frame.subarray(12)])
}
