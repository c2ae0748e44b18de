import { duplexPair } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Host } from '../../../controller/model/schema.ts'
import { noLog } from '../../../controller/reconciler/log.ts'
import { UnclaimedBridges } from '../../../controller/reconciler/unclaimed.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'

test('a bridge that waits is answered, and nothing that it tells is kept for its host', async () => {
  const [a, b] = duplexPair()
  const [connection, bridge] = await Promise.all([Connection.open(a), Connection.open(b)])
  const end = new AbortController()
  const unclaimed = new UnclaimedBridges({
    clock: virtualClock(),
    log: noLog,
    signal: end.signal,
    objection: () => undefined,
    refuse() {},
  })
  const data = new Uint8Array(60_000)
  const waiting = { datapathId: '0000000000000001', identity: undefined, peer: '192.0.2.1:40000' }
  unclaimed.add({ ...waiting, connection })
  const noise = { type: 'experimenter', experimenter: 1, exp_type: 2, data } as const
  for (let i = 0; i < 100; i++) await bridge.send(noise)
  // Not read, it would take us for dead.
  await bridge.request({ type: 'echo_request', data: new Uint8Array(0) })
  expect(unclaimed.claim('0000000000000001', {} as Host, '192.0.2.1')?.connection).toBe(connection)
  const told: string[] = []
  connection.onMessage(({ type }) => told.push(type))
  await sleep(1)
  expect(told).toEqual([])
  await bridge.send(noise)
  await bridge.request({ type: 'echo_request', data: new Uint8Array(0) })
  expect(told).toEqual(['experimenter'])
  end.abort()
  connection.close()
})
