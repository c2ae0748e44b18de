/** A bridge without flows of a controller whose two uplinks are one bond: one of them carries. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type MemoryPort, memoryPair } from '../../../dataplane/ports/memory.ts'
import { addBridge, addPort } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { BROADCAST_MAC } from '../../../southbound/wire/address.ts'
import { ethernetFrame } from '../../../southbound/wire/frame.ts'
import { quiet } from '../rig.ts'

const ops = operations(openVSwitch)
const NAMES = ['vm', 'up1', 'up2'] as const
type Name = (typeof NAMES)[number]
let host: Switch
let ends: ReadonlyMap<Name, { readonly inside: MemoryPort; readonly outside: MemoryPort }>
let reached: string[]

const rowOf = <T extends 'Bridge' | 'Port'>(table: T, name: string) =>
  [...host.database.table(table).values()].find((row) => row.name === name)?._uuid ?? ''

async function send(from: Name, src: number, dst: number): Promise<string> {
  reached = []
  const payload = new Uint8Array(46)
  ends.get(from)?.outside.send(ethernetFrame({ dst, src, type: 0x88b5, payload }))
  await quiet()
  return reached.sort().join(' ')
}

beforeEach(async () => {
  const dial = () => Promise.reject(new Error('nobody to dial'))
  host = new Switch({ systemId: 'h1', statisticsIntervalMs: 0, dial })
  addBridge(host, 'br0')
  ends = new Map(
    NAMES.map((name) => {
      const [inside, outside] = memoryPair({ name }, { name: `${name}.far` })
      host.register(name, inside)
      outside.onFrame(() => void reached.push(name))
      return [name, { inside, outside }]
    }),
  )
  addPort(host, 'br0', 'vm')
  const uplinks = ['up1', 'up2']
  host.database.transact([
    ...uplinks.map((name) => ops.insert('Interface', { name }, name)),
    ops.insert('Port', { name: 'bond', interfaces: uplinks, bond_mode: 'active-backup' }, 'bond'),
    ops.mutate('Bridge', rowOf('Bridge', 'br0'), 'ports', 'insert', ['bond']),
    ops.update('Bridge', rowOf('Bridge', 'br0'), { fail_mode: 'standalone' }),
  ])
  await quiet()
})
afterEach(() => host.close())

const unplug = (name: Name) => ends.get(name)?.outside.disconnect()
function plugAgain(name: Name): void {
  const { inside, outside } = ends.get(name) ?? {}
  if (outside) inside?.connect(outside)
}

const [GUEST, MACHINE] = [0x02_0000_0000_01, 0x02_0000_0000_99]

test('a broadcast leaves by one of them, and is dropped when it comes back by the other', async () => {
  expect(await send('vm', GUEST, BROADCAST_MAC)).toBe('up1')
  expect(await send('up2', GUEST, BROADCAST_MAC)).toBe('')
  expect(host.drops.read()).toMatchObject({ bond_standby: 1 })
  expect(await send('up1', MACHINE, BROADCAST_MAC)).toBe('vm')
  expect(await send('vm', GUEST, MACHINE)).toBe('up1')
  // The guest is where it was, whatever the other one received.
  expect(await send('up1', MACHINE, GUEST)).toBe('vm')
})

test('the other one carries when the first is down, also to whom was learned there, and goes on when that is back', async () => {
  await send('up1', MACHINE, BROADCAST_MAC)
  unplug('up1')
  await quiet()
  expect(await send('vm', GUEST, MACHINE)).toBe('up2')
  expect(await send('up2', MACHINE, GUEST)).toBe('vm')
  plugAgain('up1')
  await quiet()
  expect(await send('vm', GUEST, BROADCAST_MAC)).toBe('up2')
  expect(await send('up1', MACHINE, BROADCAST_MAC)).toBe('')
})

test('when the bond is taken apart each is a port of its own again', async () => {
  const [first] = [...host.database.table('Interface').values()].filter(
    ({ name }) => name === 'up1',
  )
  host.database.transact([
    ops.update('Port', rowOf('Port', 'bond'), { interfaces: [first?._uuid ?? ''] }),
  ])
  await quiet()
  expect(await send('vm', GUEST, BROADCAST_MAC)).toBe('up1')
  addPort(host, 'br0', 'up2')
  await quiet()
  expect(await send('vm', GUEST, BROADCAST_MAC)).toBe('up1 up2')
})
