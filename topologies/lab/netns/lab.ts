/**
 * A lab of real hosts in network namespaces of this machine (root needed). Implements the
 * `Lab` of ../lab.ts and adds what tests of faults do: kill and start the controller or a host's daemons,
 * run commands on hosts and in guests.
 *
 *     requirements.ts  what must be installed        plan.ts       names and addresses
 *     state.ts         what a dead lab left          wiring.ts     namespaces and links
 *     host.ts          start and boot of a host      workload.ts   guests
 *     ovs-host.ts      kind ovs                      vtep-host.ts  kind vtep
 *     underlay.ts      the network between VTEPs     segment.ts    physical networks
 *     controller-process.ts, relay.ts                ways-in.ts    commands for people
 *     taps.ts          what can be watched both ways
 */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { startEvents, textOf } from '../events.ts'
import { switchNames } from '../host-switch.ts'
import type { Faults, Lab, LabDocument, Step } from '../lab.ts'
import { realTime } from '../real-time.ts'
import { declarePort, portUuid, whenRealized } from '../rest.ts'
import { type ControllerProcess, controllerProcess } from './controller-process.ts'
import { NetnsError } from './error.ts'
import { netnsFaults } from './faults.ts'
import type { HostOptions, NetnsHost } from './host.ts'
import type { OvsHost } from './ovs-host.ts'
import { openSite, type Site } from './site.ts'
import { tapsOf } from './taps.ts'
import { together } from './together.ts'
import type { NetnsUnderlay } from './underlay.ts'
import type { VtepHost } from './vtep-host.ts'
import { commandIn, waysIn } from './ways-in.ts'
import type { NetnsWorkload } from './workload.ts'

const REALIZED_TIMEOUT_MS = 30_000
/** Frames cross in milliseconds; counters of flows were exact 116 ms after the last frame at the latest. */
const SETTLE_MS = 300

/** A running netns lab. */
export interface NetnsLab extends Lab {
  readonly backend: 'netns'
  /** Random, six hexadecimal digits; in every name that the lab gives. */
  readonly id: string
  readonly controller: ControllerProcess
  /** For people: commands that get into guests and hosts. */
  readonly waysIn: readonly string[]
  readonly workloads: ReadonlyMap<string, NetnsWorkload>
  readonly faults: Faults
  readonly underlay: NetnsUnderlay
  /** Of kind ovs. Throws for an id that the document does not have. */
  host(id: string): OvsHost
  /** Of kind vtep. */
  vtep(id: string): VtepHost
  /** All hosts. */
  readonly machines: ReadonlyMap<string, NetnsHost>
  workload(name: string): NetnsWorkload
}

/** What a lab is brought up from. */
export interface NetnsLabOptions {
  readonly document: LabDocument
  /** Where the document was read from; it is handed to the controller as it is. Absent: written anew. */
  readonly documentFile?: string
  /** Controller and hosts speak TLS, each host with a certificate of its own. Default: plain TCP. */
  readonly tls?: boolean
  readonly signal?: AbortSignal
  readonly step?: Step
}

/** Brings a lab up; when that fails nothing is left. */
export async function openNetnsLab(options: NetnsLabOptions): Promise<NetnsLab> {
  const { document, signal, step } = options
  let url = ''
  const uuidOf = (tenant: string, portId: string): Promise<string> =>
    portUuid(url, `${tenant}/${portId}`, signal)
  const { tls } = options
  const declare: HostOptions['declare'] = ({ tenant, portId, hostId, device }) =>
    declarePort(url, document, { tenant, portId, hostId, device }, signal)
  const site = await openSite({ document, portUuid: uuidOf, declare, tls, signal, step })
  step?.(`namespaces and links (lab ${site.plan.id})`)
  const controller = await controllerOf(site, options)
  url = controller.url
  const lab = labOf(document, site, controller)
  try {
    const hosts = [...site.machines.values()]
    const startHost = (host: NetnsHost) => async (either: AbortSignal) => {
      await host.start({ emptyDatabase: true, signal: either })
      step?.(`host ${host.id} runs ${switchNames[host.plan.switch]}`)
    }
    const startController = async (either: AbortSignal): Promise<void> => {
      await controller.start({ signal: either })
      step?.(`controller at ${url}`)
    }
    await together(signal, [startController, ...hosts.map(startHost)])
    await together(
      signal,
      hosts.map((host) => (either: AbortSignal) => host.boot({ signal: either })),
    )
    step?.(`${lab.workloads.size} workloads plugged`)
    const ports = Object.values(document.workloads)
    await whenRealized(url, ports, { timeoutMs: REALIZED_TIMEOUT_MS, signal })
    step?.('all ports realized')
    const stopEvents = startEvents(document.lab?.events ?? [], {
      faults: lab.faults,
      clock: lab.clock,
      happens: (event) => step?.(`event: ${textOf(event)}`),
      failed: (event, error) => step?.(`event ${textOf(event)}: ${(error as Error).message}`),
    })
    const close = () => {
      stopEvents()
      return lab.close()
    }
    return { ...lab, close }
  } catch (error) {
    await lab.close()
    throw error
  }
}

async function controllerOf(site: Site, options: NetnsLabOptions): Promise<ControllerProcess> {
  const written = join(site.runDirectory.path, 'document.json')
  // JSON is YAML.
  writeFileSync(written, `${JSON.stringify(options.document, undefined, 2)}\n`)
  try {
    return await controllerProcess({
      plan: site.plan,
      pki: site.pki,
      runDirectory: site.runDirectory.path,
      documentFile: resolve(options.documentFile ?? written),
    })
  } catch (error) {
    await site.close()
    throw error
  }
}

function labOf(document: LabDocument, site: Site, controller: ControllerProcess): NetnsLab {
  const of = <T>(kind: string, things: ReadonlyMap<string, T>, name: string): T => {
    const thing = things.get(name)
    if (thing === undefined) throw new NetnsError(`no ${kind} ${name} in ${document.name}`)
    return thing
  }
  return {
    ...realTime,
    faults: netnsFaults(site, controller),
    backend: 'netns',
    document,
    id: site.plan.id,
    waysIn: waysIn(site.plan, site.runDirectory.path),
    url: controller.url,
    fetch: (path, init) => fetch(`${controller.url}${path}`, init),
    controllerAddress: site.plan.controller.address,
    controllerMac: site.plan.controller.mac,
    settleMs: SETTLE_MS,
    controller,
    workloads: site.workloads,
    underlay: site.underlay,
    physicalNetworks: site.segments,
    taps: tapsOf(site.plan),
    commandIn: (name) => commandIn(site.plan, site.runDirectory.path, name),
    machines: site.machines,
    host: (id) => of('host of kind ovs', site.hosts, id),
    vtep: (id) => of('host of kind vtep', site.vteps, id),
    workload: (name) => of('workload', site.workloads, name),
    async close() {
      try {
        await controller.close()
      } finally {
        await site.close()
      }
    },
  }
}
