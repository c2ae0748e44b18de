/** What does not pass on a host of `weft agent`: frames of hostile guests, and of strangers on the underlay. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BROADCAST_MAC, parseIpv4 } from '../../southbound/wire/address.ts'
import { arpFrame, ethernetFrame, icmpEchoFrame, udpFrame } from '../../southbound/wire/frame.ts'
import { within } from '../../topologies/lab/netns/namespace.ts'
import { frameSender } from '../../topologies/lab/netns/raw-socket.ts'
import { run } from '../../topologies/lab/netns/run.ts'
import { needs } from '../needs.ts'
import { arriving, ip, mac, marked } from './agent-frames.ts'
import {
  type AgentSite,
  bindAntiSpoofing,
  openAgentSite,
  ping,
  until,
  writeRows,
} from './agent-site.ts'

const ALL_GOOD = { sent: 5, received: 5 }
const five = { count: 5, interval: 0.05 }

describe('a host of weft agent', needs('root', 'netns', 'iproute2', 'nft', 'vtep', 'ping'), () => {
  let site: AgentSite
  beforeAll(async () => {
    site = await openAgentSite()
    await Promise.all([site.hosts.h1.start(), site.hosts.h2.start()])
    await writeRows(site)
    const { g1, g2 } = site.guests
    await until('guests reach each other', async () => (await ping(g1, g2.address)).received === 1)
  })
  afterAll(() => site?.close())

  test('a guest of another network with the same address hears nothing', async () => {
    const { g1, g2, g3 } = site.guests
    const broadcast = (payload: Uint8Array) =>
      udpFrame({
        eth_src: mac(g1),
        eth_dst: BROADCAST_MAC,
        ipv4_src: ip(g1),
        ipv4_dst: parseIpv4('10.0.0.255'),
        udp_src: 9,
        udp_dst: 9,
        payload,
      })
    expect(await marked(site.guests.g1, g2, broadcast)).toBe(1)
    expect(await marked(site.guests.g1, g3, broadcast)).toBe(0)
  })

  test('a broadcast goes to VTEPs of the flood list only', async () => {
    const { g1 } = site.guests
    const payload = (mark: Uint8Array) =>
      ethernetFrame({ dst: BROADCAST_MAC, src: mac(g1), type: 0x88b5, payload: mark })
    expect(await marked(site.guests.g1, site.rogue, payload)).toBe(0)
    await site.hosts.h1.vtep('add-mcast-remote red unknown-dst 192.0.2.99')
    await until('the rogue is in the flood list', async () =>
      (await site.hosts.h1.shell('bridge fdb show dev vx5001')).includes('192.0.2.99'),
    )
    expect(await marked(site.guests.g1, site.rogue, payload)).toBe(1)
    await site.hosts.h1.vtep('del-mcast-remote red unknown-dst 192.0.2.99')
    await until('the rogue is out of it', async () => {
      const text = await site.hosts.h1.shell('bridge fdb show dev vx5001')
      return !text.includes('192.0.2.99')
    })
    expect(await marked(site.guests.g1, site.rogue, payload)).toBe(0)
  })

  test('VXLAN from a VTEP that no locator names is dropped and counted', async () => {
    const { g1 } = site.guests
    const { h1 } = site.hosts
    const rogue = (line: string) => run(within(site.rogue, line.split(' ')))
    await rogue('ip link add vxr type vxlan id 5001 remote 192.0.2.11 dstport 4789')
    await rogue('ip link set vxr address 02:00:00:00:00:99 up')
    const sender = frameSender({ namespace: site.rogue, device: 'vxr' })
    const payload = Buffer.from('forged by the rogue, and long enough')
    const forged = ethernetFrame({
      ...{ dst: mac(g1), src: 0x020000000099, type: 0x88b5, payload },
    })
    const isForged = (frame: Uint8Array) => Buffer.from(frame).includes(payload)
    const forge = () =>
      arriving(g1, () => {
        for (let i = 0; i < 3; i++) sender.send(forged)
      })
    expect((await forge()).filter(isForged)).toHaveLength(0)
    await until('three drops are reported', async () => {
      const text = await h1.vtep('get Logical_Switch red other_config')
      return text.includes('weft-dropped-foreign-vtep="3"')
    })
    // The same frames from a VTEP of the network.
    await h1.vtep('add-mcast-remote red unknown-dst 192.0.2.99')
    await until('the rogue is a member', async () =>
      (await h1.shell('nft list chain inet weft vni-5001')).includes('192.0.2.99'),
    )
    expect((await forge()).filter(isForged)).toHaveLength(3)
    await h1.vtep('del-mcast-remote red unknown-dst 192.0.2.99')
    await until(
      'it is none',
      async () => !(await h1.shell('nft list chain inet weft vni-5001')).includes('192.0.2.99'),
    )
    sender.close()
  })

  test('a guest reaches no address of its host: not its VTEP, and no other', async () => {
    const { g1 } = site.guests
    const { h1 } = site.hosts
    const guest = (line: string) => run(within(g1.namespace, line.split(' ')))
    await guest('ip route add 192.0.2.0/24 dev eth0')
    expect(await ping(g1, h1.address)).toEqual({ sent: 1, received: 0 })
    const own = await h1.shell('cat /sys/class/net/weft-5001/address')
    await guest(`ip neigh replace ${h1.address} lladdr ${own} dev eth0 nud permanent`)
    expect(await ping(g1, h1.address)).toEqual({ sent: 1, received: 0 })
    // It is the filter that keeps it out: without it, and with a way back, the host would answer.
    await h1.kill()
    await h1.shell('nft flush chain bridge weft input')
    await h1.shell('nft flush chain bridge weft output')
    await h1.shell('ip route add 10.0.0.1/32 dev weft-5001')
    await h1.shell(`ip neigh replace 10.0.0.1 lladdr ${g1.mac} dev weft-5001 nud permanent`)
    expect(await ping(g1, h1.address)).toEqual({ sent: 1, received: 1 })
    await h1.start()
    expect(await ping(g1, h1.address)).toEqual({ sent: 1, received: 0 })
    await h1.shell('ip route del 10.0.0.1/32 dev weft-5001')
    await guest('ip route del 192.0.2.0/24 dev eth0')
  })

  test('a tagged frame does not enter a network, single or double', async () => {
    const { g1, g2 } = site.guests
    const frame = (vlan_vid: number | undefined, type: number) => (payload: Uint8Array) =>
      ethernetFrame({ dst: mac(g2), src: mac(g1), type, vlan_vid, payload })
    expect(await marked(site.guests.g1, g2, frame(undefined, 0x88b5))).toBe(1)
    expect(await marked(site.guests.g1, g2, frame(7, 0x88b5))).toBe(0)
    expect(await marked(site.guests.g1, g2, frame(7, 0x8100))).toBe(0)
    expect(await marked(site.guests.g1, g2, frame(undefined, 0x88a8))).toBe(0)
    await until('drops are reported', async () => {
      const text = await site.hosts.h1.vtep('get Physical_Port vm1 other_config')
      return text.includes('weft-dropped-vlan="3"')
    })
  })

  test('a priority-tagged frame counts as untagged, and one with a tag under it does not', async () => {
    const { g1, g2 } = site.guests
    const tagged = (vlan_pcp: number, type: number) => (payload: Uint8Array) =>
      ethernetFrame({ dst: mac(g2), src: mac(g1), type, vlan_vid: 0, vlan_pcp, payload })
    expect(await marked(g1, g2, tagged(0, 0x88b5))).toBe(1)
    expect(await marked(g1, g2, tagged(5, 0x88b5))).toBe(1)
    expect(await marked(g1, g2, tagged(0, 0x8100))).toBe(0)
  })

  test('ACL entries keep a guest from sending as another: MAC, IP, ARP', async () => {
    const { g1, g2 } = site.guests
    await bindAntiSpoofing(site.hosts.h1, 'h1', g1)
    await until('the filter is there', async () =>
      (await site.hosts.h1.shell('nft list table bridge weft')).includes('acl-1000'),
    )
    expect(await ping(g1, g2.address, five)).toEqual(ALL_GOOD)
    const echo = (eth_src: number, ipv4_src: number) => (payload: Uint8Array) =>
      icmpEchoFrame({
        ...{ eth_src, ipv4_src, eth_dst: mac(g2), ipv4_dst: ip(g2), kind: 'request' as const },
        ...{ identifier: 1, sequence: 1, payload },
      })
    const other = parseIpv4('10.0.0.77')
    expect(await marked(site.guests.g1, g2, echo(mac(g1), ip(g1)))).toBe(1)
    expect(await marked(site.guests.g1, g2, echo(mac(g1), other))).toBe(0)
    expect(await marked(site.guests.g1, g2, echo(0x020000000077, ip(g1)))).toBe(0)
    const sender = frameSender({ namespace: g1.namespace, device: 'eth0' })
    const arps = async (sha: number, spa: number) => {
      const frame = arpFrame({
        ...{ op: 1, sha, spa, tha: 0, tpa: parseIpv4('10.0.0.88'), eth_src: mac(g1) },
      })
      const seen = await arriving(g2, () => sender.send(frame))
      return seen.filter(
        (bytes) =>
          Buffer.from(bytes).readUInt16BE(12) === 0x0806 &&
          Buffer.from(bytes).readUInt32BE(38) === parseIpv4('10.0.0.88'),
      ).length
    }
    expect(await arps(mac(g1), ip(g1))).toBe(1)
    expect(await arps(mac(g1), ip(g2))).toBe(0)
    expect(await arps(0x020000000077, ip(g1))).toBe(0)
    sender.close()
    await until('drops are reported by entry', async () => {
      const text = await site.hosts.h1.vtep('get Physical_Port vm1 other_config')
      return [
        'weft-dropped-in-1000="2"',
        'weft-dropped-in-1001="1"',
        'weft-dropped-in-1002="1"',
      ].every((part) => text.includes(part))
    })
  })

  test('ACL entries keep a guest from advertising a neighbour that it is not', async () => {
    const { g1, g2 } = site.guests
    const sender = frameSender({ namespace: g1.namespace, device: 'eth0' })
    /** fd00::SOURCE answers that fd00::TARGET is at a MAC that ends with LAST. */
    const advertise = async (source: number, target: number, last: number) => {
      const payload = Buffer.from(
        `6000000000203aff${net}${hex(source)}ff020000000000000000000000000001` +
          `8800000060000000${net}${hex(target)}02010200000000${hex(last)}`,
        'hex',
      )
      const frame = ethernetFrame({ dst: 0x333300000001, src: mac(g1), type: 0x86dd, payload })
      const seen = await arriving(g2, () => sender.send(frame))
      return seen.filter((bytes) => Buffer.from(bytes).includes(payload)).length
    }
    const net = `fd${'0'.repeat(28)}`
    const hex = (byte: number) => byte.toString(16).padStart(2, '0')
    expect(await advertise(1, 1, 1)).toBe(1)
    expect(await advertise(2, 2, 1)).toBe(0)
    expect(await advertise(1, 2, 1)).toBe(0)
    expect(await advertise(1, 1, 2)).toBe(0)
    sender.close()
  })
})
