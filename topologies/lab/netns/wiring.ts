/**
 * Makes the namespaces of a plan, the links between them and the addresses on them, and brings all of it
 * up: the cables of the site. What runs on it is in ovs-host.ts, workload.ts, controller-process.ts.
 */
import { rangeOf } from '../../../controller/model/cidr.ts'
import { formatIpv4, formatMac, prefixMask } from '../../../southbound/wire/address.ts'
import { addNamespaces, ipBatch, within } from './namespace.ts'
import {
  GUEST_NIC,
  GUEST_NIC_MTU_BYTES,
  type HostPlan,
  MANAGEMENT_NIC,
  MANAGEMENT_PREFIX,
  type SitePlan,
  UNDERLAY_NIC,
  type WorkloadPlan,
} from './plan.ts'
import { bringRouterUp, linkBridges } from './routed.ts'
import { run } from './run.ts'
import { together } from './together.ts'

const UNDERLAY_BRIDGE = 'underlay'
const MANAGEMENT_MTU_BYTES = 1500

/** Makes everything; on failure the namespaces made so far are the caller's to remove. */
export async function wireSite(plan: SitePlan, signal?: AbortSignal): Promise<void> {
  const cables = [underlayLinks, routerLinks, uplinkLinks, managementLinks, guestLinks]
  const links = cables.flatMap((linksOf) => linksOf(plan))
  await addNamespaces(namespacesOf(plan), signal)
  await ipBatch(undefined, links, signal)
  const settings: [namespace: string, lines: string[]][] = [
    [
      plan.underlay.namespace,
      [...underlayBridge(plan), ...linkBridges(plan.routed), ...physicalNetworks(plan)],
    ],
    [plan.rogue.namespace, rogueSettings(plan)],
    [plan.controller.namespace, managementBridge(plan)],
    ...plan.hosts.map((host): [string, string[]] => [host.namespace, hostSettings(plan, host)]),
  ]
  await together(signal, [
    ...settings.map(
      ([namespace, lines]) =>
        (either: AbortSignal) =>
          ipBatch(namespace, lines, either),
    ),
    ...plan.workloads.map((guest) => (either: AbortSignal) => bringGuestUp(guest, either)),
    ...plan.routed.routers.map((each) => (either: AbortSignal) => bringRouterUp(each, either)),
  ])
}

function namespacesOf(plan: SitePlan): string[] {
  return [
    plan.underlay.namespace,
    plan.rogue.namespace,
    plan.controller.namespace,
    ...plan.hosts.map((host) => host.namespace),
    ...plan.routed.routers.map((router) => router.namespace),
    ...plan.workloads.map((workload) => workload.namespace),
  ]
}

/** One end of a veth pair, made where it belongs. */
interface End {
  readonly namespace: string
  readonly device: string
  readonly mtuBytes: number
  readonly mac?: number
}

function veth(near: End, far: End): string {
  const end = (keyword: string, { namespace, device, mtuBytes, mac }: End): string =>
    `${keyword} ${device} netns ${namespace} mtu ${mtuBytes}` +
    (mac === undefined ? '' : ` address ${formatMac(mac)}`)
  return `${end('link add name', near)} type veth ${end('peer name', far)}`
}

function underlayLinks(plan: SitePlan): string[] {
  const { namespace, mtuBytes } = plan.underlay
  const rogue = { ...plan.rogue, device: GUEST_NIC, mtuBytes }
  return [
    veth(rogue, { namespace, device: plan.rogue.underlayPort, mtuBytes }),
    ...plan.hosts.map((host) =>
      veth(
        {
          ...{ namespace: host.namespace, device: UNDERLAY_NIC, mtuBytes: host.underlayMtuBytes },
          // Where the VTEP's address is on the NIC itself.
          ...(host.hasVtepOnNic && { mac: host.vtep.mac }),
        },
        { namespace, device: host.underlayPort, mtuBytes: host.link?.mtuBytes ?? mtuBytes },
      ),
    ),
  ]
}

function routerLinks({ routed, underlay }: SitePlan): string[] {
  return routed.routers.flatMap(({ namespace, legs }) =>
    legs.map(({ device, port, link: { mtuBytes } }) =>
      veth(
        { namespace, device, mtuBytes },
        { namespace: underlay.namespace, device: port, mtuBytes },
      ),
    ),
  )
}

function uplinkLinks({ hosts, underlay, uplinks }: SitePlan): string[] {
  const namespaces = new Map(hosts.map((host) => [host.id, host.namespace]))
  return uplinks.map(({ hostId, device, mtuBytes, segmentPort }) =>
    veth(
      { namespace: namespaces.get(hostId) ?? '', device, mtuBytes },
      { namespace: underlay.namespace, device: segmentPort, mtuBytes },
    ),
  )
}

function managementLinks({ controller, hosts }: SitePlan): string[] {
  const mtuBytes = MANAGEMENT_MTU_BYTES
  return hosts.map(({ namespace, management: { mac }, managementPort }) =>
    veth(
      { namespace, device: MANAGEMENT_NIC, mtuBytes, mac },
      { namespace: controller.namespace, device: managementPort, mtuBytes },
    ),
  )
}

function guestLinks(plan: SitePlan): string[] {
  const mtuBytes = GUEST_NIC_MTU_BYTES
  const hosts = new Map(plan.hosts.map((host) => [host.id, host.namespace]))
  return plan.workloads.map(({ namespace, mac, device, hostId }) =>
    veth(
      { namespace, device: GUEST_NIC, mtuBytes, mac },
      { namespace: hosts.get(hostId) ?? '', device, mtuBytes },
    ),
  )
}

/**
 * Without routers the underlay is one segment: a bridge that says nothing itself. It does not learn from the stranger, who
 * may send with the MAC of a host and would draw that host's frames to itself.
 */
function underlayBridge(plan: SitePlan): string[] {
  const ofHosts = plan.routed.bridges.length > 0 ? [] : plan.hosts
  const ports = [...ofHosts.map((host) => host.underlayPort), plan.rogue.underlayPort]
  return [
    `link add name ${UNDERLAY_BRIDGE} type bridge stp_state 0 mcast_snooping 0`,
    ...ports.map((port) => `link set dev ${port} master ${UNDERLAY_BRIDGE}`),
    `link set dev ${plan.rogue.underlayPort} type bridge_slave learning off`,
    `link set dev ${UNDERLAY_BRIDGE} mtu ${plan.underlay.mtuBytes}`,
    ...ports.map((port) => `link set dev ${port} up`),
    `link set dev ${UNDERLAY_BRIDGE} up`,
  ]
}

/** Each is a bridge that looks at no VLAN tag: a cable with as many ends as there are uplinks. */
function physicalNetworks({ uplinks }: SitePlan): string[] {
  const segments = [...new Set(uplinks.map(({ segment }) => segment))]
  return [
    ...segments.map((name) => `link add name ${name} type bridge stp_state 0 mcast_snooping 0`),
    ...uplinks.flatMap(({ segment, segmentPort }) => [
      `link set dev ${segmentPort} master ${segment}`,
      `link set dev ${segmentPort} up`,
    ]),
    ...segments.map((name) => `link set dev ${name} up`),
  ]
}

function rogueSettings(plan: SitePlan): string[] {
  const address = `${formatIpv4(plan.rogue.address)}/${plan.underlay.prefix}`
  return [`address add ${address} dev ${GUEST_NIC}`, `link set dev ${GUEST_NIC} up`]
}

/** The controller's own address is on the bridge that joins the hosts' management links. */
function managementBridge(plan: SitePlan): string[] {
  const address = `${formatIpv4(plan.controller.address)}/${MANAGEMENT_PREFIX}`
  const mac = formatMac(plan.controller.mac)
  return [
    'link set dev lo up',
    `link add name ${MANAGEMENT_NIC} address ${mac} type bridge stp_state 0 mcast_snooping 0`,
    ...plan.hosts.flatMap((host) => [
      `link set dev ${host.managementPort} master ${MANAGEMENT_NIC}`,
      `link set dev ${host.managementPort} up`,
    ]),
    `address add ${address} dev ${MANAGEMENT_NIC}`,
    `link set dev ${MANAGEMENT_NIC} up`,
  ]
}

/** The underlay NIC has no address: the VTEP's is on br-phy. */
function hostSettings(plan: SitePlan, host: HostPlan): string[] {
  const address = `${formatIpv4(host.management.address)}/${MANAGEMENT_PREFIX}`
  const guests = plan.workloads.filter((workload) => workload.hostId === host.id)
  const uplinks = plan.uplinks.filter(({ hostId }) => hostId === host.id)
  const own = [...uplinks, ...guests].map(({ device }) => device)
  const devices = [MANAGEMENT_NIC, UNDERLAY_NIC, ...own]
  return [
    'link set dev lo up',
    `address add ${address} dev ${MANAGEMENT_NIC}`,
    ...devices.map((device) => `link set dev ${device} up`),
  ]
}

/**
 * Checksums are written by the guest: the userspace datapath takes frames as they are on the wire. Its interface takes longer
 * frames than its network, so that checks can send some; what its own stack sends, TCP above all, is kept to the network's
 * MTU by its route.
 */
async function bringGuestUp(guest: WorkloadPlan, signal?: AbortSignal): Promise<void> {
  await run(within(guest.namespace, ['ethtool', '-K', GUEST_NIC, 'tx', 'off']), { signal })
  if (guest.ipv6.length > 0) {
    // With the address that its MAC makes, and what no router says.
    const settings = ['accept_ra=0', 'addr_gen_mode=0', 'disable_ipv6=0'].map(
      (each) => `net.ipv6.conf.${GUEST_NIC}.${each}`,
    )
    await run(within(guest.namespace, ['sysctl', '-qw', ...settings]), { signal })
  }
  await ipBatch(guest.namespace, guestLines(guest), signal)
}

/** Lines of `ip -batch` in the namespace of a guest that has its interface. */
export function guestLines(guest: WorkloadPlan): string[] {
  const address = formatIpv4(guest.address)
  const subnet = formatIpv4((guest.address & prefixMask(guest.prefix)) >>> 0)
  const route = `${subnet}/${guest.prefix} dev ${GUEST_NIC} proto kernel scope link src ${address}`
  return [
    `address add ${address}/${guest.prefix} dev ${GUEST_NIC}`,
    'link set dev lo up',
    `link set dev ${GUEST_NIC} up`,
    `route replace ${route} mtu ${guest.mtuBytes}`,
    ...guest.ipv6.flatMap((each) => [
      `address add ${each} dev ${GUEST_NIC} nodad`,
      `route replace ${rangeOf(each).canonical} dev ${GUEST_NIC} proto kernel mtu ${guest.mtuBytes}`,
    ]),
  ]
}
