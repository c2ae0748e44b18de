/** The field's own command line tools, against our server on a unix socket. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { hasOvs, ownPeer, type Peer } from './peers.ts'

const run = promisify(execFile)
const { update } = operations(openVSwitch)

describe.skipIf(!hasOvs)('the tools of Open vSwitch work against our server', () => {
  const server = new OvsdbServer(openVSwitch)
  let peer: Peer
  beforeAll(async () => {
    peer = await ownPeer(server)
  })
  afterAll(() => peer?.close())
  const undo: (() => void)[] = []
  afterEach(() => {
    for (const stop of undo.splice(0)) stop()
  })

  const vsctl = async (...args: string[]) => {
    const all = [`--db=unix:${peer.path}`, '--timeout=5', ...args]
    return (await run('ovs-vsctl', all)).stdout.trim()
  }
  const ovsdbClient = async (...args: string[]) =>
    (await run('ovsdb-client', ['--timeout=5', ...args])).stdout.trim()
  /** As a switch does: whatever was asked for is real at once. */
  const realize = () =>
    undo.push(
      server.onCommit((changes) => {
        for (const { table, after } of changes) {
          if (table !== 'Open_vSwitch' || !after || after.cur_cfg === after.next_cfg) continue
          server.transact([update('Open_vSwitch', after._uuid, { cur_cfg: after.next_cfg })])
        }
      }),
    )

  test('ovs-vsctl --no-wait makes, changes, lists and deletes', async () => {
    await vsctl('--no-wait', 'init')
    await vsctl('--no-wait', 'add-br', 'br0', '--', 'set', 'bridge', 'br0', 'fail_mode=secure')
    await vsctl(
      '--no-wait',
      'add-port',
      'br0',
      'vm1',
      'tag=7',
      '--',
      'set',
      'Interface',
      'vm1',
      'external_ids:iface-id=abc',
      'ofport_request=5',
      'options:a=b',
    )
    expect(await vsctl('list-ports', 'br0')).toBe('vm1')
    expect(await vsctl('get', 'Interface', 'vm1', 'external_ids:iface-id')).toBe('abc')
    expect(await vsctl('get', 'Port', 'vm1', 'tag')).toBe('7')
    expect(await vsctl('--columns=name,fail_mode', 'list', 'Bridge')).toMatch(/secure/)
    expect(await vsctl('--bare', '--columns=name', 'find', 'Interface', 'ofport_request=5')).toBe(
      'vm1',
    )
    await vsctl('--no-wait', 'remove', 'Interface', 'vm1', 'external_ids', 'iface-id')
    expect(await vsctl('get', 'Interface', 'vm1', 'external_ids')).toBe('{}')
    await vsctl('--no-wait', 'clear', 'Port', 'vm1', 'tag')
    expect(await vsctl('get', 'Port', 'vm1', 'tag')).toBe('[]')
    await vsctl('--no-wait', 'set-manager', 'tcp:127.0.0.1:6640', 'ptcp:6641')
    expect(await vsctl('get-manager')).toBe('ptcp:6641\ntcp:127.0.0.1:6640')
    await vsctl('--no-wait', 'set-controller', 'br0', 'tcp:127.0.0.1:6653')
    expect(await vsctl('get-controller', 'br0')).toBe('tcp:127.0.0.1:6653')
    await vsctl('--no-wait', 'set', 'Open_vSwitch', '.', 'external_ids:system-id=h1')
    expect(await vsctl('show')).toMatch(/Bridge br0\n[\s\S]*Port vm1\n[\s\S]*Interface vm1/)
    await vsctl('--no-wait', 'del-port', 'br0', 'vm1')
    expect(await vsctl('list-ports', 'br0')).toBe('')
    await vsctl('--no-wait', 'del-br', 'br0')
    expect(await vsctl('list-br')).toBe('')
    for (const table of ['Bridge', 'Port', 'Interface', 'Controller'] as const) {
      expect(server.table(table).size).toBe(0)
    }
  })

  test('ovs-vsctl waits until cur_cfg reaches next_cfg', async () => {
    await vsctl('--no-wait', 'init')
    realize()
    await vsctl('add-br', 'br1')
    await vsctl('add-port', 'br1', 'vm2')
    expect(await vsctl('list-ifaces', 'br1')).toBe('vm2')
    expect(await vsctl('br-exists', 'br1')).toBe('')
    await vsctl('wait-until', 'Interface', 'vm2', 'name=vm2')
    await vsctl('del-br', 'br1')
  })

  test('what ovs-vsctl gets refused is what we say', async () => {
    await vsctl('--no-wait', 'init')
    await vsctl('--no-wait', 'add-br', 'br2')
    const set = vsctl('--no-wait', 'set', 'Bridge', 'br2', 'flood_vlans=5000')
    await expect(set).rejects.toThrow(/5000/)
    const add = vsctl(
      '--no-wait',
      'create',
      'Bridge',
      'name=br2',
      '--',
      'add',
      'Open_vSwitch',
      '.',
      'bridges',
      '@x',
    )
    await expect(add).rejects.toThrow()
    await vsctl('--no-wait', 'del-br', 'br2')
  })

  test('ovsdb-client lists, dumps, transacts, locks and monitors', async () => {
    const remote = `unix:${peer.path}`
    await vsctl('--no-wait', 'init')
    expect(await ovsdbClient('list-dbs', remote)).toBe('Open_vSwitch\n_Server')
    expect(await ovsdbClient('get-schema-version', remote)).toBe('8.3.1')
    expect(await ovsdbClient('list-tables', remote)).toMatch(/AutoAttach/)
    expect(await ovsdbClient('list-columns', remote, 'Bridge')).toMatch(/fail_mode/)
    const insert = '["Open_vSwitch",{"op":"insert","table":"QoS","row":{"type":"t1"}}]'
    expect(await ovsdbClient('transact', remote, insert)).toMatch(/"uuid"/)
    expect(await ovsdbClient('query', remote, insert)).toMatch(/"uuid"/)
    const dump = await ovsdbClient('dump', remote, 'Open_vSwitch', 'QoS', 'type')
    expect(dump).toBe('QoS table\ntype\n----\nt1')
    const monitored = execFile('ovsdb-client', ['--timeout=5', 'monitor', remote, 'QoS', 'type'])
    let output = ''
    monitored.stdout?.on('data', (text) => {
      output += text
    })
    const shows = async (text: RegExp) => {
      while (!text.test(output)) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await shows(/initial/)
    await ovsdbClient('transact', remote, insert.replace('t1', 't2'))
    await shows(/insert *"?t2/)
    monitored.kill()
    const locked = execFile('ovsdb-client', ['--timeout=5', 'lock', remote, 'l'])
    locked.stdout?.on('data', (text) => {
      output += text
    })
    await shows(/"?locked"?/)
    locked.kill()
  })
})
