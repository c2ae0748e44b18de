/**
 * Networks: VNI in, tags and sizes that are taken, broadcast and multicast to groups. Neighbours: `segment-units.ts` has
 * what a physical network brings along, `ways.ts` how hosts reach each other.
 */
import type { Match } from '../../southbound/openflow/match.ts'
import { guestTags } from '../model/overhead.ts'
import type { Network } from '../model/schema.ts'
import { familiesOf } from '../model/tunnel.ts'
import { sameItem } from './block.ts'
import { encodeBuckets, FloodGroup, localBuckets, peers, peersKey } from './flood.ts'
import { type Does, flow } from './items.ts'
import {
  ETHERNET_BYTES,
  enterAnew,
  fromTunnel,
  fromWorkload,
  goto,
  MULTICAST,
  measure,
  move,
  popTag,
  pushTag,
  set,
  TAG_BYTES,
  TAGGED,
} from './parts.ts'
import { probesOf } from './probe-units.ts'
import type { Derivation, FlowItem, Unit } from './program.ts'
import { joinedSegmentAt, toSegment } from './segment-units.ts'
import { block, floodGroup, localFloodGroup, register, segmentFloodGroup, table } from './stages.ts'
import { fromVtep, type Way, waysFrom, waysTo } from './ways.ts'

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
    if (guestTags(net) === 0)
      emit(
        from,
        table.admission,
        100,
        { ...here, [oversize]: [1, 1] },
        { apply: [enterAnew('oversize')] },
      )
    emit(from, table.oversize, 100, here, { drop: 'mtu_exceeded' })
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
    if (!net.vlanTransparent)
      emit(from, table.tunnel, 110, { ...entry, vlan_vid: TAGGED }, { drop: 'vlan_not_allowed' })
    else for (const each of takesTags(net)) emit(from, ...each)
  },
}

type FlowOfTags = readonly [tableId: number, priority: number, match: Match, does: Does]

/** Where guests may send tags: what room a frame has with its own, and whether there are more than it may have. */
function takesTags(net: Network): FlowOfTags[] {
  const here = { [network]: net.number }
  const tagged = { ...here, vlan_vid: TAGGED }
  const measured = (tags: number) => measure(ETHERNET_BYTES + tags * TAG_BYTES + net.mtuBytes)
  const bare: FlowOfTags = [table.admission, 205, here, { apply: [measured(0)], goto: table.size }]
  // Whether there is a second tag is not looked at, for the outer one would lose its type (TPID), which no flow can match. A
  // third one is the Ethernet type that port security sees, and takes for none of its own.
  if (guestTags(net) === 2)
    return [bare, [table.admission, 210, tagged, { apply: [measured(2)], goto: table.size }]]
  const lift = [
    move(['vlan_vid', 0], [liftedTag, 0], 12),
    move(['vlan_pcp', 0], [liftedTag, 12], 3),
    popTag,
    enterAnew('innerTag'),
  ]
  const putBack = [
    pushTag,
    move([liftedTag, 0], ['vlan_vid', 0], 12),
    move([liftedTag, 12], ['vlan_pcp', 0], 3),
  ]
  return [
    bare,
    [table.admission, 210, tagged, { apply: lift }],
    [table.innerTag, 50, here, { apply: [measured(0), ...putBack], goto: table.size }],
  ]
}

/** What the VTEP of a host is to the others of a network. Key: network and host. */
const peerFlows: Derivation<readonly (readonly [Way, FlowItem])[]> = {
  name: 'peerFlows',
  run(view, key) {
    const [networkKey = '', hostKey = ''] = key.split('|')
    const net = view.get('network', networkKey)
    const self = view.get('host', hostKey)
    if (!net || !self) return []
    const from = [`host/${hostKey}`, `network/${networkKey}`]
    return waysTo(self).flatMap(([way, vtep]) => {
      const match = { [network]: net.number, ...fromVtep(vtep) }
      const peer = flow(from, table.peer, 100, match, goto(table.l2))
      return [[way, probesOf(hostKey, vtep)] as const, [way, peer] as const]
    })
  },
  same: (a, b) =>
    a.length === b.length &&
    a.every(([way, item], at) => way === b[at]?.[0] && sameItem(item, b[at][1])),
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
    const isTunnelled = net.type === 'vxlan'
    const place = `${networkKey}|${hostKey}`
    for (const [way, item] of isTunnelled ? view.derive(peerFlows, place) : [])
      view.emit(block.way(way, networkKey), item)
    if (self.kind !== 'ovs') return
    view.link(hostKey, block.network(networkKey))
    for (const way of isTunnelled ? waysFrom(self) : [])
      view.link(hostKey, block.way(way, networkKey))
    const segment = joinedSegmentAt(view, net, hostKey)
    if (segment) view.link(hostKey, block.physical(segment.physicalNetwork))

    const before = view.derive(localBuckets, place)
    const remote = isTunnelled
      ? view.derive(peers, peersKey(familiesOf(self), networkKey))
      : undefined
    const after = encodeBuckets(segment ? [toSegment(view, segment)] : [])
    const from = [`host/${hostKey}`, `network/${networkKey}`]
    const emit = (groupId: number, buckets: ConstructorParameters<typeof FloodGroup>[3]) =>
      view.emit(block.host(hostKey), new FloodGroup(from, groupId, hostKey, buckets))
    emit(floodGroup(net.number), { before, peers: remote, after })
    emit(localFloodGroup(net.number), isTunnelled ? { before, after } : { before })
    if (isTunnelled && segment) emit(segmentFloodGroup(net.number), { before, peers: remote })
  },
}
