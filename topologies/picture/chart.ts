/**
 * What a picture of a topology has in it, before anything has a place: a column for each host, a row for each network, and in
 * each field the guests of that network on that host. Pure. Neighbours: draw.ts gives it places, ../lab/uplinks.ts knows cables.
 */
import type { TopologyDocument } from '../../controller/model/document.ts'
import { labSwitches } from '../../controller/model/lab-schema.ts'
import type { Host, Network, Port } from '../../controller/model/schema.ts'
import { uplinksOf } from '../lab/uplinks.ts'

/** More than this is said as a number: a picture of fifty hosts is read by nobody. */
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
}

export interface Chart {
  readonly name: string
  readonly underlay: string
  readonly physical: readonly { readonly id: string; readonly says: string }[]
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
  /** What has no room: `38 more hosts`. */
  readonly leftOut: readonly string[]
}

const names: Readonly<Record<string, string>> = {
  'open-vswitch': 'Open vSwitch',
  'weft-switch': 'weft switch',
  'linux-bridge': 'Linux bridge',
  'ovs-vtep': 'ovs-vtep',
}

/** h2 comes before h10. */
const { compare } = new Intl.Collator('en', { numeric: true })
const inOrder = <T>(objects: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(objects).sort(([one], [other]) => compare(one, other))

export function chartOf(document: TopologyDocument): Chart {
  const hosts = inOrder(document.hosts)
  const networks = inOrder(document.tenants).flatMap(([tenant, { networks: own }]) =>
    inOrder(own).map(([id, network]) => ({ tenant, id, network })),
  )
  const cut = (most: number, all: number, what: string): string[] =>
    all > most ? [`${all - most} more ${what}`] : []
  return {
    name: document.name,
    underlay: `underlay, MTU ${document.underlay.mtuBytes}`,
    physical: inOrder(document.physicalNetworks).map(([id, { mtuBytes, vids }]) => ({
      id,
      says: `${id}, MTU ${mtuBytes}${String(vids) === '1-4094' ? '' : `, VLANs ${vids.join(', ')}`}`,
    })),
    columns: hosts.slice(0, MOST.hosts).map(([id, host]) => columnOf(document, id, host)),
    rows: networks.slice(0, MOST.networks).map((each) => rowOf(document, each)),
    leftOut: [
      ...cut(MOST.hosts, hosts.length, 'hosts'),
      ...cut(MOST.networks, networks.length, 'networks'),
    ],
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
  }
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
