/** A controller and hosts of ours on a virtual clock and one seed: nothing asks the machine for time or chance. */
import { createHook } from 'node:async_hooks'
import { type Duplex, duplexPair } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Controller } from '../../controller/controller.ts'
import type { Status } from '../../controller/northbound/realization.ts'
import { Store } from '../../controller/store/store.ts'
import { memoryPort } from '../../dataplane/ports/memory.ts'
import { setManager } from '../../dataplane/switch/operator.ts'
import { Switch } from '../../dataplane/switch/switch.ts'
import { openVtepHost } from '../../dataplane/vtep/host.ts'
import { systemClock } from '../../southbound/wire/clock.ts'
import { type Random, uuids } from '../../southbound/wire/random.ts'
import { type VirtualClock, virtualClock } from '../../southbound/wire/virtual-clock.ts'
import { put } from './model/site.ts'

/** Turns of the event loop after which nothing is under way that does not wait for time. */
const TURNS = 40
const MANAGER = 'tcp:127.0.0.1:6640'

test('hosts of both kinds come up when the virtual clock is moved, with no timer of the machine', async () => {
  const timers = watchTimers()
  await using site = await openSite(1)
  await site.come()
  expect(site.clock.now()).toBeLessThan(10_000)
  expect(timers.stop()).toEqual([])
  // One of the machine would have been seen, though it keeps nothing alive.
  const others = watchTimers()
  systemClock.after(1, () => {})()
  expect(others.stop()).toHaveLength(1)
})

test('the same seed says the same on every line, and another seed something else', async () => {
  const said = async (seed: number) => {
    await using site = await openSite(seed)
    await site.come()
    await site.pass(20_000)
    return site.said
  }
  const first = await said(7)
  expect(first.length).toBeGreaterThan(50)
  expect(await said(7)).toEqual(first)
  expect(await said(8)).not.toEqual(first)
})

test('keepalives go out in virtual time, and a host that falls silent is given up', async () => {
  await using site = await openSite(2)
  await site.come()
  const before = site.said.length
  await site.pass(60_000)
  const echoes = (line: string, what: RegExp) =>
    site.said.slice(before).filter(({ from, text }) => from === line && what.test(text)).length
  // Both ends of a line ask every 5 s; each hears the other's question and asks no more than that.
  const both = ['h1', 'controller to h1']
  for (const end of [...both, 'h2', 'controller to h2'])
    expect(echoes(`${end} ovsdb`, /"method":"echo"/)).toBeGreaterThanOrEqual(11)
  for (const end of both) expect(echoes(`${end} openflow`, /^04(02|03)/)).toBeGreaterThanOrEqual(11)
  expect(site.gone()).toEqual([])
  site.silence()
  // A vtep host says something every 5 s over its database, an ovs host over OpenFlow, where three of these are waited for.
  await site.pass(4000)
  expect(site.gone()).toEqual([])
  await site.pass(10_000)
  expect(site.gone()).toEqual(['h2'])
  await site.pass(12_000)
  expect(site.gone()).toContain('h1')
})

/** A store with h1 and a port on it, a controller that listens nowhere, an ovs host h1 and a vtep host h2. */
async function openSite(seed: number) {
  const clock = virtualClock()
  const random = seeded(seed)
  const store = Store.open(':memory:', { clock, uuid: uuids(seeded(seed + 100)) })
  const port = { network: 'web', hostId: 'h1', ofport: 1 }
  const edits = [
    put('host', 'h1', { vtepAddress: '192.0.2.1' }),
    put('host', 'h2', { kind: 'vtep', vtepAddress: '192.0.2.2' }),
    ...[put('tenant', 'acme', {}), put('network', 'acme/web', {}), put('port', 'acme/vm1', port)],
    put('port', 'acme/vm2', { network: 'web' }),
  ]
  store.commit(edits, { who: 'test' })
  const controller = await Controller.start({ store, clock, random })
  const said: { at: number; from: string; text: string }[] = []
  let isSilent = false

  /** Carries what the two ends say, and notes it. */
  const carry = (from: Duplex, to: Duplex, name: string) => {
    from.on('data', (bytes: Buffer) => {
      if (isSilent) return
      const text = name.endsWith('ovsdb') ? bytes.toString() : bytes.toString('hex')
      said.push({ at: clock.now(), from: name, text })
      to.write(bytes)
    })
    from.on('end', () => to.end())
    from.on('close', () => to.destroy())
  }
  const dial = async (target: string, id = 'h1'): Promise<Duplex> => {
    const [host, near] = duplexPair()
    const [far, there] = duplexPair()
    const name = target === MANAGER ? 'ovsdb' : 'openflow'
    carry(near, far, `${id} ${name}`)
    carry(far, near, `controller to ${id} ${name}`)
    const peer = `${id === 'h1' ? '192.0.2.1' : '192.0.2.2'}:40000`
    if (name === 'ovsdb') controller.acceptOvsdb(there, { peer, localAddress: '127.0.0.1' })
    else controller.acceptOpenflow(there, { peer })
    return host
  }
  const device = new Switch({
    ...{ systemId: 'h1', clock, random: seeded(seed + 200) },
    dial: (target) => dial(target),
  })
  const nic = memoryPort({ name: 'h2.phy0' })
  const vtep = await openVtepHost({
    ...{ name: 'h2', tunnelIp: '192.0.2.2', clock, random: seeded(seed + 300) },
    underlay: { port: nic, mac: 0x02_57_00_00_00_02, addresses: ['192.0.2.2/24'] },
  })

  return {
    ...{ clock, said },
    silence() {
      isSilent = true
    },
    /** Hosts that have gone. */
    gone: () =>
      controller.events
        .since()
        .flatMap(({ type, host }) => (type === 'host_disconnected' ? (host ?? []) : [])),
    pass: (ms: number) => pass(clock, ms),
    /** Until both ports are as they should be. */
    async come() {
      setManager(device, MANAGER)
      vtep.agent.accept(await dial(MANAGER, 'h2'))
      const uuid = store.snapshot.get('port', 'acme/vm2')?.uuid ?? ''
      vtep.backend.plug('vm2', memoryPort({ name: 'vm2' }), uuid)
      for (let steps = 0; ; steps++) {
        await turns()
        const answer = controller.inject({ url: '/v1/tenants/acme/ports' })
        await turns()
        const { items } = JSON.parse((await answer).body)
        if (items.every(({ status }: { status: Status }) => status.realized)) return
        if (steps > 500 || !clock.step())
          throw new Error(`it stands still: ${JSON.stringify(items)}`)
      }
    },
    async [Symbol.asyncDispose]() {
      device.close()
      await vtep.close()
      await controller.close()
      store.close()
    },
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((go) => setImmediate(go))
}

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  const end = clock.now() + ms
  for (let next = clock.nextAt(); next !== undefined && next <= end; next = clock.nextAt()) {
    clock.step()
    await turns()
  }
}

/** mulberry32: enough to be the same twice. */
function seeded(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Where our sources set a timer of the machine, kept alive by it or not. */
function watchTimers() {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const ours = ['southbound', 'dataplane', 'controller'].map((folder) => `${root}${folder}/`)
  const found: string[] = []
  const hook = createHook({
    init(_id, type) {
      if (type !== 'Timeout') return
      const { stackTraceLimit } = Error
      Error.stackTraceLimit = 100
      const lines = `${new Error().stack}`.split('\n')
      Error.stackTraceLimit = stackTraceLimit
      const line = lines.find((each) => ours.some((folder) => each.includes(folder)))
      if (line) found.push(line.trim())
    },
  }).enable()
  return {
    stop() {
      hook.disable()
      return found
    },
  }
}
