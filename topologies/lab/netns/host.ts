/**
 * A machine of a netns lab, whatever switches on it. What it is told comes from its operator, never from the controller:
 *
 *   start  service and network scripts: the switch, the VTEP address
 *   boot   what is done at every boot: who it is, where its controller is, which interface is which port
 *
 * Both are told by level: running them again changes nothing that is already so.
 * Neighbours: ovs-host.ts (kind ovs), vtep-host.ts (kind vtep).
 */
import type { ChildProcess } from 'node:child_process'
import type { PkiFolder } from '../../../controller/tls/pki-folder.ts'
import { formatIpv4 } from '../../../southbound/wire/address.ts'
import { within } from './namespace.ts'
import type { HostPlan, SitePlan, WorkloadPlan } from './plan.ts'
import { type LaunchOptions, launch, type Output, type RunOptions, run } from './run.ts'

const OVSDB_PORT = 6640
/** A restarted controller is found again within this time, not within the default 8 s. */
export const MAX_BACKOFF_MS = 1000

export interface NetnsHost {
  readonly id: string
  readonly plan: HostPlan
  /** Starts the switch, on the old database or on a new one, and brings the VTEP up. */
  start(options: { emptyDatabase: boolean; signal?: AbortSignal | undefined }): Promise<void>
  /** SIGKILL to all that `start` has started; resolves when it is gone. */
  kill(): Promise<void>
  /** Resolves when the guests are plugged. */
  boot(options?: { signal?: AbortSignal | undefined }): Promise<void>
  /** A command in its namespace. */
  exec(argv: readonly string[], options?: RunOptions): Promise<Output>
  /** A command that runs until it is ended; closing the lab ends it too. */
  launch(argv: readonly string[], options?: LaunchOptions): ChildProcess
}

/** What a host needs to know of the rest of the lab. */
export interface HostOptions {
  readonly site: SitePlan
  readonly runDirectory: string
  /** Asks the controller for a port's uuid, as whoever starts a guest does. */
  readonly portUuid: (tenant: string, portId: string) => Promise<string>
  /** Binds a port by declaration, where the switch knows nothing of uuids. */
  readonly declare: (guest: WorkloadPlan) => Promise<void>
  /** With it the host dials by TLS. */
  readonly pki?: PkiFolder | undefined
}

/** Where the host dials: `tcp:198.18.7.1:6640`. */
export function managerOf({ site, pki }: HostOptions): string {
  return `${pki ? 'ssl' : 'tcp'}:${formatIpv4(site.controller.address)}:${OVSDB_PORT}`
}

/** The guests of a host, each with the uuid of its port. */
export async function guestsOf(
  plan: HostPlan,
  { site, portUuid }: HostOptions,
): Promise<readonly { readonly guest: WorkloadPlan; readonly uuid: string }[]> {
  const guests = site.workloads.filter((workload) => workload.hostId === plan.id)
  return Promise.all(
    guests.map(async (guest) => ({ guest, uuid: await portUuid(guest.tenant, guest.portId) })),
  )
}

/** How commands get into the host. */
export function shellOf(
  { namespace }: HostPlan,
  env: Readonly<Record<string, string>> = {},
): Pick<NetnsHost, 'exec' | 'launch'> {
  return {
    exec: (argv, options) => run(within(namespace, argv), { ...options, env }),
    launch: (argv, options) => launch(within(namespace, argv), { ...options, env }),
  }
}
