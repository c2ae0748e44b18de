import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { memoryPair } from '../../dataplane/ports/memory.ts'
import { addBridge, addPort, removePort, unplug } from '../../dataplane/switch/operator.ts'
import { Switch } from '../../dataplane/switch/switch.ts'
import { Connection } from '../../southbound/openflow/connection.ts'
import type { MessageOf } from '../../southbound/openflow/message.ts'
import { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { type VirtualClock, virtualClock } from '../../southbound/wire/virtual-clock.ts'
import { quiet } from './rig.ts'

const ops = operations(openVSwitch)
const soon = () => AbortSignal.timeout(2000)

describe('the Open_vSwitch database of a switch', () => {
  let clock: VirtualClock
  let host: Switch
  /** Streams dialled, by target; a target without a listener refuses. */
  let arrived: Map<string, Duplex[]>
  let listening: Set<string>

  beforeEach(() => {
    clock = virtualClock()
    arrived = new Map()
    listening = new Set()
    host = new Switch({
      systemId: 'h1',
      clock,
      async dial(target) {
        if (!listening.has(target)) throw new Error('connection refused')
        const [near, far] = duplexPair()
        arrived.set(target, [...(arrived.get(target) ?? []), far])
        return near
      },
    })
  })
  afterEach(() => host.close())

  const row = (name: string) =>
    [...host.database.table('Interface').values()].find((one) => one.name === name)
  const stream = async (target: string, nth = 0): Promise<Duplex> => {
    for (let i = 0; i < 100; i++) {
      const found = arrived.get(target)?.[nth]
      if (found) return found
      await quiet(1)
    }
    throw new Error(`nothing was dialled at ${target}`)
  }

  test('the root row says who the host is', () => {
    expect(host.root.external_ids['system-id']).toBe('h1')
    expect(host.root.db_version).toBe('8.3.1')
  })

  test('a bridge gets its datapath id, and cur_cfg follows next_cfg when it is real', async () => {
    addBridge(host, 'br-int')
    expect(host.root).toMatchObject({ next_cfg: 1, cur_cfg: 0 })
    await quiet(3)
    expect(host.root).toMatchObject({ next_cfg: 1, cur_cfg: 1 })
    const [bridge] = host.database.table('Bridge').values()
    const id = host.bridge('br-int')!.datapathId
    expect(bridge?.datapath_id).toBe(id.toString(16).padStart(16, '0'))
    expect(row('br-int')).toMatchObject({ ofport: 65534, link_state: 'up' })
  })

  test('ports get the number they ask for, or the next one that was not used lately', async () => {
    addBridge(host, 'br-int')
    await quiet(3)
    for (const name of ['a', 'b', 'c', 'd']) {
      const [inside] = memoryPair({ name, mac: 0x0200000000aa, mtuBytes: 9200 }, { name })
      host.register(name, inside)
    }
    addPort(host, 'br-int', 'a', { ofport_request: 2 })
    addPort(host, 'br-int', 'b')
    addPort(host, 'br-int', 'c', { ofport_request: 2 })
    await quiet(3)
    expect(['a', 'b', 'c'].map((name) => row(name)?.ofport)).toEqual([2, 3, 1])
    expect(row('a')).toMatchObject({
      mtu: 9200,
      mac_in_use: '02:00:00:00:00:aa',
      admin_state: 'up',
    })
    removePort(host, 'b')
    addPort(host, 'br-int', 'd')
    await quiet(3)
    expect(row('b')).toBeUndefined()
    expect(row('d')?.ofport).toBe(4)
  })

  test('an interface without a device is reported and comes up when the device does', async () => {
    addBridge(host, 'br-int')
    await quiet(3)
    addPort(host, 'br-int', 'vm1')
    await quiet(3)
    expect(row('vm1')).toMatchObject({
      ofport: -1,
      error: 'could not open network device vm1 (No such device)',
    })
    const [inside, outside] = memoryPair({ name: 'vm1', mtuBytes: 1500 }, { name: 'vm' })
    host.register('vm1', inside)
    await quiet(3)
    expect(row('vm1')).toMatchObject({ ofport: 1, error: undefined, mtu: 1500, link_state: 'up' })
    inside.setMtu(1400)
    outside.disconnect()
    await quiet(3)
    expect(row('vm1')).toMatchObject({ mtu: 1400, link_state: 'down' })
    unplug(host, 'vm1')
    await quiet(3)
    expect(row('vm1')).toBeUndefined()
    expect([...host.bridge('br-int')!.ports.keys()]).not.toContain(1)
  })

  test('a port whose device went and came back has its number again, taken by none meanwhile', async () => {
    addBridge(host, 'br-int')
    await quiet(3)
    const device = (name: string) => memoryPair({ name, mtuBytes: 1500 }, { name: 'vm' })[0]
    for (const name of ['vm1', 'vm2', 'vm3', 'vm4']) host.register(name, device(name))
    for (const name of ['vm1', 'vm2']) addPort(host, 'br-int', name)
    await quiet(3)
    host.unregister('vm1')
    await quiet(3)
    expect(row('vm1')?.ofport).toBe(-1)
    addPort(host, 'br-int', 'vm3')
    await quiet(3)
    host.register('vm1', device('vm1'))
    await quiet(3)
    expect([row('vm1'), row('vm2'), row('vm3')].map((one) => one?.ofport)).toEqual([1, 2, 3])
    // Who asks for the number gets it all the same.
    host.unregister('vm1')
    addPort(host, 'br-int', 'vm4', { ofport_request: 1 })
    await quiet(3)
    host.register('vm1', device('vm1'))
    await quiet(3)
    expect([row('vm1'), row('vm4')].map((one) => one?.ofport)).toEqual([4, 1])
  })

  test('what cannot be a tunnel is reported', async () => {
    addBridge(host, 'br-int')
    await quiet(3)
    addPort(host, 'br-int', 't1', { type: 'vxlan' })
    addPort(host, 'br-int', 't2', { type: 'vxlan', options: { remote_ip: '1.2.3', key: 'flow' } })
    addPort(host, 'br-int', 't3', { type: 'geneve' })
    await quiet(3)
    expect(row('t1')?.error).toBe("t1: vxlan type requires valid 'remote_ip' argument")
    expect(row('t2')?.error).toContain("'1.2.3' is no IPv4 address")
    expect(row('t3')?.error).toContain('no interfaces of type geneve')
  })

  test('the manager is dialled again until it answers, and then drives the whole host', async () => {
    host.setManager('tcp:127.0.0.1:6640', { maxBackoffMs: 1000 })
    await quiet(3)
    const manager = () => [...host.database.table('Manager').values()][0]
    expect(manager()?.is_connected).toBe(false)
    listening.add('tcp:127.0.0.1:6640').add('tcp:127.0.0.1:6653')
    clock.advance(1000)
    const signal = soon()
    const client = await OvsdbClient.open(await stream('tcp:127.0.0.1:6640'), { signal })
    const columns = {
      Open_vSwitch: ['bridges'],
      Interface: ['name', 'ofport', 'external_ids'],
    } as const
    const replica = await client.monitor(openVSwitch, columns, { signal })
    expect(manager()?.is_connected).toBe(true)
    const [root] = replica.table('Open_vSwitch').values()
    await client.transact(
      openVSwitch,
      [
        ops.insert('Interface', { name: 'br-int', type: 'internal' }, 'i'),
        ops.insert('Port', { name: 'br-int', interfaces: ['i'] }, 'p'),
        ops.insert('Controller', { target: 'tcp:127.0.0.1:6653', max_backoff: 1000 }, 'c'),
        ops.insert('Bridge', { name: 'br-int', ports: ['p'], controller: ['c'] }, 'b'),
        ops.mutate('Open_vSwitch', root!._uuid, 'bridges', 'insert', ['b']),
        ops.mutate('Open_vSwitch', root!._uuid, 'next_cfg', '+=', 1),
      ],
      { signal },
    )
    const openflow = await Connection.open(await stream('tcp:127.0.0.1:6653'), { signal })
    const features = (await openflow.request({
      type: 'features_request',
    })) as MessageOf<'features_reply'>
    expect(features.datapath_id).toBe(host.bridge('br-int')!.datapathId)
    await openflow.request({ type: 'role_request', role: 2, generation_id: 1n })
    const controller = () => [...host.database.table('Controller').values()][0]
    expect(controller()).toMatchObject({ is_connected: true, role: 'master' })

    // The controller goes: flows and bridge stay, and it is dialled again.
    openflow.close()
    await quiet(5)
    expect(controller()).toMatchObject({ is_connected: false, role: undefined })
    clock.advance(1000)
    const again = await Connection.open(await stream('tcp:127.0.0.1:6653', 1), { signal })
    expect(again.isOpen).toBe(true)

    host.plug('br-int', 'vm1', 'a-uuid', memoryPair({ name: 'vm1' }, { name: 'x' })[0])
    await quiet(10)
    const seen = [...replica.table('Interface').values()].find(({ name }) => name === 'vm1')
    expect(seen).toMatchObject({ external_ids: { 'iface-id': 'a-uuid' }, ofport: 1 })

    // The model no longer has the bridge.
    await client.transact(openVSwitch, [ops.update('Open_vSwitch', root!._uuid, { bridges: [] })], {
      signal,
    })
    await again.closed
    expect(host.bridge('br-int')).toBeUndefined()
    client.close()
  })

  test('statistics of interfaces are written every five seconds', async () => {
    addBridge(host, 'br-int')
    const [inside, outside] = memoryPair({ name: 'vm1' }, { name: 'x' })
    host.register('vm1', inside)
    await quiet(3)
    addPort(host, 'br-int', 'vm1')
    await quiet(3)
    outside.send(new Uint8Array(60))
    await quiet(3)
    clock.advance(5000)
    expect(row('vm1')?.statistics).toMatchObject({ rx_packets: 1, rx_bytes: 60 })
  })
})
