/**
 * The memory lab: a whole site in one process, without root. Our switches are the hosts, memory ports the
 * cables, a hub or routers the underlay; the controller is the one that drives real hosts, reached through streams in
 * the process instead of sockets. Implements the `Lab` of ../lab.ts.
 *
 *     guests.ts ── tap ── host.ts (Switch: br-int) ── VTEP ══ underlay.ts ══ VTEP ── …
 *                            │ OVSDB, OpenFlow by control-line.ts, or over TLS (secure.ts)
 *                         Controller ── REST on 127.0.0.1 (a real socket), or with a seed rest.ts
 *
 *     await using lab = await openMemoryLab({ document: parseDocument(text, file), signal, seed: 7 })
 *
 * With a seed nothing of the machine has a part in it: README.md.
 */
import type { Program } from '../../../controller/compiler/program.ts'
import type { Controller, Endpoint } from '../../../controller/controller.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import type { Logger } from '../../../controller/reconciler/log.ts'
import { Store } from '../../../controller/store/store.ts'
import { packetPool } from '../../../dataplane/packet/packet.ts'
import { sharedCompiler } from '../../../dataplane/pipeline/compiled-flow.ts'
import { type Hub, hub } from '../../../dataplane/ports/hub.ts'
import { memoryPort } from '../../../dataplane/ports/memory.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { uuids } from '../../../southbound/wire/random.ts'
import { unlike } from '../addresses.ts'
import { startEvents, textOf } from '../events.ts'
import type { Faults, Lab, LabDocument, Segment, Step } from '../lab.ts'
import { portUuids, type Rest, RestError, whenRealized } from '../rest.ts'
import { planUnderlay } from '../underlay-plan.ts'
import { uplinksOf } from '../uplinks.ts'
import { type ControlLine, controlLine } from './control-line.ts'
import { type ControllerLife, connect, controllerLife } from './controller-life.ts'
import { type Environment, environment } from './environment.ts'
import { memoryFaults } from './faults.ts'
import { guestsOf, type MemoryWorkload } from './guests.ts'
import { type MemoryHost, memoryHost } from './host.ts'
import { fetchFrom } from './rest.ts'
import { type SecureControl, secureControl } from './secure.ts'
import { type LineSink, openTrace, type Trace } from './trace.ts'
import { type MemoryUnderlay, memoryUnderlay } from './underlay.ts'

const CONTROLLER_ADDRESS = '127.0.0.1'
const MANAGER = `tcp:${CONTROLLER_ADDRESS}:6640`
const ROGUE_MAC = 0x0257_ffff_ff01
const REALIZED_TIMEOUT_MS = 10_000
/** A frame crosses the site in a few turns of the event loop; counters are exact at once. */
const SETTLE_MS = 30

export interface MemoryLab extends Lab, AsyncDisposable {
  readonly backend: 'memory'
  /** Of a lab that brings the same again. */
  readonly seed: number | undefined
  /** Throws while it is down. */
  readonly controller: Controller
  readonly store: Store
  readonly hosts: ReadonlyMap<string, MemoryHost>
  readonly workloads: ReadonlyMap<string, MemoryWorkload>
  readonly faults: Faults
  /** Resolves when every port that has a workload is realized. */
  whenRealized(signal: AbortSignal): Promise<void>
}

export interface MemoryLabOptions {
  /** Parsed: the store takes its `edits`. */
  readonly document: LabDocument
  /** Ends the bring-up; a lab that is up is ended by close(). */
  readonly signal: AbortSignal
  /**
   * 0 to 2^32 − 1. With it time is virtual and chance a sequence: the same seed, document and questions bring the same
   * frames and messages, and REST is asked by `fetch` alone, since nothing listens.
   */
  readonly seed?: number | undefined
  /** How a run that fails is had again, for its messages; default: the seed. */
  readonly replay?: string | undefined
  /** A path, or who takes the lines: all that happens (trace.ts). */
  readonly trace?: string | LineSink | undefined
  readonly step?: Step | undefined
  /** Controller and hosts speak TLS, each host with a certificate of its own. Default: streams in the process. Not with a seed. */
  readonly tls?: boolean | undefined
  /** Path of the store's file; default ':memory:'. */
  readonly store?: string
  /** Where REST listens; default 127.0.0.1, a port that the system chooses. Not with a seed. */
  readonly rest?: Endpoint
  /** Another pipeline than Weft's, for tests that break it on purpose. */
  readonly program?: Program
  readonly log?: Logger
}

/**
 * Brings the document up; when that fails nothing is left. Rejects with a DocumentError for a document
 * that the store refuses.
 */
export async function openMemoryLab(options: MemoryLabOptions): Promise<MemoryLab> {
  const { seed, tls, rest, replay = `seed ${seed}` } = options
  if (seed !== undefined && (tls || rest))
    throw new Error('a lab with a seed has no sockets: neither TLS nor an address for REST')
  if (seed !== undefined && seed !== seed >>> 0)
    throw new RangeError(`${seed} is no seed: an integer from 0 to ${2 ** 32 - 1}`)
  const own = environment(seed, { replay })
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  let opening: Promise<MemoryLab> | undefined
  try {
    return await own.outside.run(() => {
      opening = bringUp({ ...options, signal }, own)
      return opening
    })
  } catch (error) {
    // It may be time that was given up, with the bring-up still waiting for something.
    ending.abort(error)
    await opening?.catch(() => undefined)
    own.stop()
    if (seed !== undefined && error instanceof RestError) error.message += `; ${replay}`
    throw error
  }
}

async function bringUp(options: MemoryLabOptions, own: Environment): Promise<MemoryLab> {
  const { document, signal } = options
  const { clock, random } = own
  const closing = new AsyncDisposableStack()
  try {
    const trace = options.trace === undefined ? undefined : openTrace(options.trace, clock)
    if (trace) closing.defer(() => trace.close())
    const step: Step = (text) => {
      trace?.tell({ step: text })
      options.step?.(text)
    }
    const store = Store.open(options.store ?? ':memory:', { clock, ...newUuids(options, own) })
    closing.defer(() => store.close())
    load(document, store)
    const secure = options.tls ? secureControl(document, CONTROLLER_ADDRESS) : undefined
    if (secure) closing.defer(() => secure.close())
    const controller = controllerOf(options, { own, store, secure, trace })
    await own.hold(controller.start())
    closing.defer(() => own.hold(controller.stop()))
    const { url } = controller.running
    step(url === '' ? 'controller' : `controller at ${url}`)
    const underlay = memoryUnderlay(planUnderlay(document), {
      ...{ mtuBytes: document.underlay.mtuBytes, clock, random: random('underlay') },
    })
    closing.defer(() => underlay.close())
    const workloads = guestsOf(document, own)
    for (const workload of workloads) closing.defer(() => workload.close())
    const physicalNetworks = physicalNetworksOf(document)
    const parts = { controller, underlay, physicalNetworks, workloads, own, trace }
    const fetch = fetchOf(parts, url)
    const uuidOf = uuidsOf(document, { fetch, clock: own.outside.clock })
    const hosts = hostsOf(document, { ...parts, secure, uuidOf })
    for (const host of hosts.values()) closing.defer(() => host.stop())
    const lab = labOf({ ...parts, document, store, hosts, closing, fetch, url, seed: options.seed })
    for (const tap of trace ? (lab.taps ?? []) : []) trace?.watch(tap)
    for (const host of hosts.values()) await host.start()
    await Promise.all([...hosts.values()].map((host) => bootHost(host, { signal, step })))
    await lab.whenRealized(signal)
    step('all ports realized')
    const events = document.lab?.events ?? []
    const happens = {
      happens: (event: (typeof events)[number]) => step(`event: ${textOf(event)}`),
      failed: (event: (typeof events)[number], error: unknown) =>
        step(`event: ${textOf(event)} failed: ${error instanceof Error ? error.message : error}`),
    }
    closing.defer(startEvents(events, { faults: lab.faults, clock, ...happens }))
    return lab
  } catch (error) {
    await closing.disposeAsync()
    throw error
  }
}

/** Of a lab with a seed; the system's otherwise. */
const newUuids = ({ seed }: MemoryLabOptions, { random }: Environment) =>
  seed === undefined ? {} : { uuid: uuids(random('uuids of the store')) }

interface Ground {
  readonly own: Environment
  readonly store: Store
  readonly secure: SecureControl | undefined
  readonly trace: Trace | undefined
}

function controllerOf(
  options: MemoryLabOptions,
  { own, store, secure, trace }: Ground,
): ControllerLife {
  const { seed, program, log } = options
  const { rest = { host: CONTROLLER_ADDRESS, port: 0 } } = options
  const chance = seed === undefined ? {} : { random: own.random('controller') }
  const controller = controllerLife({
    ...{ store, program, clock: own.clock, ...chance, ...secure?.options },
    ...(log && { log }),
    ...(seed === undefined && { rest }),
  })
  controller.onStart(({ events }) => events.onEvent((told) => trace?.tell({ told })))
  return controller
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
  { signal, step }: { readonly signal: AbortSignal; readonly step: Step },
): Promise<void> {
  const plugged = await host.boot(signal)
  const made = host.switch ? ', br-int made' : ''
  step(`${host.id} connected${made}, ${plugged} workloads plugged`)
}

interface Parts {
  readonly controller: ControllerLife
  readonly underlay: MemoryUnderlay
  readonly physicalNetworks: ReadonlyMap<string, Hub>
  readonly workloads: readonly MemoryWorkload[]
  readonly own: Environment
  readonly trace: Trace | undefined
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

/** What operators do with a list of ports: they ask for it once. Ports keep their uuids as long as the store is there. */
function uuidsOf({ workloads }: LabDocument, rest: Rest): (key: string) => Promise<string> {
  const tenants = new Set(Object.values(workloads).map((key) => key.slice(0, key.indexOf('/'))))
  let all: Promise<ReadonlyMap<string, string>> | undefined
  return async (key) => {
    all ??= portUuids(rest, tenants)
    return (await all).get(key) ?? ''
  }
}

interface HostParts extends Parts {
  readonly secure: SecureControl | undefined
  readonly uuidOf: (key: string) => Promise<string>
}

function hostsOf(document: LabDocument, parts: HostParts): Map<string, MemoryHost> {
  const { secure, underlay, physicalNetworks, own } = parts
  const uplinks = uplinksOf(document).flatMap((uplink) => {
    const segment = physicalNetworks.get(uplink.physicalNetwork)
    return segment ? [{ ...uplink, segment }] : []
  })
  const shared = { compileFlow: sharedCompiler(), pool: packetPool() }
  const workloads = Map.groupBy(parts.workloads, ({ hostId }) => hostId)
  const entries = Object.entries(document.hosts).map(([id, host]): [string, MemoryHost] => {
    const options = {
      id,
      document: host,
      outlet: underlay.outlet(id),
      uplinks: uplinks.filter(({ hostId }) => hostId === id),
      workloads: workloads.get(id) ?? [],
      line: lineOf(parts, { id, systemId: host.systemId ?? id }),
      manager: secure ? `ssl:${CONTROLLER_ADDRESS}:${parts.controller.running.ovsdbPort}` : MANAGER,
      portUuid: parts.uuidOf,
      clock: own.clock,
      random: own.random(`host ${id}`),
      shared,
    }
    return [id, memoryHost(options)]
  })
  return new Map(entries)
}

/** What a host reaches by dialling: OVSDB at the manager's target, OpenFlow at any other. */
function lineOf(
  { controller, secure, own, trace }: HostParts,
  { id, systemId }: { readonly id: string; readonly systemId: string },
): ControlLine {
  const dial = (target: string) => {
    const isOvsdb = target === MANAGER
    const [here, there] = line.pair(trace?.listen(id, isOvsdb ? 'ovsdb' : 'openflow'))
    connect(controller, there, { peer: id, localAddress: CONTROLLER_ADDRESS, isOvsdb })
    return here
  }
  const line = controlLine(
    secure ? secure.dialOf(systemId) : async (target) => dial(target),
    own.clock,
  )
  return line
}

/** By a socket, or without one; a controller that is down answers neither. */
function fetchOf({ controller, own, trace }: Parts, url: string): Lab['fetch'] {
  const ask: Lab['fetch'] = (path, init) => {
    if (url !== '') return fetch(`${url}${path}`, init)
    if (!controller.isUp) throw new TypeError('fetch failed', { cause: 'the controller is down' })
    return fetchFrom(controller.running, path, init)
  }
  if (!trace) return (path, init) => own.outside.run(() => ask(path, init))
  return (path, init) =>
    own.outside.run(async () => {
      const response = await ask(path, init)
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
      const answer = isStream ? 'a stream' : await response.clone().text()
      const { method = 'GET', body } = init ?? {}
      trace.tell({ rest: method, path, body: body ?? undefined, status: response.status, answer })
      return response
    })
}

interface Site extends Parts {
  readonly document: LabDocument
  readonly store: Store
  readonly hosts: ReadonlyMap<string, MemoryHost>
  readonly closing: AsyncDisposableStack
  readonly fetch: Lab['fetch']
  readonly url: string
  readonly seed: number | undefined
}

function labOf(site: Site): MemoryLab {
  const { document, controller, underlay, hosts, closing, own, fetch } = site
  const vteps = [...hosts.values()].map(({ id, mac, address }) => [id, { mac, address }] as const)
  const taken = new Set(vteps.flatMap(([, { address }]) => address ?? []))
  const [near = parseIpv4('192.0.2.1')] = taken
  const end = new AbortController()
  closing.defer(() => end.abort(new Error('the lab is closed')))
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    // A lab whose time has come to an end is closed all the same.
    closed ??= own.outside
      .run(() => closing.disposeAsync())
      .catch((error) => (closing.disposed ? Promise.reject(error) : closing.disposeAsync()))
      .finally(() => own.stop())
    return closed
  }
  return {
    ...own.outside,
    backend: 'memory',
    seed: site.seed,
    document,
    store: site.store,
    get controller() {
      return controller.running
    },
    url: site.url,
    fetch,
    controllerAddress: parseIpv4(CONTROLLER_ADDRESS),
    settleMs: SETTLE_MS,
    hosts,
    workloads: new Map(site.workloads.map((workload) => [workload.name, workload])),
    taps: [
      ...site.workloads.map(({ tap }) => tap),
      ...[...hosts.values()].flatMap(({ taps }) => taps),
    ],
    physicalNetworks: new Map(
      [...site.physicalNetworks].map(([id, segment]) => [id, stationOn(segment)]),
    ),
    underlay: {
      hosts: Object.fromEntries(vteps),
      rogueAddress: unlike(near, taken),
      rogueMac: ROGUE_MAC,
      inject: underlay.inject,
      onFrame: underlay.onFrame,
    },
    faults: memoryFaults({ hosts, controller, signal: end.signal, hold: own.hold }),
    whenRealized: (signal) =>
      whenRealized({ fetch, clock: own.outside.clock }, Object.values(document.workloads), {
        timeoutMs: REALIZED_TIMEOUT_MS,
        signal,
      }),
    close,
    [Symbol.asyncDispose]: close,
  }
}
