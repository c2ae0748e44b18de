/**
 * A controller and hosts in this process, as the tests of the reconciler need them: the controller is whole, hosts are our
 * switches (or databases of the test's own), time is the test's, and between each bridge and the controller sits a relay
 * that sees and may refuse what is sent.
 */

import { type Duplex, duplexPair } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Controller } from '../../../controller/controller.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import type { ControllerEvent, Status } from '../../../controller/northbound/realization.ts'
import type { EventType } from '../../../controller/reconciler/events.ts'
import { Store } from '../../../controller/store/store.ts'
import { memoryPair } from '../../../dataplane/ports/memory.ts'
import type { Bridge } from '../../../dataplane/switch/bridge.ts'
import { addPort, unplug } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { put } from '../model/site.ts'
import { type Answer, call } from '../northbound/client.ts'
import { type Relay, relay, relayBetween } from './relay.ts'

const MANAGER = 'tcp:127.0.0.1:6640'
export const OPENFLOW = 'tcp:127.0.0.1:6653'

export interface HostOptions {
  /** Default: the id. */
  readonly systemId?: string
  /** Where it dials from. Default: of its own. */
  readonly address?: string
  readonly gates?: Gates
}

/** What is not dialled before these have resolved; a test may change them at any time. */
export interface Gates {
  ovsdb?: Promise<void>
  openflow?: Promise<void>
}

export interface TestHost {
  readonly device: Switch
  readonly relay: Relay
  readonly gates: Gates
  readonly bridge: Bridge
  /** Starts a workload: an interface on br-int with this iface-id, once br-int is there. */
  plug(name: string, ifaceId: string, ofport?: number): Promise<void>
  unplug(name: string): void
  off(): void
}

export interface TestSite {
  readonly store: Store
  readonly clock: VirtualClock
  readonly controller: Controller
  host(id: string, options?: HostOptions): TestHost
  /** Another database as a host that dials by OVSDB; gives the controller's end. */
  dialFrom(database: { accept(duplex: Duplex): unknown }, address: string): Duplex
  events(type: EventType): readonly ControllerEvent[]
  rest(method: string, path: string, body?: unknown): Promise<Answer>
  /** `status` of an object, by its path below /v1, without the numbers of items. */
  status(path: string): Promise<Status>
  portUuid(key: string): string
  /** Ends the controller and starts another on the same store; hosts dial that one. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Hosts h1 to h3, tenant acme with the network web and the ports vm1 to vm4. */
const base: readonly Edit[] = [
  ...[1, 2, 3].map((n) => put('host', `h${n}`, { vtepAddress: `192.0.2.${n}` })),
  put('tenant', 'acme', {}),
  put('network', 'acme/web', { vni: 5001 }),
  put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.0/24' }),
  ...[1, 2, 3, 4].map((n) =>
    put('port', `acme/vm${n}`, {
      network: 'web',
      mac: `02:00:00:00:00:1${n}`,
      addresses: [`10.0.0.1${n}`],
    }),
  ),
]

export async function openSite(...edits: readonly Edit[]): Promise<TestSite> {
  const store = Store.open(':memory:')
  store.commit([...base, ...edits], { who: 'test' })
  const clock = virtualClock()
  const rest = { host: '127.0.0.1', port: 0 }
  let controller = await Controller.start({ store, rest, clock })
  const hosts = new Set<TestHost>()
  let peers = 0

  const site: TestSite = {
    store,
    clock,
    get controller() {
      return controller
    },
    host(id, options = {}) {
      const host = startHost(id, options, (duplex, target, peer) =>
        target === MANAGER
          ? controller.acceptOvsdb(duplex, { peer, localAddress: '127.0.0.1' })
          : controller.acceptOpenflow(duplex, { peer }),
      )
      hosts.add(host)
      return host
    },
    dialFrom(database, address) {
      const [here, there] = duplexPair()
      database.accept(here)
      const peer = `${address}:${50_000 + peers++}`
      controller.acceptOvsdb(there, { peer, localAddress: '127.0.0.1' })
      return there
    },
    events: (type) => controller.events.since().filter((event) => event.type === type),
    rest: (method, path, body) => call(controller.url, method, `/v1/${path}`, body),
    status: async (path) => withoutNumbers((await site.rest('GET', path)).body.status),
    portUuid: (key) => store.snapshot.get('port', key)?.uuid ?? '',
    async restart() {
      await controller.close()
      controller = await Controller.start({ store, rest, clock })
    },
    async close() {
      for (const host of hosts) host.off()
      await controller.close()
      store.close()
    },
  }
  return site
}

function withoutNumbers({ hosts, ...status }: Status): Status {
  const states = Object.entries(hosts).map(([id, { state, reason }]) => {
    return [id, reason === undefined ? { state } : { state, reason }]
  })
  return { ...status, hosts: Object.fromEntries(states) }
}

function startHost(
  id: string,
  { systemId = id, address = `198.51.100.${id.slice(1)}`, gates = {} }: HostOptions,
  accept: (duplex: Duplex, target: string, peer: string) => void,
): TestHost {
  const between = relay()
  let port = 40_000
  const dial = async (target: string): Promise<Duplex> => {
    await (target === MANAGER ? gates.ovsdb : gates.openflow)
    const [here, there] = duplexPair()
    const peer = `${address}:${port++}`
    if (target === MANAGER) accept(there, target, peer)
    else {
      const [near, far] = duplexPair()
      accept(far, target, peer)
      relayBetween(there, near, between).catch(() => here.destroy())
    }
    return here
  }
  const device = new Switch({ systemId, dial, statisticsIntervalMs: 0 })
  device.setManager(MANAGER)
  return {
    device,
    relay: between,
    gates,
    get bridge() {
      const bridge = device.bridge('br-int')
      if (!bridge) throw new Error(`${id} has no br-int`)
      return bridge
    },
    async plug(name, ifaceId, ofport) {
      await device.whenBridge('br-int', AbortSignal.timeout(3000))
      const [inside] = memoryPair({ name }, { name: `${name}.vm` })
      device.register(name, inside)
      addPort(device, 'br-int', name, {
        external_ids: { 'iface-id': ifaceId },
        ...(ofport === undefined ? {} : { ofport_request: ofport }),
      })
    },
    unplug: (name) => unplug(device, name),
    off: () => device.close(),
  }
}

const { insert, update } = operations(openVSwitch)

export { update }

/** A database with nobody behind it, that says it is this host. */
export function databaseOf(systemId: string, newUuid?: () => string) {
  const database = new OvsdbServer(openVSwitch, newUuid && { newUuid })
  database.transact([insert('Open_vSwitch', { external_ids: { 'system-id': systemId } })])
  return database
}

/** The row of this name. */
export function rowOf<T extends 'Bridge' | 'Port' | 'Interface'>(
  database: OvsdbServer<typeof openVSwitch>,
  table: T,
  name: string,
): RowOf<T> | undefined {
  const rows = database.table(table).values() as Iterable<RowOf<T> & { name: string }>
  return [...rows].find((row) => row.name === name)
}

/** A promise and how to resolve it. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  const { promise: passed, resolve: open } = Promise.withResolvers<void>()
  return { passed, open }
}

/** Asks again until the answer is neither undefined nor false; fails with what was waited for. */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
): Promise<Exclude<T, undefined | false>> {
  // Real programs are among those that are waited for, on a machine that has other things to do.
  const deadline = performance.now() + 15_000
  while (performance.now() < deadline) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>
    await delay(2)
  }
  throw new Error(`in vain waited for: ${what}`)
}

/** Lets everything that is under way arrive. */
export async function quiet(turns = 100): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Waits until the object at a path below /v1 is realized. */
export function realized(site: TestSite, path: string): Promise<unknown> {
  return until(`${path} realized`, async () => (await site.status(path)).realized)
}
