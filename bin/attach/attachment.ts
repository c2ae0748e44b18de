/**
 * What somebody who starts a workload has to know to make it one port of a tenant: pure, from objects of the model.
 * Each format (print.ts) prints an attachment, none looks anything up.
 *
 * A sub-port has no interface of its own: its attachment is that of its trunk, with its VLAN.
 */
import { rangeOf } from '../../controller/model/cidr.ts'
import { addressNumber, familyOf } from '../../controller/model/ip-address.ts'
import type { Host, Network, Port, Subnet } from '../../controller/model/schema.ts'
import { hint } from '../../controller/model/suggest.ts'
import type { Status } from '../../controller/northbound/realization.ts'
import { AttachError } from './error.ts'

/** The bridge of every host of kind ovs that workloads are plugged into. */
export const INTEGRATION_BRIDGE = 'br-int'

/** A network, and what the controller says of it, by id of the host. */
export type SeenNetwork = Network & { readonly status?: Partial<Pick<Status, 'hosts'>> | undefined }

/** One port as its guest sees it. */
export interface GuestInterface {
  /** `tenant/port`. */
  readonly key: string
  readonly network: SeenNetwork
  readonly mac: string
  /** With the prefix of their subnet: '10.0.0.11/24'. */
  readonly addresses: readonly string[]
  readonly mtuBytes: number
}

/** A sub-port: the guest tags its frames with `vid`. */
export interface GuestVlan extends GuestInterface {
  readonly vid: number
}

/**
 * How the host sees that an interface is the port: external_ids:iface-id of its row (kind ovs), its ifalias (kind vtep),
 * or its name alone, because the port is declared there.
 */
export type BoundBy = 'iface-id' | 'ifalias' | 'name'

export interface Attachment extends GuestInterface {
  readonly uuid: string
  readonly hostKind: Host['kind']
  /** Undefined: any host of that kind. */
  readonly hostId: string | undefined
  /** Somebody has said on which host; else it is where the port is declared, or undefined. */
  readonly isHostAsked: boolean
  readonly boundBy: BoundBy
  /** Name of the interface on the host; at most 11 characters unless it is declared. */
  readonly device: string
  /** Of the interface: its own network's, or that of a sub-port if larger. */
  readonly deviceMtuBytes: number
  /** By VID; of a sub-port's attachment only its own. */
  readonly vlans: readonly GuestVlan[]
}

/** The tenant of the port, and all hosts. */
export interface SiteFacts {
  readonly ports: readonly Port[]
  readonly networks: readonly SeenNetwork[]
  readonly subnets: readonly Subnet[]
  readonly hosts: readonly Host[]
}

/**
 * @param key `tenant/port` @param hostId where the workload will run; left out, where the port is declared, else any host
 * @throws AttachError when there is no such port or host
 */
export function attachmentOf(key: string, facts: SiteFacts, hostId?: string): Attachment {
  const asked = facts.ports.find((port) => keyOf(port) === key)
  if (!asked) throw new AttachError(`there is no port ${key}; ${hint(key, facts.ports.map(keyOf))}`)
  const port = asked.parent === undefined ? asked : trunkOf(asked, facts)
  const subports = facts.ports
    .filter(({ parent }) => parent === port.id)
    .map((each) => ({ ...guestInterface(each, facts), vid: each.vid ?? 0 }))
    .sort((a, b) => a.vid - b.vid)
  const vlans = asked === port ? subports : subports.filter((each) => each.key === key)
  const guest = guestInterface(port, facts)
  const host = hostOf(port, facts, hostId)
  // An id of which the first 32 bits are random: two on one host are as good as never the same.
  const generated = `wf${port.uuid.slice(0, 8)}`
  const isDeclared = port.interface !== undefined && host.id === port.hostId
  const ownVlan = isDeclared && port.vid !== undefined ? [{ ...guest, vid: port.vid }] : []
  return {
    ...guest,
    // Its frames are tagged there, so that the addresses are those of its VLAN.
    ...(ownVlan.length > 0 && { addresses: [] }),
    uuid: port.uuid,
    hostKind: host.kind,
    hostId: host.id,
    isHostAsked: hostId !== undefined,
    boundBy: host.kind === 'ovs' ? 'iface-id' : isDeclared ? 'name' : 'ifalias',
    device: isDeclared ? linuxName(port) : generated,
    deviceMtuBytes: Math.max(guest.mtuBytes, ...subports.map(({ mtuBytes }) => mtuBytes)),
    vlans: [...ownVlan, ...vlans],
  }
}

/** What the type of a network means on a physical one: its VID (undefined: untagged), or undefined where it is on none. */
export function segmentOf(
  network: Network,
): { readonly physicalNetwork: string; readonly vid: number | undefined } | undefined {
  if (network.type !== 'vxlan') {
    return { physicalNetwork: network.physicalNetwork, vid: network.vid }
  }
  const { extension } = network
  return extension && { physicalNetwork: extension.physicalNetwork, vid: extension.vid }
}

/** What a thing of this tenant is called outside of Weft. Ids have hyphens and no dots: no two keys give one name. */
export const nameOf = (key: string): string => key.replace('/', '.')

const keyOf = ({ tenant, id }: { readonly tenant: string; readonly id: string }): string =>
  `${tenant}/${id}`

function trunkOf({ tenant, parent }: Port, { ports }: SiteFacts): Port {
  const trunk = ports.find((port) => port.id === parent)
  if (!trunk) throw new AttachError(`there is no port ${tenant}/${parent}, its trunk`)
  return trunk
}

function guestInterface(port: Port, { networks, subnets }: SiteFacts): GuestInterface {
  const network = networks.find(({ id }) => id === port.network)
  if (!network) throw new AttachError(`there is no network ${port.tenant}/${port.network}`)
  const ranges = subnets.filter((subnet) => subnet.network === port.network)
  const addresses = port.addresses.map((address) => {
    const [family, value] = [familyOf(address), addressNumber(address)]
    const home = ranges
      .map(({ cidr }) => rangeOf(cidr))
      .find((range) => range.family === family && range.first <= value && value <= range.last)
    return `${address}/${home?.prefix ?? (family === 4 ? 32 : 128)}`
  })
  return { key: keyOf(port), network, mac: port.mac, addresses, mtuBytes: network.mtuBytes }
}

/** Without a host: the kind of the only kind there is, else ovs. */
function hostOf(
  port: Port,
  { hosts }: SiteFacts,
  hostId = port.hostId,
): { readonly id: string | undefined; readonly kind: Host['kind'] } {
  if (hostId === undefined) {
    const allVtep = hosts.length > 0 && hosts.every(({ kind }) => kind === 'vtep')
    return { id: undefined, kind: allVtep ? 'vtep' : 'ovs' }
  }
  const host = hosts.find(({ id }) => id === hostId)
  if (host) return host
  const known = hosts.map(({ id }) => id)
  throw new AttachError(`there is no host ${hostId}; ${hint(hostId, known)}`)
}

/** The declared interface, where a Linux can have one of that name (IFNAMSIZ, no slash). */
function linuxName({ tenant, id, interface: name = '', hostId }: Port): string {
  if (/^[^/:]{1,15}$/.test(name)) return name
  throw new AttachError(
    `port ${tenant}/${id} is ${name} of ${hostId} by declaration, which no Linux interface can be called: cable the workload there`,
  )
}
