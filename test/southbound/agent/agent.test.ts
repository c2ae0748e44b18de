/** The passes of an agent: one at a time, whoever asks meanwhile. Neighbours: rig.ts, ../../netns/agent.test.ts on real kernels. */

import { expect, test } from 'vitest'
import { Agent } from '../../../southbound/agent/agent.ts'
import type { Report } from '../../../southbound/agent/backend.ts'
import type { Clock } from '../../../southbound/wire/clock.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { ops } from './rig.ts'

const nothing: Report = {
  ...{ capabilities: [], missing: [], underlay: undefined, ports: [], networks: [] },
  ...{ localMacs: [], drops: [], shown: [], faults: [], repairs: [], changes: 0 },
}
const log = { debug() {}, info() {}, warn() {} }

test('rows that come while the host is looked at for the first time wait: nothing is made twice', async () => {
  let under = 0
  let most = 0
  const networks: number[] = []
  const release: (() => void)[] = []
  const clock: Clock = {
    ...virtualClock(),
    after: (_: number, run: () => void) => {
      const handle = setImmediate(run)
      return () => clearImmediate(handle)
    },
  }
  const agent = new Agent({
    ...{ name: 'h1', log, clock },
    backend: {
      name: 'held',
      watch: () => () => {},
      async realize(desired) {
        most = Math.max(most, ++under)
        await new Promise<void>((resolve) => void release.push(resolve))
        networks.push(desired.networks.length)
        under--
        return nothing
      },
    },
  })
  const started = agent.start()
  while (release.length === 0) await new Promise(setImmediate)
  agent.database.transact([ops.insert('Logical_Switch', { name: 'red', tunnel_key: 5001 })])
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
  release.shift()?.()
  await started
  while (release.length === 0) await new Promise(setImmediate)
  release.shift()?.()
  while (networks.length < 2) await new Promise(setImmediate)
  expect(networks).toEqual([0, 1])
  expect(most).toBe(1)
  const closed = agent.close()
  for (const each of release) each()
  await closed
})
