/**
 * Networks: VNI in, tags and sizes that are taken, broadcast and multicast to groups. Neighbours: `segment-units.ts` has
 * what a physical network brings along, `ways.ts` how hosts reach each other.
 */
import { tunnelBetween } from '../model/tunnel.ts'
import { flow, group, meter } from './items.ts'
import {
  enterAnew,
  fromTunnel,
  fromWorkload,
  goto,
  MULTICAST,
  move,
  output,
  outputTagged,
  popTag,
  set,
  TAGGED,
} from './parts.ts'
import { probesOf } from './probe-units.ts'
import type { Emitter, PlacedAt, Unit } from './program.ts'
import { dropTooLarge } from './sample-units.ts'
import { segmentAt, toSegment } from './segment-units.ts'
import {
  block,
  floodGroup,
  localFloodGroup,
  register,
  segmentFloodGroup,
  sizeMeter,
  TUNNEL_OFPORT,
  table,
} from './stages.ts'
import { fromVtep, toVtep, waysFrom, waysTo } from './ways.ts'

const { origin, network, oversize, liftedTag } = register

/** What all hosts of a network share. */
export const networks: Unit = {
  name: 'network',
  on: 'each',
  of: 'network',
  run(view, key) {
    const net = view.get('network', key)
    if (!net) return
    const emit = (...args: Parameters<typeof flow>) => view.emit(block.network(key), flow(...args))
    const from = [`network/${key}`]
    const here = { [network]: net.number }
    const flood = { kind: 'group', group_id: floodGroup(net.number) } as const
    view.emit(block.network(key), meter(from, sizeMeter(net.number)))
    emit(
      from,
      table.admission,
      net.vlanTransparent ? 250 : 100,
      { ...here, [oversize]: [1, 1] },
      dropTooLarge(sizeMeter(net.number)),
    )
    emit(
      from,
      table.l2,
      90,
      { ...here, [origin]: fromWorkload, eth_dst: MULTICAST },
      { apply: net.type === 'vxlan' ? [set('tunnel_id', BigInt(net.vni)), flood] : [flood] },
    )
    if (net.type !== 'vxlan') return

    const entry = { tunnel_id: BigInt(net.vni) }
    emit(from, table.tunnel, 100, entry, {
      apply: [set(origin, fromTunnel), set(network, net.number)],
      goto: table.peer,
    })
    emit(
      from,
      table.l2,
      90,
      { ...here, [origin]: fromTunnel, eth_dst: MULTICAST },
      { apply: [{ kind: 'group', group_id: localFloodGroup(net.number) }] },
    )
    const tagged = { ...here, vlan_vid: TAGGED }
    if (!net.vlanTransparent)
      emit(from, table.tunnel, 110, { ...entry, vlan_vid: TAGGED }, { drop: 'vlan_not_allowed' })
    else if (net.vlanTransparent === 'qinq')
      // A third tag is the Ethernet type that port security sees, and takes for none of its own.
      emit(from, table.admission, 210, tagged, goto(table.portSecurity))
    else
      emit(from, table.admission, 210, tagged, {
        apply: [
          move(['vlan_vid', 0], [liftedTag, 0], 12),
          move(['vlan_pcp', 0], [liftedTag, 12], 3),
          popTag,
          enterAnew('innerTag'),
        ],
      })
  },
}

/** A network on a host: the host links the network's blocks, its VTEP becomes a peer, and it has flood groups. */
export const networkOnHost: Unit = {
  name: 'networkOnHost',
  on: 'pair',
  of: 'hostsOfNetwork',
  run(view, networkKey, hostKey) {
    const net = view.get('network', networkKey)
    const self = view.get('host', hostKey)
    if (!net || !self) return
    const from = [`host/${hostKey}`, `network/${networkKey}`]
    const isTunnelled = net.type === 'vxlan'
    for (const [way, vtep] of isTunnelled ? waysTo(self) : []) {
      view.emit(block.way(way, networkKey), probesOf(hostKey, vtep))
      view.emit(
        block.way(way, networkKey),
        flow(from, table.peer, 100, { [network]: net.number, ...fromVtep(vtep) }, goto(table.l2)),
      )
    }
    if (self.kind !== 'ovs') return
    view.link(hostKey, block.network(networkKey))
    for (const way of isTunnelled ? waysFrom(self) : [])
      view.link(hostKey, block.way(way, networkKey))
    const segment = segmentAt(net, hostKey)
    if (segment) view.link(hostKey, block.physical(segment.physicalNetwork))

    const local = localPorts(view, networkKey, hostKey).map(({ ofport, vid }) =>
      outputTagged(ofport, vid),
    )
    const remote = (isTunnelled ? remoteVteps(view, networkKey, hostKey) : []).map((vtep) => [
      toVtep(vtep),
      output(TUNNEL_OFPORT),
    ])
    const physical = segment ? [toSegment(view, segment)] : []
    const emit = (...args: Parameters<typeof group>) =>
      view.emit(block.host(hostKey), group(...args))
    emit(from, floodGroup(net.number), [...local, ...remote, ...physical])
    emit(from, localFloodGroup(net.number), [...local, ...(isTunnelled ? physical : [])])
    if (isTunnelled && segment) emit(from, segmentFloodGroup(net.number), [...local, ...remote])
  },
}

type LocalPort = Exclude<PlacedAt, { kind: 'vtep' }> & { readonly vid?: number }

/** In ascending order, so that the same ports give the same bytes. */
function localPorts(view: Emitter, networkKey: string, hostKey: string): LocalPort[] {
  const ports: LocalPort[] = []
  for (const key of view.index('portsOfNetworkOnHost', `${networkKey}|${hostKey}`)) {
    const at = view.get('placement', key)?.at
    if (at && at.kind !== 'vtep') ports.push(at)
  }
  return ports.sort((a, b) => a.ofport - b.ofport || (a.vid ?? 0) - (b.vid ?? 0))
}

/** VTEPs of the other hosts of the network that this one can reach, sorted. */
function remoteVteps(view: Emitter, networkKey: string, hostKey: string): string[] {
  const self = view.get('host', hostKey)
  const vteps: string[] = []
  for (const other of view.index('hostsOfNetwork', networkKey)) {
    const peer = other === hostKey ? undefined : view.get('host', other)
    const tunnel = self && peer && tunnelBetween(self, peer)
    if (tunnel) vteps.push(tunnel.remote)
  }
  return vteps.sort()
}
