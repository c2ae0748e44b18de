/**
 * The program for hosts of kind `vtep`: networks and ports as rows of hardware_vtep. What is the same on every such host is
 * emitted once, into a block of the network: a remote MAC depends on nothing but whether its reader's tunnels run over
 * IPv4, over IPv6 or over either. Neighbours: `units.ts` (flows of hosts of kind `ovs`), `rows.ts`, `acl.ts`.
 */
import { keys } from '../../southbound/agent/other-config.ts'
import { formatBridge } from '../../southbound/agent/physical-bridge.ts'
import type { Network } from '../model/schema.ts'
import { type Tunnel, tunnelBetween, type Vtep, vtepAddressOf } from '../model/tunnel.ts'
import { vidRanges } from '../model/vids.ts'
import { antiSpoofing, loopedSources } from './acl.ts'
import { namesOf } from './neighbour-units.ts'
import { type Emitter, index, type Placement, type Program, type Unit } from './program.ts'
import { row, rowName, type VtepRow } from './rows.ts'
import { joinedSegmentAt } from './segment-units.ts'
import { block } from './stages.ts'

/** Which families a VTEP has, each with addresses that stand for any host like it. */
const readers = {
  4: { vtepAddress: '192.0.2.0' },
  6: { vtepAddress: '2001:db8::' },
  46: { vtepAddress: '192.0.2.0', alternateVtepAddress: '2001:db8::' },
} as const satisfies Record<number, Vtep>
type Reader = keyof typeof readers

function readerOf(host: Vtep): Reader {
  const [has4, has6] = [vtepAddressOf(host, 4), vtepAddressOf(host, 6)]
  return has4 === undefined ? 6 : has6 === undefined ? 4 : 46
}

/** Rows that all readers of a network share. */
const sharedRows = (network: string, reader: Reader | `${Reader}`) => `vtep/${reader}/${network}`

/** A network on a vtep host: its Logical_Switch, where it floods to, and the MACs elsewhere. */
const networkOnVtep: Unit = {
  name: 'networkOnVtep',
  on: 'pair',
  of: 'vtepsOfNetwork',
  run(view, networkKey, hostKey) {
    const net = view.get('network', networkKey)
    const self = view.get('host', hostKey)
    if (!net || self?.kind !== 'vtep') return
    const logicalSwitch = rowName(net.uuid)
    const mine = block.host(hostKey)
    view.emit(
      mine,
      row([`network/${networkKey}`], {
        table: 'Logical_Switch',
        name: logicalSwitch,
        description: networkKey,
        vni: net.vni,
        config: configOf(view, net, hostKey),
      }),
    )
    if (net.type !== 'vxlan') return
    view.link(hostKey, sharedRows(networkKey, readerOf(self)))
    const vteps = peersOf(view, networkKey, hostKey).map(({ remote }) => remote)
    if (vteps.length === 0) return
    const from = [`host/${hostKey}`, `network/${networkKey}`]
    const flood = { table: 'Mcast_Macs_Remote', logicalSwitch, vteps: vteps.sort() } as const
    view.emit(mine, row(from, flood))
  },
}

/** One port as the vtep hosts of its network see it: a row for each address. They leave out what is on themselves. And as nobody outside may say that he is. */
const remoteMac: Unit = {
  name: 'remoteMac',
  on: 'each',
  of: 'placement',
  run(view, key) {
    const place = view.get('placement', key)
    const networkKey = place && networkKeyOf(place)
    if (networkKey === undefined || view.index('vtepKinds', networkKey).size === 0) return
    const net = view.get('network', networkKey)
    const home = view.get('host', place?.hostId ?? '')
    if (!place || !home || !net) return
    segmentSource(view, key, place, net)
    if (net.type !== 'vxlan') return
    const { mac, addresses } = place.port
    for (const [reader, vtep] of Object.entries(readers)) {
      const tunnel = tunnelBetween(vtep, home)
      if (!tunnel) continue
      for (const address of addresses.length === 0 ? [''] : addresses) {
        view.emit(
          sharedRows(networkKey, reader as `${Reader}`),
          row([`port/${key}`], {
            table: 'Ucast_Macs_Remote',
            logicalSwitch: rowName(net.uuid),
            mac,
            address,
            vtep: tunnel.remote,
          }),
        )
      }
    }
  },
}

/** One port on its own host: the binding of its interface and the ACL that holds it to what it is. */
const portOnVtep: Unit = {
  name: 'portOnVtep',
  on: 'each',
  of: 'placement',
  run(view, key) {
    const place = view.get('placement', key)
    if (place?.at.kind !== 'vtep') return
    const net = view.get('network', networkKeyOf(place))
    if (!net || view.get('host', place.hostId)?.kind !== 'vtep') return
    const { port, hostId, at } = place
    const from = [`port/${key}`]
    const acl = rowName(port.uuid)
    const entries = antiSpoofing(port.mac, namesOf(port))
    view.emit(block.host(hostId), row(from, { table: 'ACL', name: acl, entries }))
    view.emit(
      block.host(hostId),
      row(from, {
        table: 'Physical_Port',
        interface: at.interface,
        vid: at.vid,
        logicalSwitch: rowName(net.uuid),
        acl,
      }),
    )
  },
}

/** Where a network of a vtep host is on a physical network: what comes from there, and who may not have sent it. */
const segmentOnVtep: Unit = {
  name: 'segmentOnVtep',
  on: 'pair',
  of: 'vtepsOfNetwork',
  run(view, networkKey, hostKey) {
    const net = view.get('network', networkKey)
    const segment = net && joinedSegmentAt(view, net, hostKey)
    if (!segment || view.get('host', hostKey)?.kind !== 'vtep') return
    const from = [`network/${networkKey}`]
    const name = rowName(net.uuid)
    const ports = net.extension
      ? view.index('placedInNetwork', networkKey)
      : view.index('portsOfNetworkOnHost', `${networkKey}|${hostKey}`)
    const emit = (value: VtepRow) => view.emit(block.host(hostKey), row(from, value))
    const { physicalNetwork, vid = 0 } = segment
    // An ACL has at least one entry: `segmentSource`.
    const acl = ports.size > 0 ? name : undefined
    if (acl) emit({ table: 'ACL', name: acl, entries: [] })
    emit({ table: 'Physical_Network', physicalNetwork, vid, logicalSwitch: name, acl })
  },
}

/**
 * What a port is nobody on a physical network may say that he is, looked for where the network is on it: an extended one at
 * its joiner, of all its ports; else of a port on its own host.
 */
function segmentSource(view: Emitter, key: string, { port, hostId }: Placement, net: Network) {
  const looker = net.extension?.hostId ?? hostId
  if (!joinedSegmentAt(view, net, looker) || view.get('host', looker)?.kind !== 'vtep') return
  for (const entry of loopedSources({ ...port, addresses: namesOf(port) })) {
    const value = { table: 'ACL_entry', acl: rowName(net.uuid), entry } as const
    view.emit(block.host(looker), row([`port/${key}`], value))
  }
}

/** A bridge of the model on its host. */
const bridgeOnVtep: Unit = {
  name: 'bridgeOnVtep',
  on: 'each',
  of: 'bridge',
  run(view, key) {
    const bridge = view.get('bridge', key)
    if (!bridge || view.get('host', bridge.host)?.kind !== 'vtep') return
    const { id, uplinks, physicalNetwork } = bridge
    const physical = physicalNetwork && view.get('physicalNetwork', physicalNetwork)
    const mtuBytes = bridge.mtuBytes ?? (physical ? physical.mtuBytes : undefined)
    const ranges = bridge.vids && vidRanges(bridge.vids)
    const vids = ranges?.map(({ first, last }) => [first, last] as const)
    const value = formatBridge({ uplinks, mtuBytes, vids, physicalNetwork })
    view.emit(
      block.host(bridge.host),
      row([`bridge/${id}`], { table: 'Physical_Switch', bridge: id, value }),
    )
  },
}

const VIDS = 4096

function configOf(view: Emitter, net: Network, hostKey: string): Record<string, string> {
  const config = { [keys.mtu]: `${net.mtuBytes}` }
  if (net.type !== 'vxlan') {
    // No two networks have one place of a physical network, nor one number.
    const number = view.get('physicalNetwork', net.physicalNetwork)?.number ?? 0
    return { ...config, [keys.number]: `${number * VIDS + (net.vid ?? 0)}` }
  }
  // Beyond the host that joins an extended network to a VLAN are machines that no row names.
  const isJoinedElsewhere = net.extension && net.extension.hostId !== hostKey
  return {
    ...config,
    ...(isJoinedElsewhere ? {} : { [keys.unknownUnicast]: 'drop' }),
    ...(net.vlanTransparent ? { [keys.vlanTransparent]: `${net.vlanTransparent}` } : {}),
  }
}

/** Tunnels to the other hosts of the network that this one can reach. */
function peersOf(view: Emitter, networkKey: string, hostKey: string): Tunnel[] {
  const self = view.get('host', hostKey)
  const tunnels: Tunnel[] = []
  for (const other of view.index('hostsOfNetwork', networkKey)) {
    const peer = other === hostKey ? undefined : view.get('host', other)
    const tunnel = self && peer && tunnelBetween(self, peer)
    if (tunnel) tunnels.push(tunnel)
  }
  return tunnels
}

function networkKeyOf({ port }: Placement): string {
  return `${port.tenant}/${port.network}`
}

/** To be put beside the units of ovs hosts; reads their index `hostsOfNetwork`. */
export const vtepProgram: Program = {
  indexes: {
    // With the host that joins an extended network to a VLAN, of whatever kind.
    vtepsOfNetwork: [
      ...index('placement', (place) =>
        place.at.kind === 'vtep' ? [[networkKeyOf(place), place.hostId]] : [],
      ),
      ...index('network', ({ extension }, key) => (extension ? [[key, extension.hostId]] : [])),
    ],
    // Whether there are any, and not which.
    placedInNetwork: index('placement', (place) => [[networkKeyOf(place), 'port']]),
    // Whether a network may have vtep hosts, and not which: a port is not looked at again whenever a host comes to its network.
    vtepKinds: [
      ...index('placement', (place) =>
        place.at.kind === 'vtep' ? [[networkKeyOf(place), 'port']] : [],
      ),
      ...index('network', ({ extension }, key) => (extension ? [[key, 'extension']] : [])),
    ],
  },
  units: [networkOnVtep, segmentOnVtep, remoteMac, portOnVtep, bridgeOnVtep],
}
