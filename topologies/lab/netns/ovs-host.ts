/**
 * A host of kind `ovs`: Open vSwitch in a namespace, and what the operator of a machine does to it, which
 * is never the controller's. Two parts:
 *
 *   start  service and network scripts: the daemons, br-phy with the underlay NIC and the VTEP address
 *   boot   what is done at every boot: system-id, set-manager, and once the controller has made br-int
 *          the guests are plugged, each with the uuid of its port as iface-id; then the VTEP is announced
 *
 * Both are told by level: running them again changes nothing that is already so.
 */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { PkiFolder } from '../../../controller/tls/pki-folder.ts'
import { formatIpv4, formatMac } from '../../../southbound/wire/address.ts'
import { ARP_REQUEST } from '../../../southbound/wire/arp.ts'
import { arpFrame } from '../../../southbound/wire/frame.ts'
import { ipBatch, within } from './namespace.ts'
import { type OvsDaemons, ovsDaemons } from './ovs-daemons.ts'
import { ping } from './ping.ts'
import { type HostPlan, type SitePlan, UNDERLAY_NIC, type WorkloadPlan } from './plan.ts'
import { frameSender } from './raw-socket.ts'
import { type LaunchOptions, launch, type Output, type RunOptions, run } from './run.ts'
import { together } from './together.ts'

/** The bridge that the controller makes and the guests are plugged into. */
export const INTEGRATION_BRIDGE = 'br-int'
const UNDERLAY_BRIDGE = 'br-phy'
const OVSDB_PORT = 6640
const BOOT_TIMEOUT_S = 30
/** A restarted controller is found again within this time, not within the default 8 s. */
const MAX_BACKOFF_MS = 1000

/** Counters of flows follow the packets at this interval, the lowest that is taken; default 500. */
const MAX_REVALIDATOR_MS = 100

/** A host of the lab; the commands run in its namespace, with the run directory of its Open vSwitch. */
export interface OvsHost {
  readonly id: string
  readonly plan: HostPlan
  /** Starts the daemons, on the old database or on a new one, and brings the VTEP up. */
  startOvs(options: { emptyDatabase: boolean; signal?: AbortSignal | undefined }): Promise<void>
  /** SIGKILL to ovs-vswitchd and ovsdb-server; resolves when they are gone. */
  killOvs(): Promise<void>
  /** What the operator's script does at every boot; resolves when the guests are plugged. */
  boot(options?: { signal?: AbortSignal | undefined }): Promise<void>
  exec(argv: readonly string[], options?: RunOptions): Promise<Output>
  /** A command that runs until it is ended; closing the lab ends it too. */
  launch(argv: readonly string[], options?: LaunchOptions): ChildProcess
  vsctl(args: readonly string[], options?: RunOptions): Promise<Output>
  /** `ovs-ofctl -O OpenFlow13 ARGS`. */
  ofctl(args: readonly string[], options?: RunOptions): Promise<Output>
  appctl(args: readonly string[], options?: RunOptions): Promise<Output>
}

/** What a host needs to know of the rest of the lab. */
export interface HostOptions {
  readonly site: SitePlan
  readonly runDirectory: string
  /** Asks the controller for a port's uuid, as whoever starts a guest does. */
  readonly portUuid: (tenant: string, portId: string) => Promise<string>
  /** With it the host dials by TLS. */
  readonly pki?: PkiFolder | undefined
}

/** A host by its plan; nothing is started yet. */
export function ovsHost(plan: HostPlan, options: HostOptions): OvsHost {
  const { site, runDirectory, portUuid, pki } = options
  const daemons = ovsDaemons(plan.namespace, join(runDirectory, plan.id))
  const guests = site.workloads.filter((workload) => workload.hostId === plan.id)
  const env = { OVS_RUNDIR: daemons.directory }
  return {
    id: plan.id,
    plan,
    async startOvs({ emptyDatabase, signal }) {
      await daemons.startDatabase({ emptyDatabase, signal })
      // Before the switch starts and without waiting for it: it comes up with br-phy already asked for.
      await daemons.vsctl(['--no-wait', ...underlayRows(plan)], { signal })
      await daemons.startSwitch({ signal })
      await bringVtepUp(plan, site.underlay.prefix, daemons, signal)
    },
    killOvs: () => daemons.kill(),
    async boot({ signal } = {}) {
      const manager = `${pki ? 'ssl' : 'tcp'}:${formatIpv4(site.controller.address)}:${OVSDB_PORT}`
      const rows = [...sslRows(plan, pki), ...identityRows(plan, manager)]
      await daemons.vsctl(['--no-wait', ...rows], { signal })
      const bridge = ['wait-until', 'Bridge', INTEGRATION_BRIDGE]
      await daemons.vsctl([`--timeout=${BOOT_TIMEOUT_S}`, ...bridge], { signal })
      const uuids = await Promise.all(guests.map(({ tenant, portId }) => portUuid(tenant, portId)))
      const plugs = guests.flatMap((guest, index) => plugRows(guest, uuids[index] ?? ''))
      await daemons.vsctl([`--timeout=${BOOT_TIMEOUT_S}`, ...plugs], { signal })
      daemons.growReceiveBuffers()
      const peers = site.hosts.filter((host) => host.id !== plan.id)
      await meetPeers(plan, peers, signal)
    },
    exec: (argv, runOptions) => run(within(plan.namespace, argv), { ...runOptions, env }),
    launch: (argv, launchOptions) =>
      launch(within(plan.namespace, argv), { ...launchOptions, env }),
    vsctl: daemons.vsctl,
    ofctl: daemons.ofctl,
    appctl: daemons.appctl,
  }
}

/** The lab's settings, and br-phy: the VTEP's own bridge. Its flows are set by hand, hence `secure`. */
function underlayRows(plan: HostPlan): string[] {
  const hwaddr = JSON.stringify(formatMac(plan.vtep.mac))
  return [
    ...['--', 'set', 'Open_vSwitch', '.', `other_config:max-revalidator=${MAX_REVALIDATOR_MS}`],
    ...['--', '--may-exist', 'add-br', UNDERLAY_BRIDGE],
    ...['--', 'set', 'Bridge', UNDERLAY_BRIDGE, 'datapath_type=netdev', 'fail_mode=secure'],
    ...[`other_config:hwaddr=${hwaddr}`, 'other_config:disable-in-band=true'],
    ...['--', 'set', 'Interface', UNDERLAY_BRIDGE, `mtu_request=${plan.underlayMtuBytes}`],
    ...['--', '--may-exist', 'add-port', UNDERLAY_BRIDGE, UNDERLAY_NIC],
    ...['--', 'set', 'Interface', UNDERLAY_NIC, 'ofport_request=1'],
  ]
}

/** The bridge's device is a new one after every start of the switch: address and flows are set again. */
async function bringVtepUp(
  plan: HostPlan,
  prefix: number,
  daemons: OvsDaemons,
  signal: AbortSignal | undefined,
): Promise<void> {
  const address = `${formatIpv4(plan.vtep.address)}/${prefix}`
  const interfaceUp = [
    `address replace ${address} dev ${UNDERLAY_BRIDGE}`,
    `link set dev ${UNDERLAY_BRIDGE} up`,
  ]
  const flows = [`in_port=${UNDERLAY_NIC},actions=LOCAL`, `in_port=LOCAL,actions=${UNDERLAY_NIC}`]
  await ipBatch(plan.namespace, interfaceUp, signal)
  const input = `${flows.join('\n')}\n`
  await daemons.ofctl(['add-flows', UNDERLAY_BRIDGE, '-'], { input, signal })
}

/** The host's own key and certificate, as its operator has copied them here. */
function sslRows(plan: HostPlan, pki: PkiFolder | undefined): string[] {
  if (!pki) return []
  const { key, cert, ca } = pki.host(plan.systemId)
  return ['--', 'set-ssl', key, cert, ca]
}

/** Who this host is and where its controller is. */
function identityRows(plan: HostPlan, manager: string): string[] {
  const root = ['Open_vSwitch', '.']
  return [
    ...['--', 'set', ...root, `external_ids:system-id=${plan.systemId}`],
    ...['external_ids:weft-datapath-type=netdev'],
    ...['--', 'set-manager', manager],
    ...['--', 'set', 'Manager', manager, `max_backoff=${MAX_BACKOFF_MS}`],
  ]
}

/**
 * Open vSwitch drops the first packet to a VTEP whose MAC it does not know, and learns MACs only from ARP
 * replies and announcements that it sees on br-phy. So the host announces itself to its peers, and asks
 * for theirs; a peer that is down is none of its business.
 */
async function meetPeers(
  plan: HostPlan,
  peers: readonly HostPlan[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { mac: sha, address: spa } = plan.vtep
  const sender = frameSender({ namespace: plan.namespace, device: UNDERLAY_BRIDGE })
  sender.send(arpFrame({ op: ARP_REQUEST, sha, spa, tha: 0, tpa: spa }))
  sender.close()
  await together(
    signal,
    peers.map((peer) => async (either: AbortSignal) => {
      await ping(plan.namespace, peer.vtep.address, { bytes: 56, timeoutMs: 200, signal: either })
    }),
  )
}

/** Plugs one guest as libvirt does: the port's uuid goes into the row of its interface. */
function plugRows(guest: WorkloadPlan, uuid: string): string[] {
  return [
    ...['--', '--may-exist', 'add-port', INTEGRATION_BRIDGE, guest.device],
    ...['--', 'set', 'Interface', guest.device, `external_ids:iface-id=${uuid}`],
    ...[`external_ids:attached-mac=${JSON.stringify(formatMac(guest.mac))}`],
  ]
}
