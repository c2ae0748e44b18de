/**
 * A host of kind `ovs`: Open vSwitch in a namespace, or `weft switch` (weft-switch.ts), and what the operator of a machine
 * does to it (host.ts):
 *
 *   start  the daemons, br-phy with the underlay NIC and the VTEP address
 *   boot   system-id, set-manager, and once the controller has made br-int the guests are plugged, each with the uuid of
 *          its port as iface-id; then the VTEP is announced
 */
import { join } from 'node:path'
import type { PkiFolder } from '../../../controller/tls/pki-folder.ts'
import { formatMac } from '../../../southbound/wire/address.ts'
import { ARP_REQUEST } from '../../../southbound/wire/arp.ts'
import { arpFrame } from '../../../southbound/wire/frame.ts'
import {
  guestsOf,
  type HostOptions,
  MAX_BACKOFF_MS,
  managerOf,
  type NetnsHost,
  shellOf,
} from './host.ts'
import { ipBatch, within } from './namespace.ts'
import { type OvsDaemons, ovsDaemons } from './ovs-daemons.ts'
import { ping } from './ping.ts'
import { type HostPlan, UNDERLAY_NIC, type WorkloadPlan } from './plan.ts'
import { frameSender } from './raw-socket.ts'
import { routeLines } from './routed.ts'
import { type Output, type RunOptions, run } from './run.ts'
import { together } from './together.ts'
import { weftSwitch } from './weft-switch.ts'

/** The bridge that the controller makes and the guests are plugged into. */
export const INTEGRATION_BRIDGE = 'br-int'
const UNDERLAY_BRIDGE = 'br-phy'
const BOOT_TIMEOUT_S = 30

/** Counters of flows follow the packets at this interval, the lowest that is taken; default 500. */
const MAX_REVALIDATOR_MS = 100

/** A host of kind ovs; the commands run in its namespace, with the run directory of its switch. */
export interface OvsHost extends NetnsHost {
  vsctl(args: readonly string[], options?: RunOptions): Promise<Output>
  /** `ovs-ofctl -O OpenFlow13 ARGS`. */
  ofctl(args: readonly string[], options?: RunOptions): Promise<Output>
  /** Of Open vSwitch alone. */
  appctl(args: readonly string[], options?: RunOptions): Promise<Output>
}

/** A host by its plan; nothing is started yet. */
export function ovsHost(plan: HostPlan, options: HostOptions): OvsHost {
  const { site, runDirectory, pki } = options
  const directory = join(runDirectory, plan.id)
  const isOurs = plan.switch === 'weft-switch'
  const daemons = isOurs ? weftSwitch(plan, directory) : ovsDaemons(plan.namespace, directory)
  return {
    id: plan.id,
    plan,
    async start({ emptyDatabase, signal }) {
      await daemons.startDatabase({ emptyDatabase, signal })
      if (isOurs) return daemons.startSwitch({ signal })
      // Before the switch starts and without waiting for it: it comes up with br-phy already asked for.
      await daemons.vsctl(['--no-wait', ...underlayRows(plan)], { signal })
      await daemons.startSwitch({ signal })
      await bringVtepUp(plan, daemons, signal)
    },
    kill: () => daemons.kill(),
    async boot({ signal } = {}) {
      const rows = [...sslRows(plan, pki), ...identityRows(plan, managerOf(options))]
      await daemons.vsctl(['--no-wait', ...rows], { signal })
      const bridge = ['wait-until', 'Bridge', INTEGRATION_BRIDGE]
      await daemons.vsctl([`--timeout=${BOOT_TIMEOUT_S}`, ...bridge], { signal })
      const guests = await guestsOf(plan, options)
      const plugs = guests.flatMap(({ guest, uuid }) => plugRows(guest, uuid))
      if (plugs.length > 0)
        await daemons.vsctl([`--timeout=${BOOT_TIMEOUT_S}`, ...plugs], { signal })
      daemons.growReceiveBuffers()
      const peers = site.hosts.filter((host) => host.id !== plan.id)
      if (!isOurs) await meetPeers(plan, peers, signal)
    },
    ...shellOf(plan, { OVS_RUNDIR: daemons.directory }),
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
  daemons: OvsDaemons,
  signal: AbortSignal | undefined,
): Promise<void> {
  // An IPv6 address is there at once with `nodad`, without the test whether somebody else has it.
  const interfaceUp = [
    ...plan.vtep.addresses.map(
      (each) =>
        `address replace ${each} dev ${UNDERLAY_BRIDGE}${each.includes(':') ? ' nodad' : ''}`,
    ),
    `link set dev ${UNDERLAY_BRIDGE} up`,
    ...routeLines(plan.routes, UNDERLAY_BRIDGE),
  ]
  const flows = [`in_port=${UNDERLAY_NIC},actions=LOCAL`, `in_port=LOCAL,actions=${UNDERLAY_NIC}`]
  if (plan.vtep.addresses.some((each) => each.includes(':'))) {
    const enable = `echo 0 > /proc/sys/net/ipv6/conf/${UNDERLAY_BRIDGE}/disable_ipv6`
    await run(within(plan.namespace, ['sh', '-c', enable]), { signal })
  }
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
 * replies, neighbour advertisements and announcements that it sees on br-phy. So the host announces itself to its peers, and asks
 * for theirs; a peer that is down is none of its business.
 */
async function meetPeers(
  plan: HostPlan,
  peers: readonly HostPlan[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { mac: sha, address: spa, addresses } = plan.vtep
  const families = new Set(addresses.map((address) => address.includes(':')))
  if (spa !== undefined) {
    const sender = frameSender({ namespace: plan.namespace, device: UNDERLAY_BRIDGE })
    sender.send(arpFrame({ op: ARP_REQUEST, sha, spa, tha: 0, tpa: spa }))
    sender.close()
  }
  await together(
    signal,
    peers
      .flatMap(({ vtep }) => vtep.addresses)
      .filter((address) => families.has(address.includes(':')))
      .map((address) => async (either: AbortSignal) => {
        const target = address.replace(/\/.*/, '')
        await ping(plan.namespace, target, { bytes: 56, timeoutMs: 200, signal: either })
      }),
  )
}

/** Plugs one guest as libvirt does: the port's uuid goes into the row of its interface. */
export function plugRows(guest: WorkloadPlan, uuid: string): string[] {
  return [
    ...['--', '--may-exist', 'add-port', INTEGRATION_BRIDGE, guest.device],
    ...['--', 'set', 'Interface', guest.device, `external_ids:iface-id=${uuid}`],
    ...[`external_ids:attached-mac=${JSON.stringify(formatMac(guest.mac))}`],
  ]
}
