/** What a vxlan port may be, and which of several takes a packet: this switch beside Open vSwitch. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAddress } from '../../../dataplane/tunnel/address.ts'
import { newOuter } from '../../../dataplane/tunnel/outer.ts'
import { tunnelOptions } from '../../../dataplane/tunnel/tunnel-options.ts'
import type { TunnelPort } from '../../../dataplane/tunnel/tunnel-port.ts'
import { tunnelTable } from '../../../dataplane/tunnel/tunnel-table.ts'
import { needs } from '../../needs.ts'
import { openVswitchd, type Vswitchd } from '../ports/vswitchd.ts'

type Options = Readonly<Record<string, string>>

/** In an order of no meaning. */
const KINDS: readonly Options[] = [
  { key: 'flow', remote_ip: 'flow', local_ip: 'flow' },
  { key: '5', remote_ip: 'flow' },
  { key: 'flow', remote_ip: '192.0.2.1', local_ip: '192.0.2.9' },
  { key: '5', remote_ip: '192.0.2.1', local_ip: '192.0.2.9' },
  { key: 'flow', remote_ip: 'flow', local_ip: '192.0.2.9' },
  { key: '5', remote_ip: 'flow', local_ip: 'flow' },
  { key: 'flow', remote_ip: '192.0.2.1' },
  { key: '5', remote_ip: '192.0.2.1' },
  { key: 'flow', remote_ip: 'flow' },
  { key: '5', remote_ip: 'flow', local_ip: '192.0.2.9' },
]

describe('a vxlan port here and in Open vSwitch', needs('ovs'), () => {
  let vswitchd: Vswitchd
  beforeAll(async () => {
    vswitchd = await openVswitchd('system')
  })
  afterAll(() => vswitchd?.close())

  const add = (name: string, number: number, options: Options) =>
    vswitchd.vsctl(
      ...['add-port', 'br0', name, '--', 'set', 'interface', name, 'type=vxlan'],
      `ofport_request=${number}`,
      ...Object.entries(options).map(([key, value]) => `options:${key}=${value}`),
    )
  const errorOf = async (name: string) =>
    JSON.parse(await vswitchd.vsctl('get', 'interface', name, 'error')) as unknown

  test('of ports that all could take a packet the same one does, until none is left', async () => {
    const table = tunnelTable()
    const ports = KINDS.map(
      (of, i) => ({ name: `v${i + 1}`, options: tunnelOptions('v', of) }) as TunnelPort,
    )
    for (const [i, of] of KINDS.entries()) {
      await add(`v${i + 1}`, i + 1, of)
      table.add(ports[i]!)
    }
    const outer = Object.assign(newOuter(), { vni: 5, destinationPort: 4789 })
    outer.src.set(parseAddress('192.0.2.1'))
    outer.dst.set(parseAddress('192.0.2.9'))
    const packet = 'tunnel(tun_id=0x5,src=192.0.2.1,dst=192.0.2.9,ttl=64,tp_dst=4789),in_port(4789)'
    const order: string[] = []
    for (const _ of KINDS) {
      const trace = await vswitchd.appctl('ofproto/trace', 'ovs-dummy', packet)
      const theirs = `v${/^Flow:.*in_port=v?(\d+)/m.exec(trace)?.[1]}`
      const ours = table.find(outer)!
      expect(ours.name).toBe(theirs)
      order.push(theirs)
      await vswitchd.vsctl('del-port', 'br0', theirs)
      table.remove(ours)
    }
    expect(order).toEqual(['v4', 'v8', 'v10', 'v2', 'v6', 'v3', 'v7', 'v5', 'v9', 'v1'])
  })

  test.each([
    ['no remote_ip', {}],
    ['local_ip of the flow alone', { remote_ip: '192.0.2.1', local_ip: 'flow' }],
  ])('%s is refused in the same words', async (_, options: Options) => {
    await add('t', 20, options).catch(() => {}) // it says the error too
    let ours = ''
    try {
      tunnelOptions('t', options)
    } catch (error) {
      ours = (error as Error).message
    }
    expect(ours).toBe(await errorOf('t'))
    await vswitchd.vsctl('del-port', 'br0', 't')
  })
})
