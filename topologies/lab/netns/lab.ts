/**
 * A lab of real Open vSwitch hosts in network namespaces of this machine (root needed). Implements the
 * `Lab` of ../lab.ts and adds what tests of faults do: kill and start the controller or a host's daemons,
 * run commands on hosts and in guests.
 *
 *     requirements.ts  what must be installed        plan.ts       names and addresses
 *     state.ts         what a dead lab left          wiring.ts     namespaces and links
 *     ovs-host.ts      Open vSwitch, boot script     workload.ts   guests
 *     underlay.ts      the network between VTEPs     controller-process.ts, relay.ts
 */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Lab, LabDocument, Step } from '../lab.ts'
import { type ControllerProcess, controllerProcess } from './controller-process.ts'
import { NetnsError } from './error.ts'
import type { OvsHost } from './ovs-host.ts'
import { openSite, type Site } from './site.ts'
import { together } from './together.ts'
import type { NetnsUnderlay } from './underlay.ts'
import type { NetnsWorkload } from './workload.ts'

const REALIZED_TIMEOUT_MS = 30_000
const POLL_MS = 20
/** Frames cross in milliseconds; counters of flows were exact 116 ms after the last frame at the latest. */
const SETTLE_MS = 300

/** A running netns lab. */
export interface NetnsLab extends Lab {
  readonly backend: 'netns'
  /** Random, six hexadecimal digits; in every name that the lab gives. */
  readonly id: string
  readonly controller: ControllerProcess
  readonly workloads: ReadonlyMap<string, NetnsWorkload>
  readonly underlay: NetnsUnderlay
  /** Throws for an id that the document does not have. */
  host(id: string): OvsHost
  workload(name: string): NetnsWorkload
}

/** What a lab is brought up from. */
export interface NetnsLabOptions {
  readonly document: LabDocument
  /** Where the document was read from; it is handed to the controller as it is. Absent: written anew. */
  readonly documentFile?: string
  readonly signal?: AbortSignal
  readonly step?: Step
}

/** Brings a lab up; when that fails nothing is left. */
export async function openNetnsLab(options: NetnsLabOptions): Promise<NetnsLab> {
  const { document, signal, step } = options
  let url = ''
  const portUuid = async (tenant: string, portId: string): Promise<string> =>
    (await readPort(url, `${tenant}/${portId}`, signal)).uuid
  const site = await openSite({ document, portUuid, signal, step })
  step?.(`namespaces and links (lab ${site.plan.id})`)
  const controller = await controllerOf(site, options)
  url = controller.url
  const lab = labOf(document, site, controller)
  try {
    const hosts = [...site.hosts.values()]
    const startHost = (host: OvsHost) => async (either: AbortSignal) => {
      await host.startOvs({ emptyDatabase: true, signal: either })
      step?.(`host ${host.id} runs Open vSwitch`)
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
    await whenRealized(url, Object.values(document.workloads), signal)
    step?.('all ports realized')
    return lab
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
    backend: 'netns',
    document,
    id: site.plan.id,
    url: controller.url,
    controllerAddress: site.plan.controller.address,
    controllerMac: site.plan.controller.mac,
    settleMs: SETTLE_MS,
    controller,
    workloads: site.workloads,
    underlay: site.underlay,
    host: (id) => of('host', site.hosts, id),
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

/** What the lab reads of a port's representation. */
interface PortAnswer {
  readonly uuid: string
  readonly status?: { readonly realized?: boolean }
}

async function readPort(
  url: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<PortAnswer> {
  const [tenant, portId] = key.split('/')
  const where = `${url}/v1/tenants/${tenant}/ports/${portId}`
  const response = await fetch(where, { ...(signal && { signal }) })
  if (!response.ok)
    throw new NetnsError(`GET ${where}: ${response.status} ${await response.text()}`)
  return (await response.json()) as PortAnswer
}

/** Waits until the controller says of each port that its hosts have what it needs. */
async function whenRealized(
  url: string,
  ports: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + REALIZED_TIMEOUT_MS
  let waiting = ports
  for (;;) {
    const answers = await Promise.all(waiting.map((key) => readPort(url, key, signal)))
    waiting = waiting.filter((_, index) => answers[index]?.status?.realized !== true)
    if (waiting.length === 0) return
    if (performance.now() > deadline) {
      const late = `not realized after ${REALIZED_TIMEOUT_MS / 1000} s: ${waiting.join(', ')}`
      throw new NetnsError(`ports ${late}: ${JSON.stringify(answers[0]?.status)}`)
    }
    await delay(POLL_MS, undefined, { ...(signal && { signal }) })
  }
}
