/**
 * The site of a netns lab without its controller: namespaces, underlay, hosts, guests. lab.ts adds the
 * controller and the relay; tests of the lab's own mechanics configure the switches by hand instead.
 */

import { join } from 'node:path'
import { labSwitches } from '../../../controller/model/lab-schema.ts'
import type { PkiFolder } from '../../../controller/tls/pki-folder.ts'
import { formatIpv4 } from '../../../southbound/wire/address.ts'
import { makeCertificates } from '../certificates.ts'
import type { LabDocument, Step } from '../lab.ts'
import { emulator } from './emulator.ts'
import { NetnsError } from './error.ts'
import type { HostOptions, NetnsHost } from './host.ts'
import { type OvsHost, ovsHost } from './ovs-host.ts'
import { type HostPlan, planSite, type SitePlan, UNDERLAY_NIC } from './plan.ts'
import { queuesOf, shapeLinks } from './routed.ts'
import { type NetnsSegment, netnsSegments } from './segment.ts'
import { makeRunDirectory, type RunDirectory, removeDeadLabs, removeLab } from './state.ts'
import { type NetnsUnderlay, netnsUnderlay } from './underlay.ts'
import { type VtepHost, vtepHost } from './vtep-host.ts'
import { wireSite } from './wiring.ts'
import { type NetnsWorkload, netnsWorkload } from './workload.ts'

/** A site whose cables are there; hosts are started one by one. */
export interface Site {
  readonly plan: SitePlan
  readonly runDirectory: RunDirectory
  /** Of kind ovs, by id. */
  readonly hosts: ReadonlyMap<string, OvsHost>
  /** Of kind vtep, by id. */
  readonly vteps: ReadonlyMap<string, VtepHost>
  /** All of them, in the document's order. */
  readonly machines: ReadonlyMap<string, NetnsHost>
  /** By name, in the document's order. */
  readonly workloads: ReadonlyMap<string, NetnsWorkload>
  readonly underlay: NetnsUnderlay
  /** By id of the physical network. */
  readonly segments: ReadonlyMap<string, NetnsSegment>
  /** Keys and certificates; undefined when the site speaks plain TCP. */
  readonly pki: PkiFolder | undefined
  /** Ends every process of the site and removes everything; may be called twice. */
  close(): Promise<void>
}

/** What a site is built from. */
export interface SiteOptions {
  readonly document: LabDocument
  readonly portUuid: HostOptions['portUuid']
  readonly declare?: HostOptions['declare']
  readonly tls?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly step?: Step | undefined
}

/** Makes the cables of a site, after what dead labs left is gone. Nothing is left when it fails. */
export async function openSite(options: SiteOptions): Promise<Site> {
  const { document, portUuid, declare, tls, signal, step } = options
  const removed = await removeDeadLabs()
  if (removed.length > 0) step?.(`removed what a dead lab left (${removed.join(', ')})`)
  const runDirectory = makeRunDirectory()
  try {
    const plan = planSite(runDirectory.id, document)
    const controller = formatIpv4(plan.controller.address)
    const directory = join(runDirectory.path, 'pki')
    const pki = tls ? makeCertificates(document, { directory, controller }) : undefined
    await wireSite(plan, signal)
    const missing = await shapeLinks(queuesOf(plan, UNDERLAY_NIC), signal)
    if (missing !== undefined) step?.(missing)
    return siteOf(plan, runDirectory, { portUuid, pki, declare: declare ?? nobodyDeclares })
  } catch (error) {
    await removeLab(runDirectory)
    throw error
  }
}

function siteOf(
  plan: SitePlan,
  runDirectory: RunDirectory,
  own: Pick<HostOptions, 'portUuid' | 'declare'> & Pick<Site, 'pki'>,
): Site {
  const { pki } = own
  const hostOptions = { site: plan, runDirectory: runDirectory.path, ...own }
  const hosts = new Map<string, OvsHost>()
  const vteps = new Map<string, VtepHost>()
  const machines = new Map<string, NetnsHost>()
  for (const host of plan.hosts) {
    if (isVtep(host)) vteps.set(host.id, vtepOf(host)(host, hostOptions))
    else hosts.set(host.id, ovsHost(host, hostOptions))
    const machine = vteps.get(host.id) ?? hosts.get(host.id)
    if (machine) machines.set(host.id, machine)
  }
  const workloads = new Map(plan.workloads.map((guest) => [guest.name, netnsWorkload(guest)]))
  const underlay = netnsUnderlay(plan)
  const segments = netnsSegments(plan)
  return {
    plan,
    runDirectory,
    hosts,
    vteps,
    machines,
    workloads,
    underlay,
    segments,
    pki,
    async close() {
      underlay.close()
      for (const segment of segments.values()) segment.close()
      for (const workload of workloads.values()) workload.close()
      await removeLab(runDirectory)
    },
  }
}

const nobodyDeclares = (): Promise<void> => Promise.reject(new NetnsError('nobody declares ports'))

const vtepOf = (host: HostPlan) => (host.switch === 'ovs-vtep' ? emulator : vtepHost)

const isVtep = (host: HostPlan): boolean =>
  (labSwitches.vtep as readonly string[]).includes(host.switch)
