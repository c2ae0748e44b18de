/**
 * The program for hosts of kind `vtep`: networks and ports as rows of hardware_vtep. What is the same on every such host is
 * emitted once, into a block of the network: a remote MAC depends on nothing but whether its reader's tunnels run over
 * IPv4, over IPv6 or over either. Neighbours: `units.ts` (flows of hosts of kind `ovs`), `rows.ts`, `acl.ts`.
 */
import { keys } from '../../southbound/agent/other-config.ts'
import type { Network } from '../model/schema.ts'
import { type Tunnel, tunnelBetween, type Vtep, vtepAddressOf } from '../model/tunnel.ts'
import { antiSpoofing } from './acl.ts'
import { type Emitter, index, type Placement, type Program, type Unit } from './program.ts'
import { row, rowName } from './rows.ts'
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
    if (net?.type !== 'vxlan' || self?.kind !== 'vtep') return
    const logicalSwitch = rowName(net.uuid)
    const mine = block.host(hostKey)
    view.link(hostKey, sharedRows(networkKey, readerOf(self)))
    view.emit(
      mine,
      row([`network/${networkKey}`], {
        table: 'Logical_Switch',
        name: logicalSwitch,
        description: networkKey,
        vni: net.vni,
        config: configOf(net),
      }),
    )
    const vteps = peersOf(view, networkKey, hostKey).map(({ remote }) => remote)
    if (vteps.length === 0) return
    const from = [`host/${hostKey}`, `network/${networkKey}`]
    const flood = { table: 'Mcast_Macs_Remote', logicalSwitch, vteps: vteps.sort() } as const
    view.emit(mine, row(from, flood))
  },
}

/** One port as the vtep hosts of its network see it: a row for each address. They leave out what is on themselves. */
const remoteMac: Unit = {
  name: 'remoteMac',
  on: 'each',
  of: 'placement',
  run(view, key) {
    const place = view.get('placement', key)
    const networkKey = place && networkKeyOf(place)
    if (networkKey === undefined || !view.index('placesOfNetwork', networkKey).has('vtep')) return
    const net = view.get('network', networkKey)
    const home = view.get('host', place?.hostId ?? '')
    if (!place || !home || net?.type !== 'vxlan') return
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
    if (net?.type !== 'vxlan' || view.get('host', place.hostId)?.kind !== 'vtep') return
    const { port, hostId, at } = place
    const from = [`port/${key}`]
    const acl = rowName(port.uuid)
    const entries = antiSpoofing(port.mac, port.addresses)
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

function configOf(net: Network & { readonly type: 'vxlan' }): Record<string, string> {
  return {
    [keys.mtu]: `${net.mtuBytes}`,
    // Beyond the host that joins an extended network to a VLAN are machines that no row names.
    ...(net.extension ? {} : { [keys.unknownUnicast]: 'drop' }),
    ...(net.vlanTransparent ? { [keys.vlanTransparent]: 'true' } : {}),
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
    vtepsOfNetwork: index('placement', (place) =>
      place.at.kind === 'vtep' ? [[networkKeyOf(place), place.hostId]] : [],
    ),
    // The kinds only: a port of a site without vtep hosts is not looked at again whenever a host comes to its network.
    placesOfNetwork: index('placement', (place) => [[networkKeyOf(place), place.at.kind]]),
  },
  units: [networkOnVtep, remoteMac, portOnVtep],
}
