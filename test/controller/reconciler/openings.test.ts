/** Hosts that dial in at once, over sockets, to a whole controller: as many are opened at a time as there are places, and all are. */

import { afterEach, expect, test } from 'vitest'
import { Controller } from '../../../controller/controller.ts'
import { Store } from '../../../controller/store/store.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { BenchSite } from '../../bench/compile/site.ts'
import { Bridge } from '../../bench/herd/bridge.ts'
import { startHost } from '../../bench/herd/host.ts'
import { fetchChecked } from '../northbound/schemas.ts'
import { quiet, until } from './site.ts'

const HOSTS = 30
const [PLACES, PLACE_MS] = [16, 5000]

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

/** Thirty hosts of the bench dial in; each that is read is held until `tell` is called of it. */
async function herd() {
  const store = Store.open(':memory:')
  endings.push(() => store.close())
  new BenchSite({ ports: 4 * HOSTS, hosts: HOSTS }, 1, (edits) =>
    store.commit(edits, { who: 'test' }),
  )
  const clock = virtualClock()
  const loopback = { host: '127.0.0.1', port: 0 }
  const at = { rest: loopback, ovsdb: loopback, openflow: loopback }
  const controller = await Controller.start({ store, clock, ...at })
  endings.push(() => controller.close())
  const held = new Map<string, () => void>()
  for (let n = 0; n < HOSTS; n++) {
    const mayTell = () =>
      new Promise<void>((tell) => {
        held.set(`h${n}`, tell)
      })
    const bridge = new Bridge(BigInt(n + 1), () => {}, mayTell)
    endings.push(startHost(n, bridge, `tcp:127.0.0.1:${controller.ovsdbPort}`))
  }
  const tell = (host: string) => {
    held.get(host)?.()
    held.delete(host)
  }
  const realized = async () => {
    const response = await fetchChecked(`${controller.url}/v1/tenants/wide/networks/wide`)
    const { status } = (await response.json()) as {
      status: { hosts: Record<string, { state: string }> }
    }
    return Object.values(status.hosts).filter(({ state }) => state === 'realized')
  }
  return { clock, held, tell, realized }
}

test('thirty hosts that dial in at once are read sixteen at a time; who hangs then holds the others up for some seconds only', async () => {
  const { clock, held, tell, realized } = await herd()
  const done = 8
  for (let n = 0; n < done; n++) {
    await until('all places are taken', () => held.size >= PLACES)
    await quiet(20)
    expect(held.size).toBe(PLACES)
    const [first = ''] = held.keys()
    tell(first)
  }
  await until('all places are taken', () => held.size >= PLACES)
  const hanging = [...held.keys()]
  await until('who was read is realized', async () => (await realized()).length === done)
  expect([...held.keys()]).toEqual(hanging)
  clock.advance(PLACE_MS)
  await until('the others are read', () => held.size === HOSTS - done)
  for (const host of held.keys()) if (!hanging.includes(host)) tell(host)
  await until('the others are realized', async () => (await realized()).length === HOSTS - PLACES)
  for (const host of hanging) tell(host)
  await until('all are realized', async () => (await realized()).length === HOSTS)
})
