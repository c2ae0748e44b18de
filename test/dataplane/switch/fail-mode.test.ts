import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { memoryPair } from '../../../dataplane/ports/memory.ts'
import { addBridge, addPort } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { ethernetFrame } from '../../../southbound/wire/frame.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { addFlow, apply, output, quiet } from '../rig.ts'

const ops = operations(openVSwitch)
const BROADCAST = 0xffff_ffff_ffff
const frame = (src: number, dst: number) =>
  ethernetFrame({ src, dst, type: 0x88b5, payload: new Uint8Array(46) })

describe('a bridge without its controllers', () => {
  let clock: VirtualClock
  let host: Switch
  let dialled: Duplex[]
  /** Frames that reached each of the stations a, b and c. */
  let reached: string[]
  let send: (from: string, src: number, dst: number) => Promise<string>

  beforeEach(async () => {
    clock = virtualClock()
    dialled = []
    reached = []
    host = new Switch({
      ...{ systemId: 'h1', clock },
      async dial() {
        const [near, far] = duplexPair()
        dialled.push(far)
        return near
      },
    })
    addBridge(host, 'br0')
    const stations = new Map(
      ['a', 'b', 'c'].map((name) => {
        const [inside, outside] = memoryPair({ name, mtuBytes: 1500 }, { name: `${name}.vm` })
        host.register(name, inside)
        addPort(host, 'br0', name)
        outside.onFrame(() => void reached.push(name))
        return [name, outside]
      }),
    )
    send = async (from, src, dst) => {
      reached = []
      stations.get(from)?.send(frame(src, dst))
      await quiet()
      return reached.sort().join(' ')
    }
    await quiet()
  })
  afterEach(() => host.close())

  const set = async (row: object) => {
    const [bridge] = host.database.table('Bridge').values()
    host.database.transact([ops.update('Bridge', bridge!._uuid, row as never)])
    await quiet()
  }
  const setController = async () => {
    const [bridge] = host.database.table('Bridge').values()
    host.database.transact([
      ops.insert('Controller', { target: 'tcp:192.0.2.1', inactivity_probe: 1000 }, 'c'),
      ops.update('Bridge', bridge!._uuid, { controller: ['c'] }),
    ])
    await quiet()
  }
  const flows = () => [...host.bridge('br0')!.flows.all()].length

  test('secure: nothing passes', async () => {
    expect(await send('a', 1, BROADCAST)).toBe('')
    expect(flows()).toBe(0)
  })

  test('standalone: it learns who is where, and forgets after five minutes, or with the port', async () => {
    await set({ fail_mode: 'standalone' })
    expect(flows()).toBe(1)
    expect(await send('a', 0x02_0000_0000_01, 0x02_0000_0000_02)).toBe('b c')
    expect(await send('b', 0x02_0000_0000_02, 0x02_0000_0000_01)).toBe('a')
    expect(await send('a', 0x02_0000_0000_01, 0x02_0000_0000_02)).toBe('b')
    // A station that moved is known at its new place at once.
    expect(await send('c', 0x02_0000_0000_02, 0x02_0000_0000_01)).toBe('a')
    expect(await send('a', 0x02_0000_0000_01, 0x02_0000_0000_02)).toBe('c')
    // Where it is already, and to the bridge next door: nowhere, by name.
    expect(await send('c', 0x02_0000_0000_03, 0x02_0000_0000_02)).toBe('')
    expect(await send('a', 0x02_0000_0000_01, 0x0180_c200_0000)).toBe('')
    expect(host.drops.read()).toMatchObject({
      output_in_port: 1,
      link_local: 1,
    })
    clock.advance(300_000)
    expect(await send('b', 0x02_0000_0000_09, 0x02_0000_0000_01)).toBe('a c')
  })

  test('a flood of forged addresses takes no more room than there is, and ends nothing', async () => {
    await set({ fail_mode: 'standalone' })
    await send('b', 0x02_0000_0000_02, BROADCAST)
    for (let i = 0; i < 40; i++) {
      for (let j = 0; j < 500; j++)
        void host.internal('br0').send(frame(0x06_0000_0000_00 + i * 500 + j, BROADCAST))
      await quiet(2)
    }
    expect(await send('b', 0x02_0000_0000_02, 0x02_0000_0000_01)).toBe('a c')
    expect(await send('a', 0x02_0000_0000_01, 0x02_0000_0000_02)).toBe('b')
  })

  test('its first controller finds it empty, and the last leaves it so', async () => {
    await set({ fail_mode: undefined })
    expect(flows()).toBe(1)
    await setController()
    expect(flows()).toBe(0)
    await set({ controller: [] })
    expect(flows()).toBe(1)
    await set({ fail_mode: 'secure' })
    expect(flows()).toBe(0)
  })

  test('the only one that was connected is taken away: three probes later it learns', async () => {
    await set({ fail_mode: 'standalone' })
    const targets = ['tcp:192.0.2.1', 'tcp:192.0.2.2']
    const [bridge] = host.database.table('Bridge').values()
    host.database.transact([
      ...targets.map((target, i) =>
        ops.insert('Controller', { target, inactivity_probe: 1000 }, `c${i}`),
      ),
      ops.update('Bridge', bridge!._uuid, { controller: ['c0', 'c1'] }),
    ])
    await quiet()
    // The other one is dialled, and never says hello.
    const connection = await Connection.open(dialled[0] as Duplex)
    await connection.barrier()
    await quiet()
    const rows = [...host.database.table('Controller').values()]
    const silent = rows.filter((row) => !row.is_connected).map(({ _uuid }) => _uuid)
    expect(silent).toHaveLength(1)
    await set({ controller: silent })
    clock.advance(2900)
    expect(host.bridge('br0')?.failsOpen).toBe(false)
    clock.advance(200)
    expect(host.bridge('br0')?.failsOpen).toBe(true)
  })

  test('three probes without any, a standalone bridge learns; one back, and its flows count again', async () => {
    await set({ fail_mode: 'standalone' })
    await setController()
    const connection = await Connection.open(dialled[0] as Duplex)
    await connection.send(addFlow(0, 1, {}, [apply(output(3))]))
    await connection.barrier()
    expect(await send('a', 1, BROADCAST)).toBe('c')
    connection.close()
    await quiet()
    clock.advance(2900)
    expect(await send('a', 1, BROADCAST)).toBe('c')
    // It dials again all that while, and nobody says hello.
    clock.advance(200)
    expect(await send('a', 1, BROADCAST)).toBe('b c')
    const again = await Connection.open(dialled.at(-1) as Duplex)
    await again.barrier()
    await quiet()
    expect(await send('a', 1, BROADCAST)).toBe('c')
    expect(flows()).toBe(1)
    again.close()
  })
})
