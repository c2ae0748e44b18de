/** `weft agent` on two hosts with kernel bridges: guests reach each other, and rows tell what is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arpFrame } from '../../southbound/wire/frame.ts'
import { within } from '../../topologies/lab/netns/namespace.ts'
import { frameSender } from '../../topologies/lab/netns/raw-socket.ts'
import { ended, launch, run } from '../../topologies/lab/netns/run.ts'
import { needs } from '../needs.ts'
import { arriving, ip, mac } from './agent-frames.ts'
import { type AgentSite, openAgentSite, ping, until, writeRows } from './agent-site.ts'

const ALL_GOOD = { sent: 5, received: 5 }
const five = { count: 5, interval: 0.05 }
const needed = needs('root', 'netns', 'iproute2', 'nft', 'vtep', 'ping', 'iperf3')

describe('weft agent', needed, () => {
  let site: AgentSite
  beforeAll(async () => {
    site = await openAgentSite()
    await Promise.all([site.hosts.h1.start(), site.hosts.h2.start()])
    await writeRows(site)
    const { g1, g2 } = site.guests
    await until('guests reach each other', async () => (await ping(g1, g2.address)).received === 1)
  })
  afterAll(() => site?.close())

  test('guests on two hosts reach each other over VXLAN, up to the last byte of a jumbo frame', async () => {
    const { g1, g2 } = site.guests
    expect(await ping(g1, g2.address, five)).toEqual(ALL_GOOD)
    expect(await ping(g1, g2.address, { ...five, bytes: 8950 })).toEqual(ALL_GOOD)
    expect(await ping(g2, g1.address, { ...five, bytes: 8972 })).toEqual(ALL_GOOD)
    expect(await ping(g1, g2.address, { bytes: 8973 })).toEqual({ sent: 1, received: 0 })
  })

  test('a TCP stream crosses', async () => {
    const { g1, g2 } = site.guests
    const server = launch(within(g2.namespace, ['iperf3', '-s', '-1']))
    await until('the server listens', async () => {
      const { stdout } = await run(within(g2.namespace, ['ss', '-Hltn']))
      return stdout.includes(':5201')
    })
    const client = ['iperf3', '-c', g2.address, '-n', '20M', '--json']
    const { stdout } = await run(within(g1.namespace, client))
    await ended(server)
    expect(JSON.parse(stdout).end.sum_received.bytes).toBeGreaterThan(1_000_000)
  })

  test('the host answers ARP for a guest of another host, and nothing crosses the underlay', async () => {
    const { g1, g2 } = site.guests
    const request = arpFrame({ op: 1, sha: mac(g1), spa: ip(g1), tha: 0, tpa: ip(g2) })
    const sender = frameSender({ namespace: g1.namespace, device: 'eth0' })
    const seen: { here: Uint8Array[]; there: Uint8Array[] } = { here: [], there: [] }
    seen.there = await arriving(g2, () => {
      void arriving(g1, () => sender.send(request)).then((frames) => {
        seen.here = frames
      })
    })
    await until('the answer', () => seen.here.length > 0)
    sender.close()
    const isArp = (frame: Uint8Array) => Buffer.from(frame).readUInt16BE(12) === 0x0806
    const [answer] = seen.here.filter(isArp)
    expect(Buffer.from(answer ?? []).readUIntBE(22, 6)).toBe(mac(g2))
    expect(seen.there.filter(isArp)).toEqual([])
  })

  test('a Manager row is dialled, or listened at', async () => {
    const { h1 } = site.hosts
    await h1.vtep('set-manager ptcp:6640:127.0.0.1')
    await until('it listens', async () =>
      (await h1.vtep('--columns=status list Manager')).includes('bound_port'),
    )
    expect(await h1.shell('vtep-ctl --db=tcp:127.0.0.1:6640 list-ps')).toBe('h1')
    await h1.vtep('set-manager tcp:127.0.0.1:6641')
    expect(await h1.shell('vtep-ctl --db=ptcp:6641:127.0.0.1 --timeout=20 list-ps')).toBe('h1')
    await h1.vtep('del-manager')
  })

  test('`weft-cur-cfg` follows `weft-next-cfg` once the rows are real', async () => {
    const { h1 } = site.hosts
    const uuid = await h1.vtep('--bare --columns=_uuid list Global')
    await h1.vtep(
      `add-ls grey -- set Logical_Switch grey tunnel_key=77 -- set Global ${uuid} other_config:weft-next-cfg=5`,
    )
    await h1.vtep(`--timeout=20 wait-until Global ${uuid} other_config:weft-cur-cfg=5`)
    expect(await h1.shell('ip -br link show vx77')).toContain('vx77')
    await h1.vtep('del-ls grey')
  })

  test('the MAC of a guest is reported with the address of its VTEP', async () => {
    const { h1 } = site.hosts
    await until('the row', async () =>
      (await h1.vtep('list-local-macs red')).includes(
        '02:00:00:00:00:01 -> vxlan_over_ipv4/192.0.2.11',
      ),
    )
    expect(await h1.vtep('list-local-macs red')).toContain(
      'unknown-dst -> vxlan_over_ipv4/192.0.2.11',
    )
  })

  test('an interface whose ifalias is a uuid becomes a port with that iface-id, and goes with it', async () => {
    const { h1 } = site.hosts
    const id = '6f1c3b57-8f3e-4f4a-9d5b-2d1d3f1c0a11'
    await h1.shell('ip link add tap9 type veth peer name tap9x')
    await h1.shell(`ip link set tap9 alias ${id}`)
    await until('the row', async () =>
      (await h1.vtep('--columns=other_config list Physical_Port tap9').catch(() => '')).includes(
        id,
      ),
    )
    expect(await h1.vtep('list-ports h1')).toContain('tap9')
    await h1.shell('ip link del tap9')
    await until('it is gone', async () => !(await h1.vtep('list-ports h1')).includes('tap9'))
  })

  test('a VLAN binding that this kernel cannot have is a fault of its port', async () => {
    const { h1 } = site.hosts
    if ((await h1.vtep('get Physical_Switch h1 other_config:weft-capabilities')).includes('vlan'))
      return
    await h1.vtep('bind-ls h1 vm1 7 red')
    await until('the fault', async () =>
      (await h1.vtep('get Physical_Port vm1 port_fault_status')).includes('invalid_vlan_map'),
    )
    expect(await h1.vtep('get Physical_Port vm1 other_config:weft-fault')).toContain(
      'vlan_unsupported: 7',
    )
    await h1.vtep('unbind-ls h1 vm1 7')
    await until(
      'no fault',
      async () => (await h1.vtep('get Physical_Port vm1 port_fault_status')) === '[]',
    )
  })
})
