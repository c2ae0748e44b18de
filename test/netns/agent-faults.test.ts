/** What `weft agent` does when it dies, when somebody changes things behind its back, and when it is done. */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../needs.ts'
import {
  type AgentSite,
  bindAntiSpoofing,
  kernelOf,
  openAgentSite,
  ping,
  until,
  writeRows,
} from './agent-site.ts'

describe('weft agent', needs('root', 'netns', 'iproute2', 'nft', 'vtep', 'ping'), () => {
  let site: AgentSite
  /** h1 before any row was written. */
  let before: string
  beforeAll(async () => {
    site = await openAgentSite()
    before = await kernelOf(site.hosts.h1)
    await Promise.all([site.hosts.h1.start(), site.hosts.h2.start()])
    await writeRows(site)
    await bindAntiSpoofing(site.hosts.h1, 'h1', site.guests.g1)
    const { g1, g2 } = site.guests
    await until('guests reach each other', async () => (await ping(g1, g2.address)).received === 1)
    await quiet()
  })
  afterAll(() => site?.close())

  const repairs = async () =>
    Number(
      (await site.hosts.h1.vtep('get Physical_Switch h1 other_config:weft-repairs')).replaceAll(
        '"',
        '',
      ),
    )
  const lastRepair = () =>
    site.hosts.h1.vtep('get Physical_Switch h1 other_config:weft-last-repair')

  /** Until two looks at h1 are alike. */
  async function quiet(): Promise<string> {
    let seen = await kernelOf(site.hosts.h1)
    await until('h1 is as it was a moment ago', async () => {
      const last = seen
      await new Promise((resolve) => setTimeout(resolve, 300))
      seen = await kernelOf(site.hosts.h1)
      return seen === last
    })
    return seen
  }

  /** Does it by hand, and sees it undone and recorded. */
  async function repaired(line: string, recorded: string): Promise<void> {
    const whole = await quiet()
    const count = await repairs()
    await site.hosts.h1.shell(line)
    await until(`repaired: ${line}`, async () => (await repairs()) > count)
    expect(await lastRepair()).toContain(recorded)
    expect(site.hosts.h1.log()).toContain('"msg":"repaired"')
    const again = await quiet()
    // Numbers and MACs of a device that was made again are others.
    const plain = (text: string) => text.replace(/^\d+: |[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}/gm, '')
    expect(plain(again).split('\n').sort()).toEqual(plain(whole).split('\n').sort())
    const { g1, g2 } = site.guests
    expect((await ping(g1, g2.address, { count: 3, interval: 0.05 })).received).toBe(3)
  }

  test('killed and started again it touches nothing, and no packet is lost', async () => {
    const { h1 } = site.hosts
    const { g1, g2 } = site.guests
    const whole = await quiet()
    const pinging = ping(g1, g2.address, { count: 400, interval: 0.01 })
    await h1.kill()
    const length = h1.log().length
    await h1.start()
    expect(await pinging).toEqual({ sent: 400, received: 400 })
    expect(h1.log().slice(length)).not.toContain('applied')
    expect(h1.log().slice(length)).not.toContain('repaired')
    expect(await quiet()).toBe(whole)
  })

  test('a VXLAN device deleted by hand is made again', async () => {
    await repaired('ip link del vx5001', 'device vx5001 was gone')
  })

  test('a VXLAN device deleted while it was dead is made again, once', async () => {
    const { h1 } = site.hosts
    await quiet()
    await h1.kill()
    await h1.shell('ip link del vx5001')
    const length = h1.log().length
    await h1.start()
    const { g1, g2 } = site.guests
    await until('guests reach each other', async () => (await ping(g1, g2.address)).received === 1)
    expect(h1.log().slice(length)).not.toContain('"msg":"fault"')
  })

  test('a bridge deleted by hand is made again, with its ports', async () => {
    await repaired('ip link del weft-5001', 'device weft-5001 was gone')
  })

  test('a forged FDB entry is put right, and an added one removed', async () => {
    const vxlan = 'dev vx5001 dst 192.0.2.99 self'
    await repaired(
      `bridge fdb replace 02:00:00:00:00:02 ${vxlan} static`,
      'fdb vx5001 02:00:00:00:00:02 self was 192.0.2.99 static',
    )
    await repaired(
      `bridge fdb add 02:00:00:00:00:55 ${vxlan} static`,
      'fdb vx5001 02:00:00:00:00:55 self was 192.0.2.99 static',
    )
    await repaired(
      `bridge fdb append 00:00:00:00:00:00 ${vxlan} permanent`,
      'fdb vx5001 00:00:00:00:00:00 self 192.0.2.99 was permanent',
    )
    await repaired(
      'bridge fdb add 02:00:00:00:00:66 dev vm1 master static',
      'fdb vm1 02:00:00:00:00:66 master was static',
    )
  })

  test('settings that were changed by hand are put right', async () => {
    await repaired(
      'ip link set vx5001 type bridge_slave learning on',
      'port vx5001 learning was on',
    )
    await repaired('ip link set vx5001 mtu 1400', 'link vx5001 mtu was 1400')
    await repaired('ip link set weft-5001 down', 'link weft-5001 state was down')
    await repaired(
      'ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:66 dev weft-5001 nud permanent',
      'neigh weft-5001 10.0.0.2 was 02:00:00:00:00:66',
    )
  })

  test('filters that were taken away or altered are put right', async () => {
    const { h1 } = site.hosts
    await repaired('nft delete table inet weft', 'table inet was gone')
    await repaired('nft flush chain bridge weft in.vm1', 'chain bridge in.vm1 was')
    await repaired('nft flush map bridge weft ports-in', 'set bridge ports-in was')
    const listed = await h1.shell('nft -a list chain bridge weft in.vm1')
    const [, mark, handle] =
      /10\.0\.0\.1 accept comment "([0-9a-f]{8})" # handle (\d+)/.exec(listed) ?? []
    const rule = `ether saddr 02:00:00:00:00:01 accept comment "${mark}"`
    await repaired(`nft replace rule bridge weft in.vm1 handle ${handle} ${rule}`, 'altered')
  })

  test('what rows ask for is no repair, not even a device made anew', async () => {
    const { h1 } = site.hosts
    const { g1, g2 } = site.guests
    await quiet()
    const count = await repairs()
    await h1.shell('ip address add 192.0.2.111/24 dev u0')
    await h1.vtep('set Physical_Switch h1 tunnel_ips=192.0.2.111')
    // Between the old device and the new one there is none.
    const shown = () => h1.shell('ip -d link show vx5001').catch(() => '')
    await until('the device has the address', async () =>
      (await shown()).includes('local 192.0.2.111'),
    )
    await h1.vtep('set Physical_Switch h1 tunnel_ips=192.0.2.11')
    await until('it is back', async () => (await ping(g1, g2.address)).received === 1)
    await h1.shell('ip address del 192.0.2.111/24 dev u0')
    await quiet()
    expect(await repairs()).toBe(count)
  })

  test('an interface that somebody put into a network is taken out of it', async () => {
    const { h1 } = site.hosts
    await h1.shell('ip link add tap8 type veth peer name tap8x')
    await repaired('ip link set tap8 master weft-5001', 'master tap8 was weft-5001')
    await h1.shell('ip link del tap8')
    await quiet()
  })

  test('a device of somebody else under a name of ours is reported and left alone', async () => {
    const { h1 } = site.hosts
    await h1.shell('ip link add weft-5009 type bridge')
    await h1.vtep('add-ls green -- set Logical_Switch green tunnel_key=5009')
    await until('the fault', async () =>
      (await h1.vtep('get Logical_Switch green other_config')).includes('name_taken: weft-5009'),
    )
    expect(await h1.shell('ip -br link')).not.toContain('vx5009')
    await h1.vtep('del-ls green')
    await quiet()
    await h1.shell('ip link del weft-5009')
  })

  test('an agent that has lost its database touches nothing until networks are written', async () => {
    const { h1 } = site.hosts
    const { g1, g2 } = site.guests
    const whole = await quiet()
    await h1.kill()
    const path = h1.target.replace('unix:', '').replace('vtep.sock', 'vtep.db')
    rmSync(path)
    await h1.start()
    expect(await quiet()).toBe(whole)
    expect((await ping(g1, g2.address)).received).toBe(1)
    await h1.vtep('add-ls other -- set Logical_Switch other tunnel_key=7')
    await until(
      'what no row asks for goes',
      async () => !(await h1.shell('ip -br link')).includes('vx5001'),
    )
    await h1.vtep('del-ls other')
  })

  test('when its networks are deleted the host is as it was', async () => {
    const { h1 } = site.hosts
    const { g1, g2 } = site.guests
    await h1.vtep('add-ls red -- set Logical_Switch red tunnel_key=5001 -- bind-ls h1 vm1 0 red')
    await h1.vtep(`add-ucast-remote red ${g2.mac} 192.0.2.12`)
    await until('it works again', async () => (await ping(g1, g2.address)).received === 1)
    await h1.vtep(
      'unbind-ls h1 vm1 0 -- clear-local-macs red -- clear-remote-macs red -- del-ls red',
    )
    await until('all is gone', async () => (await kernelOf(h1)) === before)
  })

  test('`weft agent --remove` leaves the host as it was', async () => {
    const { h2 } = site.hosts
    expect(await h2.shell('ip -br link')).toContain('vx5002')
    expect(await h2.stop()).toBe(0)
    expect(await h2.shell('ip -br link')).toContain('vx5002')
    await h2.remove()
    const links = await h2.shell('ip -br link')
    for (const name of ['vx5001', 'vx5002', 'weft-5001', 'weft-5002'])
      expect(links).not.toContain(name)
    expect(await h2.shell('nft list ruleset')).toBe('')
    expect(await h2.shell('ip -d link show vm2')).not.toContain('master')
  })
})
