/**
 * The plan of a netns lab: every name and address of it, computed from its random id and the document
 * before anything is made. Pure. All other files take their names from here.
 *
 *     weft-ID-underlay    bridge `underlay`, a port per host and one for the stranger; a bridge for each physical network
 *     weft-ID-router-R    a router of the underlay, eth0 and further; each link is a bridge in weft-ID-underlay
 *     weft-ID-rogue       the stranger on the underlay
 *     weft-ID-controller  bridge `mgmt0`: the controller, a port per host
 *     weft-ID-host-H      phy0 (underlay NIC), mgmt0, an end per workload, br-phy, br-int
 *     weft-ID-vm-W        eth0
 *
 * Everything is told apart by its namespace; the id in names and addresses is for the reader of logs.
 */
import { type Range, rangeOf } from '../../../controller/model/cidr.ts'
import { addressNumber, familyOf } from '../../../controller/model/ip-address.ts'
import type { Route } from '../../../dataplane/tunnel/routes.ts'
import { formatIpv4, parseIpv4, parseMac, prefixMask } from '../../../southbound/wire/address.ts'
import { ipv4Of, vtepAddresses } from '../addresses.ts'
import { type LabSwitch, switchOf } from '../host-switch.ts'
import type { LabDocument } from '../lab.ts'
import { type LinkPlan, planUnderlay } from '../underlay-plan.ts'
import { uplinksOf } from '../uplinks.ts'
import { NetnsError } from './error.ts'
import { planRouted, type RoutedPlan } from './routed.ts'

/** One end of a link. MAC 48 bits, IPv4 address 32 bits. */
export interface Endpoint {
  readonly mac: number
  readonly address: number
}

/** A VTEP: its addresses with the prefix of their link (`192.0.2.11/24`, `2001:db8::11/64`), and the IPv4 one as 32 bits. */
export interface VtepPlan {
  readonly mac: number
  readonly address: number | undefined
  readonly addresses: readonly string[]
}

/** A machine with a switch of its own. */
export interface HostPlan {
  readonly id: string
  readonly switch: LabSwitch
  readonly systemId: string
  readonly namespace: string
  /** The VTEP, on br-phy, or on the underlay NIC itself. */
  readonly vtep: VtepPlan
  readonly hasVtepOnNic: boolean
  /** Ways to VTEPs that are not on its link. */
  readonly routes: readonly Route[]
  /** What the document says of its link to the underlay. */
  readonly link?: LinkPlan | undefined
  readonly underlayMtuBytes: number
  /** Its underlay NIC's other end, a port of the underlay bridge. */
  readonly underlayPort: string
  /** On the management network. */
  readonly management: Endpoint
  /** Its management NIC's other end, a port of the controller's bridge. */
  readonly managementPort: string
}

/** An uplink of a declared bridge: a cable from its host to the bridge that is the physical network. */
export interface UplinkPlan {
  readonly hostId: string
  readonly device: string
  readonly physicalNetwork: string
  readonly mtuBytes: number
  /** The bridge, and the cable's port of it. */
  readonly segment: string
  readonly segmentPort: string
}

/** A guest: a namespace with one interface `eth0`. */
export interface WorkloadPlan {
  readonly name: string
  readonly hostId: string
  readonly tenant: string
  readonly portId: string
  readonly namespace: string
  /** The other end of its eth0, in the host's namespace. */
  readonly device: string
  readonly mac: number
  readonly address: number
  /** Length of its subnet's prefix. */
  readonly prefix: number
  /** Of IPv6, each with the prefix of its subnet: `2001:db8:6::11/64`. */
  readonly ipv6: readonly string[]
  readonly mtuBytes: number
}

/** Where a namespace that is no host and no guest is, and what it has. */
export interface SitePlan {
  readonly id: string
  /** Every namespace of the lab starts with it. */
  readonly prefix: string
  readonly underlay: {
    readonly namespace: string
    readonly mtuBytes: number
    readonly prefix: number
  }
  readonly rogue: Endpoint & { readonly namespace: string; readonly underlayPort: string }
  readonly controller: Endpoint & { readonly namespace: string }
  readonly hosts: readonly HostPlan[]
  /** Routers and links between them; neither where the underlay is one segment. */
  readonly routed: RoutedPlan
  readonly uplinks: readonly UplinkPlan[]
  readonly workloads: readonly WorkloadPlan[]
}

/** Prefix length of an IPv6 underlay. */
const IPV6_PREFIX = 64
/** Prefix length of the management network. */
export const MANAGEMENT_PREFIX = 24
/** Names of interfaces that are the same in every lab. */
export const UNDERLAY_NIC = 'phy0'
export const MANAGEMENT_NIC = 'mgmt0'
export const GUEST_NIC = 'eth0'
/** Both ends of a guest's veth: longer frames than any network allows reach the flow that drops them. */
export const GUEST_NIC_MTU_BYTES = 9200

/** What all namespaces of lab `id` start with. */
export function namespacePrefix(id: string): string {
  return `weft-${id}-`
}

/** The plan of a lab. `id` is six hexadecimal digits; the document is valid as the model sees it. */
export function planSite(id: string, document: LabDocument): SitePlan {
  const prefix = namespacePrefix(id)
  const mac = (index: number): number =>
    parseMac(`02:57:${id.replace(/..(?!$)/g, '$&:')}:00`) + index
  const management = managementNetwork(id)
  const hostEntries = Object.entries(document.hosts)
  const vteps = hostEntries.flatMap(([, host]) => ipv4Of(vtepAddresses(host)) ?? [])
  const underlayPrefix = commonPrefix(vteps)
  const underlay = planUnderlay(document)
  const hosts = hostEntries.map(
    ([hostId, host], index): HostPlan => ({
      id: hostId,
      switch: switchOf(document, hostId),
      systemId: host.systemId ?? hostId,
      namespace: `${prefix}host-${hostId}`,
      vtep: {
        mac: mac(0x10 + index),
        address: ipv4Of(vtepAddresses(host)),
        addresses: (underlay.stations.get(hostId)?.addresses ?? []).map((address) => {
          if (address.includes('/')) return address
          return `${address}/${address.includes(':') ? IPV6_PREFIX : underlayPrefix}`
        }),
      },
      routes: underlay.stations.get(hostId)?.routes ?? [],
      link: underlay.stations.get(hostId)?.link,
      hasVtepOnNic: switchOf(document, hostId) === 'linux-bridge',
      underlayMtuBytes: host.underlayMtuBytes,
      underlayPort: `u${id}-${index + 1}`,
      management: { mac: mac(0x80 + index), address: management + 10 + index },
      managementPort: `m${id}-${index + 1}`,
    }),
  )
  return {
    id,
    prefix,
    underlay: {
      namespace: `${prefix}underlay`,
      mtuBytes: document.underlay.mtuBytes,
      prefix: underlayPrefix,
    },
    rogue: {
      namespace: `${prefix}rogue`,
      underlayPort: `u${id}-rogue`,
      mac: mac(0x02),
      address: freeAddress(vteps, underlayPrefix),
    },
    controller: { namespace: `${prefix}controller`, mac: mac(0x01), address: management + 1 },
    hosts,
    routed: planRouted(underlay, {
      ...{ id, prefix },
      portOf: (hostId) => hosts.find((host) => host.id === hostId)?.underlayPort ?? '',
    }),
    uplinks: planUplinks(id, document),
    workloads: Object.entries(document.workloads).map(([name, port], index) =>
      planWorkload(document, name, port, {
        namespace: `${prefix}vm-${name}`,
        device: `w${id}-${index + 1}`,
      }),
    ),
  }
}

function planUplinks(id: string, document: LabDocument): UplinkPlan[] {
  const uplinks = uplinksOf(document)
  const segments = [...new Set(uplinks.map(({ physicalNetwork }) => physicalNetwork))]
  return uplinks.map(({ hostId, device, physicalNetwork, mtuBytes }, index) => ({
    ...{ hostId, device, physicalNetwork, mtuBytes },
    segment: `physical-${segments.indexOf(physicalNetwork) + 1}`,
    segmentPort: `p${id}-${index + 1}`,
  }))
}

function planWorkload(
  document: LabDocument,
  name: string,
  portKey: string,
  place: { namespace: string; device: string },
): WorkloadPlan {
  const hostId = name.slice(0, name.indexOf('.'))
  const [tenant = '', portId = ''] = portKey.split('/')
  const port = document.tenants[tenant]?.ports?.[portId]
  if (document.hosts[hostId] === undefined || port === undefined) {
    throw new NetnsError(`workload ${name}: ${portKey}: no such host or port in ${document.name}`)
  }
  const network = document.tenants[tenant]?.networks?.[port.network]
  const address = ipv4Of(port.addresses)
  const ranges = Object.values(document.tenants[tenant]?.subnets ?? {}).flatMap((subnet) =>
    subnet.network === port.network ? [rangeOf(subnet.cidr)] : [],
  )
  const prefixOf = (text: string) => {
    const [family, value] = [familyOf(text), addressNumber(text)]
    const isHome = (range: Range) =>
      range.family === family && range.first <= value && value <= range.last
    return ranges.find(isHome)?.prefix
  }
  const isHomeless = port.addresses.some((each) => prefixOf(each) === undefined)
  const prefix = address === undefined ? undefined : prefixOf(formatIpv4(address))
  if (network === undefined || address === undefined || prefix === undefined || isHomeless) {
    throw new NetnsError(
      `workload ${name}: ${portKey} has no network or no subnet in ${document.name}`,
    )
  }
  return {
    name,
    hostId,
    tenant,
    portId,
    ...place,
    mac: parseMac(port.mac),
    address,
    prefix,
    ipv6: port.addresses
      .filter((each) => familyOf(each) === 6)
      .map((each) => `${each}/${prefixOf(each)}`),
    mtuBytes: network.mtuBytes,
  }
}

/** One of the 512 /24 of 198.18.0.0/15, which RFC 2544 keeps for test networks. */
function managementNetwork(id: string): number {
  return parseIpv4('198.18.0.0') + (Number.parseInt(id, 16) % 512) * 256
}

/** Length of the longest prefix, at most 24, that holds all addresses. */
function commonPrefix(addresses: readonly number[]): number {
  for (let prefix = 24; prefix > 0; prefix--) {
    const mask = prefixMask(prefix)
    if (new Set(addresses.map((address) => (address & mask) >>> 0)).size <= 1) return prefix
  }
  return 0
}

/** The highest address of the subnet that no VTEP has; of TEST-NET-1 where they have IPv6 alone. */
function freeAddress(taken: readonly number[], prefix: number): number {
  const last = ((taken[0] ?? parseIpv4('192.0.2.0')) | ~prefixMask(prefix)) >>> 0
  for (let address = last - 1; ; address--) if (!taken.includes(address)) return address
}
