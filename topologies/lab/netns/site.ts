/**
 * The site of a netns lab without its controller: namespaces, underlay, hosts, guests. lab.ts adds the
 * controller and the relay; tests of the lab's own mechanics configure the switches by hand instead.
 */

import { join } from 'node:path'
import type { PkiFolder } from '../../../controller/tls/pki-folder.ts'
import { formatIpv4 } from '../../../southbound/wire/address.ts'
import { makeCertificates } from '../certificates.ts'
import type { LabDocument, Step } from '../lab.ts'
import { type OvsHost, ovsHost } from './ovs-host.ts'
import { planSite, type SitePlan } from './plan.ts'
import { makeRunDirectory, type RunDirectory, removeDeadLabs, removeLab } from './state.ts'
import { type NetnsUnderlay, netnsUnderlay } from './underlay.ts'
import { wireSite } from './wiring.ts'
import { type NetnsWorkload, netnsWorkload } from './workload.ts'

/** A site whose cables are there; hosts are started one by one. */
export interface Site {
  readonly plan: SitePlan
  readonly runDirectory: RunDirectory
  /** By id. */
  readonly hosts: ReadonlyMap<string, OvsHost>
  /** By name, in the document's order. */
  readonly workloads: ReadonlyMap<string, NetnsWorkload>
  readonly underlay: NetnsUnderlay
  /** Keys and certificates; undefined when the site speaks plain TCP. */
  readonly pki: PkiFolder | undefined
  /** Ends every process of the site and removes everything; may be called twice. */
  close(): Promise<void>
}

/** What a site is built from. */
export interface SiteOptions {
  readonly document: LabDocument
  readonly portUuid: (tenant: string, portId: string) => Promise<string>
  readonly tls?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly step?: Step | undefined
}

/** Makes the cables of a site, after what dead labs left is gone. Nothing is left when it fails. */
export async function openSite(options: SiteOptions): Promise<Site> {
  const { document, portUuid, tls, signal, step } = options
  const removed = await removeDeadLabs()
  if (removed.length > 0) step?.(`removed what a dead lab left (${removed.join(', ')})`)
  const runDirectory = makeRunDirectory()
  try {
    const plan = planSite(runDirectory.id, document)
    const controller = formatIpv4(plan.controller.address)
    const directory = join(runDirectory.path, 'pki')
    const pki = tls ? makeCertificates(document, { directory, controller }) : undefined
    await wireSite(plan, signal)
    return siteOf(plan, runDirectory, { portUuid, pki })
  } catch (error) {
    await removeLab(runDirectory)
    throw error
  }
}

function siteOf(
  plan: SitePlan,
  runDirectory: RunDirectory,
  { portUuid, pki }: Pick<SiteOptions, 'portUuid'> & Pick<Site, 'pki'>,
): Site {
  const hostOptions = { site: plan, runDirectory: runDirectory.path, portUuid, pki }
  const hosts = new Map(plan.hosts.map((host) => [host.id, ovsHost(host, hostOptions)]))
  const workloads = new Map(plan.workloads.map((guest) => [guest.name, netnsWorkload(guest)]))
  const underlay = netnsUnderlay(plan)
  return {
    plan,
    runDirectory,
    hosts,
    workloads,
    underlay,
    pki,
    async close() {
      underlay.close()
      for (const workload of workloads.values()) workload.close()
      await removeLab(runDirectory)
    },
  }
}
