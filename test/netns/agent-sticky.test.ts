/** Who is on the VLAN that a Linux bridge joins to a VNI does not become a guest of another host by saying that he is. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { udpFrame } from '../../southbound/wire/frame.ts'
import {
  addNamespaces,
  ipBatch,
  removeNamespaces,
  within,
} from '../../topologies/lab/netns/namespace.ts'
import { frameSender } from '../../topologies/lab/netns/raw-socket.ts'
import { run } from '../../topologies/lab/netns/run.ts'
import { needs } from '../needs.ts'
import { mac } from './agent-frames.ts'
import { type AgentSite, openAgentSite, ping, until, writeRows } from './agent-site.ts'

describe('a MAC behind a VTEP', needs('root', 'netns', 'iproute2', 'nft', 'vtep', 'ping'), () => {
  let site: AgentSite
  let outside: string
  beforeAll(async () => {
    site = await openAgentSite()
    outside = `${site.hosts.h1.namespace}-m`
    await addNamespaces([outside])
  }, 60_000)
  afterAll(async () => {
    await site?.close()
    if (outside !== undefined) await removeNamespaces([outside])
  })

  test('stays there, whoever says elsewhere that it is his', async () => {
    const { h1, h2 } = site.hosts
    const { g1, g2 } = site.guests
    await ipBatch(undefined, [
      `link add eth1 netns ${h1.namespace} type veth peer name eth0 netns ${outside}`,
    ])
    await ipBatch(outside, ['link set eth0 up'])
    await h1.start()
    await h2.start()
    await writeRows(site)
    await until('pings', async () => (await ping(g1, g2.address)).received === 1)
    const bridge = 'other_config:weft-bridge-br-office="uplinks=eth1 physical-network=office"'
    await run(
      within(h1.namespace, [
        'vtep-ctl',
        `--db=${h1.target}`,
        'set',
        'Physical_Switch',
        'h1',
        bridge,
      ]),
    )
    const seen = 'get Physical_Switch h1 other_config:weft-seen-bridge-br-office'
    await until('bridge', async () => (await h1.vtep(seen).catch(() => '')).includes('ok'))
    const [ls = ''] = (await h1.vtep('list-ls')).trim().split('\n')
    await h1.vtep(`bind-ls h1 br-office 0 ${ls.replace(/.*\s/, '')}`)
    const sender = frameSender({ namespace: outside, device: 'eth0' })
    const claim = (eth_src: number) =>
      sender.send(
        udpFrame({
          ...{ eth_src, eth_dst: 0x02_00_00_00_00_98, ipv4_src: 1, ipv4_dst: 2 },
          ...{ udp_src: 1, udp_dst: 2, payload: new Uint8Array(10) },
        }),
      )
    const learned = async (address: string) =>
      (await h1.shell('bridge fdb show')).split('\n').filter((line) => line.includes(address))
    // That frames come in at all is seen by a MAC that is nobody's.
    await until('a stranger is learned', async () => {
      claim(mac(g2))
      claim(0x02_00_00_00_00_97)
      await delay(20)
      return (await learned('02:00:00:00:00:97')).some((line) => line.includes('master weft-5001'))
    })
    const places = await learned(g2.mac)
    const ofNetwork = places.filter((line) => line.includes('master weft-5001'))
    expect(ofNetwork).toHaveLength(1)
    expect(ofNetwork[0]).toContain('dev vx5001 ')
    expect((await ping(g1, g2.address)).received).toBe(1)
    sender.close()
  }, 60_000)
})
