/**
 * Where networks are on a physical network: types vlan and flat on each of their hosts, an extended VXLAN network at the
 * host that joins VNI and VLAN. The bridge of the physical network hangs at br-int by a patch port. Who is out there Weft
 * does not know: what no port of ours has is sent there, and never back. Neighbours: `network-units.ts`, `port-units.ts`.
 */
import type { Action } from '../../southbound/openflow/action.ts'
import { stillJoinedAt } from '../model/quarantine.ts'
import type { Network } from '../model/schema.ts'
import { type Segment, segmentsOf } from '../model/segment.ts'
import { flow } from './items.ts'
import { asksAll } from './neighbour-units.ts'
import {
  ARP,
  enterAnew,
  fromSegment,
  fromWorkload,
  goto,
  MULTICAST,
  measureEntering,
  notFromSegment,
  output,
  outputTagged,
  PRIORITY_TAG,
  popTag,
  set,
  TAG_BYTES,
  taggedWith,
  UNTAGGED,
} from './parts.ts'
import { type Emitter, index, type Unit } from './program.ts'
import {
  block,
  localFloodGroup,
  patchOfport,
  register,
  segmentFloodGroup,
  TUNNEL_OFPORT,
  table,
} from './stages.ts'
import { toVtep, waysTo } from './ways.ts'

const { origin, network } = register

/** The place of a physical network that a network has on this host; undefined: none. */
export function segmentAt(net: Network, hostId: string): Segment | undefined {
  if (net.extension && net.extension.hostId !== hostId) return undefined
  return segmentsOf(net)[0]
}

/** By uuid of a network the hosts that may still join it to a VLAN it has given up. */
export const joinersLeft = index('quarantined', stillJoinedAt)

/** As `segmentAt`; none while another host may still join the network to a VLAN: two would send in a circle. */
export function joinedSegmentAt(view: Emitter, net: Network, hostId: string): Segment | undefined {
  return isJoinHeld(view, net) ? undefined : segmentAt(net, hostId)
}

function isJoinHeld(view: Emitter, { uuid, extension }: Network): boolean {
  if (!extension) return false
  return [...view.index('joinersLeft', uuid)].some((hostId) => hostId !== extension.hostId)
}

/** Out to the physical network; nothing while there is none. */
export function toSegment(view: Emitter, { physicalNetwork, vid }: Segment): Action[] {
  const physical = view.get('physicalNetwork', physicalNetwork)
  return physical ? outputTagged(patchOfport(physical.number), vid) : []
}

export const physicalNetworks: Unit = {
  name: 'physicalNetwork',
  on: 'each',
  of: 'physicalNetwork',
  run(view, key) {
    const physical = view.get('physicalNetwork', key)
    if (!physical) return
    const match = { in_port: patchOfport(physical.number) }
    view.emit(
      block.physical(key),
      flow([`physical-network/${key}`], table.classify, 50, match, { drop: 'vlan_unknown' }),
    )
  },
}

export const segments: Unit = {
  name: 'segment',
  on: 'each',
  of: 'network',
  run(view, key) {
    const net = view.get('network', key)
    const segment = net && segmentsOf(net)[0]
    const physical = segment && view.get('physicalNetwork', segment.physicalNetwork)
    if (!net || !segment || !physical) return
    const from = [`network/${key}`]
    const here = { [network]: net.number }
    const shared = (...args: Parameters<typeof flow>) =>
      view.emit(block.network(key), flow(...args))
    const joiner = net.extension && view.get('host', net.extension.hostId)
    const onSegment = (...args: Parameters<typeof flow>) => {
      // A host of kind vtep joins by a row: vtep-units.ts.
      if (joiner?.kind === 'vtep' || isJoinHeld(view, net)) return
      const own = net.extension ? block.host(net.extension.hostId) : block.network(key)
      view.emit(own, flow(...args))
    }

    const in_port = patchOfport(physical.number)
    const admit = [set(network, net.number), set(origin, fromSegment)]
    const withTag = {
      apply: [...measureEntering(net, TAG_BYTES), popTag, ...admit, enterAnew('admission')],
    }
    if (segment.vid === undefined) {
      const does = { apply: [...measureEntering(net), ...admit], goto: table.admission }
      onSegment(from, table.classify, 100, { in_port, vlan_vid: UNTAGGED }, does)
      onSegment(from, table.classify, 100, { in_port, vlan_vid: PRIORITY_TAG }, withTag)
    } else {
      const vlan_vid = taggedWith(segment.vid)
      onSegment(from, table.classify, 100, { in_port, vlan_vid }, withTag)
    }
    const flood = net.extension ? segmentFloodGroup(net.number) : localFloodGroup(net.number)
    const group = { kind: 'group', group_id: flood } as const
    onSegment(
      from,
      table.l2,
      90,
      { ...here, [origin]: fromSegment, eth_dst: MULTICAST },
      { apply: net.type === 'vxlan' ? [set('tunnel_id', BigInt(net.vni)), group] : [group] },
    )
    // All that no port of ours has may be out there.
    for (const asked of [{ eth_type: ARP, arp_op: 1 }, asksAll])
      shared(from, table.responders, 150, { ...here, ...asked }, goto(table.l2))
    onSegment(
      from,
      table.l2,
      50,
      { ...here, [origin]: notFromSegment },
      { apply: outputTagged(in_port, segment.vid) },
    )
    if (!joiner || net.type !== 'vxlan') return
    const match = { ...here, [origin]: fromWorkload }
    for (const [way, vtep] of waysTo(joiner)) {
      const apply = [set('tunnel_id', BigInt(net.vni)), toVtep(vtep), output(TUNNEL_OFPORT)]
      view.emit(block.way(way, key), flow(from, table.l2, 40, match, { apply }))
    }
  },
}
