/**
 * The memory lab: a whole site in one process, without root. Our switches are the hosts, memory ports the
 * cables, a hub the underlay; the controller is the one that drives real hosts, reached through streams in
 * the process instead of sockets. Implements the `Lab` of ../lab.ts.
 *
 *     guests.ts ── tap ── host.ts (Switch: br-int) ── VTEP ══ hub ══ VTEP ── …
 *                            │ OVSDB, OpenFlow over duplexPair, or over TLS (secure.ts)
 *                         Controller ── REST on 127.0.0.1 (a real socket)
 *
 *     await using lab = await openMemoryLab({ document: parseDocument(text, file), signal })
 */
import { type Duplex, duplexPair } from 'node:stream'
import type { Program } from '../../../controller/compiler/program.ts'
import { Controller, type Endpoint } from '../../../controller/controller.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import type { Logger } from '../../../controller/reconciler/log.ts'
import { Store } from '../../../controller/store/store.ts'
import { type Hub, hub } from '../../../dataplane/ports/hub.ts'
import { memoryPort } from '../../../dataplane/ports/memory.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { unlike } from '../addresses.ts'
import type { Lab, LabDocument, Segment, Step } from '../lab.ts'
import { portUuid, whenRealized } from '../rest.ts'
import { uplinksOf } from '../uplinks.ts'
import { guestsOf, type MemoryWorkload } from './guests.ts'
import { type MemoryHost, memoryHost } from './host.ts'
import { type SecureControl, secureControl } from './secure.ts'

const CONTROLLER_ADDRESS = '127.0.0.1'
const MANAGER = `tcp:${CONTROLLER_ADDRESS}:6640`
const ROGUE_MAC = 0x0257_ffff_ff01
const REALIZED_TIMEOUT_MS = 10_000
/** A frame crosses the site in a few turns of the event loop; counters are exact at once. */
const SETTLE_MS = 30

export interface MemoryLab extends Lab, AsyncDisposable {
  readonly backend: 'memory'
  readonly controller: Controller
  readonly store: Store
  readonly hosts: ReadonlyMap<string, MemoryHost>
  readonly workloads: ReadonlyMap<string, MemoryWorkload>
  /** Resolves when every port that has a workload is realized. */
  whenRealized(signal: AbortSignal): Promise<void>
}

export interface MemoryLabOptions {
  /** Parsed: the store takes its `edits`. */
  readonly document: LabDocument
  /** Ends the bring-up; a lab that is up is ended by close(). */
  readonly signal: AbortSignal
  readonly step?: Step | undefined
  /** Controller and hosts speak TLS, each host with a certificate of its own. Default: streams in the process. */
  readonly tls?: boolean | undefined
  /** Path of the store's file; default ':memory:'. */
  readonly store?: string
  /** Where REST listens; default 127.0.0.1, a port that the system chooses. */
  readonly rest?: Endpoint
  /** Another pipeline than Weft's, for tests that break it on purpose. */
  readonly program?: Program
  readonly log?: Logger
  /** Milliseconds of a steady clock; default performance.now. */
  readonly now?: () => number
}

/**
 * Brings the document up; when that fails nothing is left. Rejects with a DocumentError for a document
 * that the store refuses.
 */
export async function openMemoryLab(options: MemoryLabOptions): Promise<MemoryLab> {
  const {
    document,
    signal,
    step,
    log,
    program,
    rest = { host: CONTROLLER_ADDRESS, port: 0 },
  } = options
  const store = Store.open(options.store ?? ':memory:')
  const closing = new AsyncDisposableStack()
  closing.defer(() => store.close())
  try {
    load(document, store)
    const secure = options.tls ? secureControl(document, CONTROLLER_ADDRESS) : undefined
    if (secure) closing.defer(() => secure.close())
    const controller = await Controller.start({
      ...{ store, rest, program, ...secure?.options, ...(log && { log }) },
    })
    closing.defer(() => controller.close())
    step?.(`controller at ${controller.url}`)
    const underlay = hub({ name: 'underlay', mtuBytes: document.underlay.mtuBytes })
    const workloads = guestsOf(document, options.now ?? (() => performance.now()))
    for (const workload of workloads) closing.defer(() => workload.close())
    const physicalNetworks = physicalNetworksOf(document)
    const parts = { controller, underlay, physicalNetworks, workloads }
    const hosts = hostsOf(document, { ...parts, secure })
    for (const host of hosts.values()) closing.defer(() => host.stop())
    const lab = labOf({ ...parts, document, store, hosts, closing })
    for (const host of hosts.values()) await host.start()
    await Promise.all(
      [...hosts.values()].map((host) => bootHost(host, { signal, step, workloads })),
    )
    await lab.whenRealized(signal)
    step?.('all ports realized')
    return lab
  } catch (error) {
    await closing.disposeAsync()
    throw error
  }
}

function load({ name, edits, explain }: LabDocument, store: Store): void {
  if (edits === undefined) throw new Error(`${name} was not parsed; parseDocument() gives edits`)
  try {
    store.commit(edits, { who: 'lab' })
  } catch (error) {
    throw error instanceof ModelError && explain ? explain(error) : error
  }
}

async function bootHost(
  host: MemoryHost,
  {
    signal,
    step,
    workloads,
  }: { signal: AbortSignal; step: Step | undefined; workloads: readonly MemoryWorkload[] },
): Promise<void> {
  await host.boot(signal)
  const own = workloads.filter(({ hostId }) => hostId === host.id).length
  const made = host.switch ? ', br-int made' : ''
  step?.(`${host.id} connected${made}, ${own} workloads plugged`)
}

interface Parts {
  readonly controller: Controller
  readonly secure?: SecureControl | undefined
  readonly underlay: Hub
  readonly physicalNetworks: ReadonlyMap<string, Hub>
  readonly workloads: readonly MemoryWorkload[]
}

function physicalNetworksOf(document: LabDocument): Map<string, Hub> {
  const names = new Set(uplinksOf(document).map(({ physicalNetwork }) => physicalNetwork))
  return new Map([...names].map((name) => [name, hub({ name })]))
}

/** A station like any other: it does not hear itself. */
function stationOn(segment: Hub): Segment {
  const port = memoryPort({ name: 'stranger', mtuBytes: segment.mtuBytes })
  segment.attach(port)
  return { send: (frame) => port.send(frame), onFrame: (listener) => port.onFrame(listener) }
}

function hostsOf(
  document: LabDocument,
  { controller, secure, underlay, physicalNetworks, workloads }: Parts,
): Map<string, MemoryHost> {
  const uplinks = uplinksOf(document).flatMap((uplink) => {
    const segment = physicalNetworks.get(uplink.physicalNetwork)
    return segment ? [{ ...uplink, segment }] : []
  })
  const entries = Object.entries(document.hosts).map(([id, host]): [string, MemoryHost] => {
    const options = {
      id,
      document: host,
      underlay,
      uplinks: uplinks.filter(({ hostId }) => hostId === id),
      workloads: workloads.filter(({ hostId }) => hostId === id),
      dial: secure?.dialOf(host.systemId ?? id) ?? dialOf(controller, id),
      manager: secure ? `ssl:${CONTROLLER_ADDRESS}:${controller.ovsdbPort}` : MANAGER,
      portUuid: (key: string, signal: AbortSignal) => portUuid(controller.url, key, signal),
    }
    return [id, memoryHost(options)]
  })
  return new Map(entries)
}

/** What a host reaches by dialling: OVSDB at the manager's target, OpenFlow at any other. */
function dialOf(controller: Controller, peer: string) {
  return (target: string): Promise<Duplex> => {
    const [here, there] = duplexPair()
    if (target === MANAGER) {
      controller.acceptOvsdb(there, { peer, localAddress: CONTROLLER_ADDRESS })
    } else {
      controller.acceptOpenflow(there, { peer })
    }
    return Promise.resolve(here)
  }
}

interface Site extends Parts {
  readonly document: LabDocument
  readonly store: Store
  readonly hosts: ReadonlyMap<string, MemoryHost>
  readonly closing: AsyncDisposableStack
}

function labOf(site: Site): MemoryLab {
  const { document, controller, underlay, hosts, closing } = site
  const vteps = [...hosts.values()].map(({ id, mac, address }) => [id, { mac, address }] as const)
  const taken = new Set(vteps.flatMap(([, { address }]) => address ?? []))
  const [near = parseIpv4('192.0.2.1')] = taken
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= closing.disposeAsync()
    return closed
  }
  return {
    backend: 'memory',
    document,
    store: site.store,
    controller,
    url: controller.url,
    fetch: (path, init) => fetch(`${controller.url}${path}`, init),
    controllerAddress: parseIpv4(CONTROLLER_ADDRESS),
    settleMs: SETTLE_MS,
    hosts,
    workloads: new Map(site.workloads.map((workload) => [workload.name, workload])),
    physicalNetworks: new Map(
      [...site.physicalNetworks].map(([id, segment]) => [id, stationOn(segment)]),
    ),
    underlay: {
      hosts: Object.fromEntries(vteps),
      rogueAddress: unlike(near, taken),
      rogueMac: ROGUE_MAC,
      inject: (frame) => underlay.send(frame),
      onFrame: (listener) => underlay.onFrame(listener),
    },
    whenRealized: (signal) =>
      whenRealized(controller.url, Object.values(document.workloads), {
        timeoutMs: REALIZED_TIMEOUT_MS,
        signal,
      }),
    close,
    [Symbol.asyncDispose]: close,
  }
}
