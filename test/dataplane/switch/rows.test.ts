/**
 * Rows that nobody would write, in any order: whatever a client commits, the switch goes on, cur_cfg
 * follows next_cfg, and what is left in the end works.
 */

import { afterEach, beforeEach, expect, test } from 'vitest'
import { addBridge } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { quiet } from '../rig.ts'

const ops = operations(openVSwitch)
let clock: VirtualClock
let host: Switch
let faults: string[]

beforeEach(() => {
  clock = virtualClock()
  faults = []
  host = new Switch({
    ...{ systemId: 'h1', clock },
    dial: () => Promise.reject(new Error('nobody to dial')),
    log: {
      info() {},
      warn: (fields, event) =>
        void ('error' in fields && faults.push(`${event} ${JSON.stringify(fields)}`)),
    },
  })
})
afterEach(() => host.close())

/** As the tests of the fuzzers have it: the same numbers for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const NAMES = [
  'br0',
  'br1',
  'p1',
  '',
  '/',
  '..',
  'a/b',
  'x'.repeat(300),
  'ü\0',
  '__proto__',
  'constructor',
]
const TYPES = [
  '',
  'system',
  'internal',
  'memory',
  'dummy',
  'stream',
  'patch',
  'vxlan',
  'geneve',
  '__proto__',
  'toString',
]
const TEXTS = [
  '',
  'x',
  '-1',
  '1e9',
  'flow',
  '02:00:00:00:00:01',
  'punix:',
  'punix:/nowhere/x',
  'unix:/nowhere',
  'tcp:',
  '0x0',
  '::',
  '\u0000',
]
const KEYS = [
  'pstream',
  'stream',
  'peer',
  'remote_ip',
  'local_ip',
  'key',
  'dst_port',
  'hwaddr',
  'datapath-id',
  '__proto__',
]
const TARGETS = [
  '',
  'tcp:',
  'tcp:x:0',
  'ssl:[::',
  'ptcp:',
  'ptcp:99999',
  'punix:',
  'punix:/nowhere/x',
  'unix:/nowhere',
  'garbage',
]

test('two thousand random transactions end nothing', async () => {
  const below = numbers(7)
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const settings = () =>
    Object.fromEntries([
      [one(KEYS), one(TEXTS)],
      [one(KEYS), one(TEXTS)],
    ])
  const uuid = (table: 'Bridge' | 'Port' | 'Interface' | 'Controller' | 'Manager') =>
    one([...host.database.table(table).keys(), undefined])
  const request = () => one([undefined, 1, 2, 65_279])
  const ofInterface = () => ({
    type: one(TYPES),
    options: settings(),
    ofport: one([undefined, -1, 0, 1, 65_534, 2 ** 40]),
    ofport_request: request(),
    mtu_request: one([undefined, 1, 68, 9000, 2 ** 31]),
    mac: one(TEXTS),
    error: one(TEXTS),
  })
  const root = () => host.root._uuid
  const random = (): Operation[] => {
    const [bridge, port, iface] = [uuid('Bridge'), uuid('Port'), uuid('Interface')]
    const name = one(NAMES)
    switch (below(9)) {
      case 0:
        return [
          ops.insert('Interface', { name, ...ofInterface() }, 'i'),
          ops.insert('Port', { name, interfaces: ['i'] }, 'p'),
          ops.insert('Bridge', { name, ports: ['p'], other_config: settings() }, 'b'),
          ops.mutate('Open_vSwitch', root(), 'bridges', 'insert', ['b']),
        ]
      case 1:
        return [
          ops.insert('Interface', { name, ...ofInterface() }, 'i'),
          ops.insert('Port', { name, interfaces: ['i'] }, 'p'),
          ...(bridge ? [ops.mutate('Bridge', bridge, 'ports', 'insert', ['p'])] : []),
        ]
      case 2:
        return iface ? [ops.update('Interface', iface, ofInterface())] : []
      case 3:
        return bridge && port
          ? [ops.mutate('Bridge', bridge, 'ports', one(['insert', 'delete'] as const), [port])]
          : []
      case 4:
        return bridge
          ? [
              ops.insert(
                'Controller',
                { target: one(TARGETS), inactivity_probe: one([-5, 0, 1, 2 ** 40]) },
                'c',
              ),
              ops.update('Bridge', bridge, {
                controller: ['c'],
                protocols: one([[], ['OpenFlow10'], ['OpenFlow13']]),
                fail_mode: one([undefined, 'secure', 'standalone']),
              }),
            ]
          : []
      case 5:
        return [
          ops.insert('Manager', { target: one(TARGETS) }, 'm'),
          ops.mutate('Open_vSwitch', root(), 'manager_options', 'insert', ['m']),
        ]
      case 6:
        return bridge ? [ops.mutate('Open_vSwitch', root(), 'bridges', 'delete', [bridge])] : []
      case 7:
        return bridge
          ? [ops.update('Bridge', bridge, { other_config: settings(), ports: port ? [port] : [] })]
          : []
      default:
        return [
          ops.update('Open_vSwitch', root(), {
            manager_options: [],
            next_cfg: one([0, 1, 2 ** 50]),
          }),
        ]
    }
  }
  let committed = 0
  for (let i = 0; i < 2000; i++) {
    try {
      host.database.transact([...random(), ops.mutate('Open_vSwitch', root(), 'next_cfg', '+=', 1)])
      committed++
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
    }
    await quiet(1)
    if (i % 20 === 0) clock.advance(5000)
  }
  expect(committed).toBeGreaterThan(1000)
  host.database.transact([ops.update('Open_vSwitch', root(), { bridges: [], manager_options: [] })])
  await host.whenSettled(AbortSignal.timeout(5000))
  addBridge(host, 'good')
  await host.whenSettled(AbortSignal.timeout(5000))
  expect(host.root.cur_cfg).toBe(host.root.next_cfg)
  expect(host.bridge('good')?.ports.size).toBe(1)
  expect(faults).toEqual([])
})

test('the root row may go, and come again', async () => {
  addBridge(host, 'br0')
  await host.whenSettled(AbortSignal.timeout(1000))
  host.database.transact([ops.deleteRows('Open_vSwitch', [])])
  await quiet()
  expect(host.bridge('br0')).toBeUndefined()
  host.database.transact([ops.insert('Open_vSwitch', {})])
  addBridge(host, 'br0')
  await host.whenSettled(AbortSignal.timeout(1000))
  expect(host.root).toMatchObject({ db_version: '8.3.1', external_ids: { 'system-id': 'h1' } })
  expect(host.bridge('br0')).toBeDefined()
})
