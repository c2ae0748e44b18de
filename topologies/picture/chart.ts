/**
 * What a picture of a topology has in it, before anything has a place: a column for each host, a row for each network, and in
 * each field the guests of that network on that host, and below what joins the hosts. Pure. Neighbours: draw.ts and fabric.ts
 * give it places, ../lab/uplinks.ts and ../lab/underlay-plan.ts know cables.
 */
import type { TopologyDocument } from '../../controller/model/document.ts'
import { labSwitches } from '../../controller/model/lab-schema.ts'
import type { Host, Network, Port } from '../../controller/model/schema.ts'
import { type LinkPlan, planUnderlay } from '../lab/underlay-plan.ts'
import { uplinksOf } from '../lab/uplinks.ts'

/** Told apart also by those who see no red or no green (Okabe and Ito). */
export const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b8860b', '#56b4e9', '#5a5a5a']

/** More of them are counted: a picture of fifty hosts guest by guest is read by nobody. */
const MOST = { hosts: 12, networks: 24, guests: 6 }

export interface Guest {
  readonly name: string
  /** `10.0.0.11`, or of a sub-port `10.0.0.13, tag 30 of vm41`. */
  readonly says: string
}

export interface Row {
  readonly tenant: string
  readonly id: string
  /** `vni 5001, MTU 9000`. */
  readonly says: string
  readonly cidrs: string
  /** Its frames are on a physical network and cross no tunnel. */
  readonly isPhysical: boolean
  /** Host -> its guests there. */
  readonly guests: ReadonlyMap<string, readonly Guest[]>
  /** Host that joins it to a physical network, and how: `office, VLAN 7`. */
  readonly joined?: { readonly host: string; readonly says: string }
}

export interface Column {
  readonly id: string
  /** `Open vSwitch`. */
  readonly switch: string
  readonly vteps: readonly string[]
  /** Physical network -> the device that leads there. */
  readonly uplinks: ReadonlyMap<string, string>
  /** Of its link to the one segment, where it is not like the others: `MTU 8050, 5 ms`. */
  readonly link: string
}

/** A link of a routed underlay. */
export interface FabricLink {
  /** Hosts and routers. */
  readonly ends: readonly [string, string]
  /** What it has that others have not; '' when there is nothing to say. */
  readonly says: string
}

/** Routers between hosts; none where the underlay is one segment. */
export interface Fabric {
  /** Those next to hosts first, then those next to them, and so on. */
  readonly tiers: readonly (readonly string[])[]
  readonly links: readonly FabricLink[]
}

export interface Chart {
  readonly name: string
  readonly underlay: string
  readonly fabric: Fabric
  readonly physical: readonly { readonly id: string; readonly says: string }[]
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
}

const names: Readonly<Record<string, string>> = {
  'open-vswitch': 'Open vSwitch',
  'weft-switch': 'weft switch',
  'linux-bridge': 'Linux bridge',
  'ovs-vtep': 'ovs-vtep',
}

/** h2 comes before h10. */
const { compare } = new Intl.Collator('en', { numeric: true })
export const inOrder = <T>(objects: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(objects).sort(([one], [other]) => compare(one, other))

/** It is drawn by overview.ts. */
export function isLarge({ hosts, tenants }: TopologyDocument): boolean {
  const networks = Object.values(tenants).flatMap((tenant) => Object.keys(tenant.networks))
  return Object.keys(hosts).length > MOST.hosts || networks.length > MOST.networks
}

export function chartOf(document: TopologyDocument): Chart {
  const hosts = inOrder(document.hosts)
  const networks = inOrder(document.tenants).flatMap(([tenant, { networks: own }]) =>
    inOrder(own).map(([id, network]) => ({ tenant, id, network })),
  )
  return {
    name: document.name,
    underlay: `underlay, MTU ${document.underlay.mtuBytes}`,
    fabric: fabricOf(
      document,
      hosts.map(([id]) => id),
    ),
    physical: inOrder(document.physicalNetworks).map(([id, { mtuBytes, vids }]) => ({
      id,
      says: `${id}, MTU ${mtuBytes}${String(vids) === '1-4094' ? '' : `, VLANs ${vids.join(', ')}`}`,
    })),
    columns: hosts.map(([id, host]) => columnOf(document, id, host)),
    rows: networks.map((each) => rowOf(document, each)),
  }
}

function columnOf(document: TopologyDocument, id: string, host: Host): Column {
  const realizer = document.lab.hosts[id]?.switch ?? labSwitches[host.kind][0]
  return {
    id,
    switch: names[realizer] ?? realizer,
    vteps: [host.vtepAddress, host.alternateVtepAddress].filter((each) => each !== undefined),
    uplinks: new Map(
      uplinksOf(document)
        .filter(({ hostId }) => hostId === id)
        .map(({ physicalNetwork, device }) => [physicalNetwork, device]),
    ),
    link: natureOf(document, planUnderlay(document).stations.get(id)?.link),
  }
}

function fabricOf(document: TopologyDocument, hosts: readonly string[]): Fabric {
  const { links, routers } = planUnderlay(document)
  if (routers.length === 0) return { tiers: [], links: [] }
  const tiers: string[][] = []
  const seen = new Set(hosts)
  for (let ring = [...hosts]; ring.length > 0; ) {
    const next = routers.filter(
      ({ id, interfaces }) => !seen.has(id) && interfaces.some(({ peer }) => ring.includes(peer)),
    )
    ring = next.map(({ id }) => id)
    for (const id of ring) seen.add(id)
    if (ring.length > 0) tiers.push(ring)
  }
  const shown = links.filter(({ ends }) => ends.every((end) => seen.has(end)))
  return {
    tiers,
    links: shown.map((each) => ({ ends: each.ends, says: natureOf(document, each) })),
  }
}

function natureOf({ underlay }: TopologyDocument, link: LinkPlan | undefined): string {
  if (link === undefined) return ''
  const { mtuBytes, delayMs, lossPercent, rateBitsPerSecond } = link
  return [
    ...(mtuBytes === underlay.mtuBytes ? [] : [`MTU ${mtuBytes}`]),
    ...(delayMs > 0 ? [`${delayMs} ms`] : []),
    ...(lossPercent > 0 ? [`${lossPercent} % lost`] : []),
    ...(rateBitsPerSecond === undefined ? [] : [rateOf(rateBitsPerSecond)]),
  ].join(', ')
}

function rateOf(bitsPerSecond: number): string {
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s']
  let [value, unit] = [bitsPerSecond, 0]
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1]
  return `${value} ${units[unit]}`
}

function rowOf(
  document: TopologyDocument,
  { tenant, id, network }: { tenant: string; id: string; network: Network },
): Row {
  const { subnets, ports } = document.tenants[tenant] ?? { subnets: {}, ports: {} }
  const extension = network.extension
  return {
    tenant,
    id,
    says: `${segment(network)}, MTU ${network.mtuBytes}${tags(network)}`,
    cidrs: Object.values(subnets)
      .filter((subnet) => subnet.network === id)
      .map(({ cidr }) => cidr)
      .join(', '),
    isPhysical: network.type !== 'vxlan',
    guests: guestsOf(document, tenant, id, ports),
    ...(extension && {
      joined: {
        host: extension.hostId,
        says: `${extension.physicalNetwork}, ${extension.vid === undefined ? 'untagged' : `VLAN ${extension.vid}`}`,
      },
    }),
  }
}

function segment({ type, vni, vid, physicalNetwork }: Network): string {
  if (type === 'vxlan') return `VNI ${vni}`
  return type === 'vlan' ? `${physicalNetwork}, VLAN ${vid}` : `${physicalNetwork}, untagged`
}

function tags({ vlanTransparent }: Network): string {
  if (vlanTransparent === 'qinq') return ', two tags'
  return vlanTransparent ? ', one tag' : ''
}

function guestsOf(
  document: TopologyDocument,
  tenant: string,
  network: string,
  ports: Readonly<Record<string, Port>>,
): Map<string, Guest[]> {
  const places = new Map(
    Object.entries(document.workloads).map(([place, key]) => [key, place.split('.')[0] ?? '']),
  )
  const guests = new Map<string, Guest[]>()
  for (const [id, port] of inOrder(ports)) {
    if (port.network !== network) continue
    const host = port.hostId ?? places.get(`${tenant}/${port.parent ?? id}`)
    if (host === undefined) continue
    const parts = [port.addresses.join(', ')]
    if (port.parent !== undefined) parts.push(`tag ${port.vid} of ${port.parent}`)
    else if (port.interface !== undefined)
      parts.push(port.vid === undefined ? port.interface : `${port.interface}, tag ${port.vid}`)
    const guest = { name: id, says: parts.join(', ') }
    guests.set(host, [...(guests.get(host) ?? []), guest])
  }
  for (const [host, all] of guests) {
    const { length } = all
    if (length > MOST.guests)
      all.splice(MOST.guests - 1, length, { name: `${length - MOST.guests + 1} more`, says: '' })
    guests.set(host, all)
  }
  return guests
}
