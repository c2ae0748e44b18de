/** Bridges to physical networks on the back end that is our own switch. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type MemoryPort, memoryPair } from '../../../dataplane/ports/memory.ts'
import { parseMac } from '../../../southbound/wire/address.ts'
import { arpFrame } from '../../../southbound/wire/frame.ts'
import { type MemoryVtepSite, openMemoryVtepSite, ops } from './site.ts'

let site: MemoryVtepSite
/** Ends of cables to eth1 and eth2 of h1. */
let wires: readonly [MemoryPort, MemoryPort]
let uplinks: readonly [MemoryPort, MemoryPort]

beforeEach(async () => {
  site = await openMemoryVtepSite()
  const cables = ['eth1', 'eth2'].map((name) => {
    const pair = memoryPair({ name, mtuBytes: 1500 }, { name: `${name}.far` })
    site.hosts.h1.backend.register(name, pair[0])
    return pair
  })
  uplinks = [cables[0]![0], cables[1]![0]]
  wires = [cables[0]![1], cables[1]![1]]
})
afterEach(() => site.close())

const host = () => {
  const [row] = site.hosts.h1.agent.database.table('Physical_Switch').values()
  if (!row) throw new Error('no Physical_Switch')
  return row
}
const portOf = (name: string) =>
  [...site.hosts.h1.agent.database.table('Physical_Port').values()].find((row) => row.name === name)
/** The bridge, as the controller writes it; undefined: none. */
async function ask(value: string | undefined, name = 'br-a'): Promise<void> {
  const { _uuid } = host()
  const key = `weft-bridge-${name}`
  await site.write(
    'h1',
    ops.mutate('Physical_Switch', _uuid, 'other_config', 'delete', [key]),
    ...(value === undefined
      ? []
      : [ops.mutate('Physical_Switch', _uuid, 'other_config', 'insert', { [key]: value })]),
  )
}
const answer = (name = 'br-a') => host().other_config[`weft-seen-bridge-${name}`]

/** A network without VXLAN: untagged frames of vm1, and this VID of the bridge. */
async function network(vid: number): Promise<void> {
  const [port, vm1] = [portOf('br-a'), portOf('vm1')]
  await site.write(
    'h1',
    ops.insert('Logical_Switch', { name: 'bare', other_config: { 'weft-number': '4096' } }, 'bare'),
    ops.update('Physical_Port', port?._uuid ?? '', { vlan_bindings: { [vid]: 'bare' } }),
    ops.update('Physical_Port', vm1?._uuid ?? '', { vlan_bindings: { 0: 'bare' } }),
  )
}

const macs = [1, 2, 3].map((n) => parseMac(`02:00:00:00:00:0${n}`))
const hello = (n: number) => arpFrame({ op: 1, sha: macs[n] ?? 0, spa: n, tha: 0, tpa: 9 })
const tagged = (frame: Uint8Array, vid: number) =>
  Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, vid >> 8, vid & 0xff, ...frame.subarray(12)])
/** What these see while one sends. */
async function seen(by: readonly MemoryPort[], send: () => void): Promise<Uint8Array[][]> {
  const frames = by.map((): Uint8Array[] => [])
  const stops = by.map((port, i) => port.onFrame((frame) => void frames[i]?.push(frame)))
  send()
  await site.settle()
  for (const stop of stops) stop()
  return frames
}

test('a network without VXLAN has its tag on the uplink, and a second uplink carries nothing: it would be a loop', async () => {
  await ask('uplinks=eth1,eth2 physical-network=lan')
  expect(answer()).toBe('uplinks_loop: eth2 besides eth1')
  expect(portOf('br-a')?.other_config['weft-physical-network']).toBe('lan')
  await network(100)
  const vm1 = site.guests.vm1!
  const frame = tagged(hello(0), 100)
  expect(await seen(wires, () => vm1.send(hello(0)))).toEqual([[frame], []])
  const back = tagged(hello(1), 100)
  expect(await seen([vm1, wires[1]], () => wires[0].send(back))).toEqual([[hello(1)], []])
  // Untagged it is of no network here.
  expect(await seen([vm1, ...wires], () => wires[0].send(hello(2)))).toEqual([[], [], []])
  expect(await seen([vm1], () => wires[1].send(back))).toEqual([[]])
  // Once it is the only one, it carries.
  await ask('uplinks=eth2 physical-network=lan')
  expect(answer()).toBe('ok')
  expect(await seen(wires, () => vm1.send(hello(0)))).toEqual([[], [frame]])
})

test('only the VIDs of a trunk pass, either way; the others are counted', async () => {
  await ask('uplinks=eth1 vids=100-199 physical-network=lan')
  await network(100)
  const vm1 = site.guests.vm1!
  expect(await seen([wires[0]], () => vm1.send(hello(0)))).toEqual([[tagged(hello(0), 100)]])
  expect(await seen([vm1], () => wires[0].send(tagged(hello(1), 100)))).toEqual([[hello(1)]])
  const port = portOf('br-a')
  const bare = port?.vlan_bindings['100'] ?? ''
  await site.write(
    'h1',
    ops.update('Physical_Port', port?._uuid ?? '', { vlan_bindings: { 7: bare } }),
  )
  expect(await seen([wires[0]], () => vm1.send(hello(0)))).toEqual([[]])
  expect(await seen([vm1], () => wires[0].send(tagged(hello(1), 7)))).toEqual([[]])
  await site.settle(6000)
  expect(portOf('br-a')?.other_config['weft-dropped-trunk']).toBe('2')
})

test('an uplink has the MTU of its bridge, and its own again when the bridge goes', async () => {
  await ask('uplinks=eth1 mtu=9000 physical-network=lan')
  expect(uplinks.map(({ mtuBytes }) => mtuBytes)).toEqual([9000, 1500])
  await ask('uplinks=eth2 mtu=9000 physical-network=lan')
  expect(uplinks.map(({ mtuBytes }) => mtuBytes)).toEqual([1500, 9000])
  await ask(undefined)
  expect(uplinks.map(({ mtuBytes }) => mtuBytes)).toEqual([1500, 1500])
  expect(portOf('br-a')).toBeUndefined()
  expect(answer()).toBeUndefined()
})

test('what is something else already is reported and not taken', async () => {
  await ask('uplinks=eth1 physical-network=lan')
  await ask('uplinks=eth1,vm1,eth9', 'br-b')
  expect(answer('br-b')?.split('; ')).toEqual([
    'uplink_missing: eth9',
    expect.stringMatching(/^uplink_taken: eth1 /),
    'uplink_taken: vm1 is a port of a guest',
  ])
  expect(answer()).toBe('ok')
  // The one that it has it keeps, though one that another has comes first.
  await ask('uplinks=eth1,eth2', 'br-b')
  expect(answer('br-b')).toMatch(/^uplink_taken: eth1 [^;]*$/)
  expect(await seen(wires, () => wires[1].send(hello(1)))).toEqual([[], []])
  await site.settle(6000)
  expect(answer('br-b')).toMatch(/^uplink_taken: eth1 [^;]*$/)
  await ask(undefined, 'br-b')
  await ask('uplinks=eth1,vm1,eth9', 'br-b')
  await ask('uplinks=eth2', 'vm1')
  expect(answer('vm1')).toBe('bridge_taken: vm1')
  // What one lets go of the other has in the same pass.
  await ask('uplinks=eth2 physical-network=lan')
  expect(answer('br-b')?.includes('eth1')).toBe(false)
})
