import { type Duplex, duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import type { ServeStream } from '../../../dataplane/switch/announcements.ts'
import { addBridge, addPort } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { quiet } from '../rig.ts'

test('who says hello to a bridge that is gone by then is not let in', async () => {
  let serve: ServeStream | undefined
  const host = new Switch({
    systemId: 'h1',
    dial: () => Promise.reject(new Error('nobody is there')),
    async bridgeOpened(_name, it) {
      serve = it
      return () => {}
    },
  })
  addBridge(host, 'br0')
  await quiet()
  const bridge = host.bridge('br0')
  const [near, far] = duplexPair()
  const refused = expect(serve?.(near)).rejects.toThrow('br0 is gone')
  await quiet()
  host.database.transact([
    operations(openVSwitch).update('Open_vSwitch', host.root._uuid, { bridges: [] }),
  ])
  await quiet()
  const connection = await Connection.open(far)
  await refused
  await connection.closed
  expect(bridge?.sessions.size).toBe(0)
  host.close()
})

const ops = operations(openVSwitch)

/** A bridge with one controller, to which it dials; `dialled` are the far ends. */
async function withController() {
  const clock = virtualClock()
  const dialled: Duplex[] = []
  const host = new Switch({
    ...{ systemId: 'h1', clock },
    async dial() {
      const [near, far] = duplexPair()
      dialled.push(far)
      return near
    },
  })
  addBridge(host, 'br0')
  await quiet()
  const [bridge] = host.database.table('Bridge').values()
  host.database.transact([
    ops.insert('Controller', { target: 'tcp:192.0.2.1', inactivity_probe: 0 }, 'c'),
    ops.update('Bridge', bridge!._uuid, { controller: ['c'] }),
  ])
  await quiet()
  return { host, clock, dialled }
}

test('who never says hello is let go of after ten seconds of the clock that was given', async () => {
  const { host, clock, dialled } = await withController()
  dialled[0]?.resume()
  clock.advance(9_999)
  await quiet()
  expect(host.database.table('Controller').values().next().value?.status).not.toHaveProperty(
    'last_error',
  )
  clock.advance(1)
  await quiet()
  const [row] = host.database.table('Controller').values()
  expect(row?.status).toMatchObject({ state: 'BACKOFF', last_error: 'no hello came' })
  host.close()
})

test('a type that changes counts at once: it comes anew, and is told of ports or is not', async () => {
  const { host, dialled } = await withController()
  const portStatus = async (connection: Connection) => {
    const told: string[] = []
    connection.onMessage(({ type }) => void told.push(type))
    addPort(host, 'br0', `p${dialled.length}`, { type: 'internal' })
    await quiet()
    return told
  }
  const first = await Connection.open(dialled[0] as Duplex)
  await quiet()
  expect(await portStatus(first)).toEqual(['port_status'])
  const [row] = host.database.table('Controller').values()
  host.database.transact([ops.update('Controller', row!._uuid, { type: 'service' })])
  await first.closed
  const second = await Connection.open(dialled[1] as Duplex)
  await quiet()
  expect(await portStatus(second)).toEqual([])
  host.close()
})
