/**
 * One port: admitted and secured on its own host; answered for, looked up and reached from every host of the network. A
 * sub-port is a port like any other, but for the tag on its frames. Shared flows go to the network's blocks, so that a port
 * costs its own host a handful of flows and every other host of the network three, whatever the number of hosts.
 */
import type { Action } from '../../southbound/openflow/action.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { IN_PORT } from '../../southbound/openflow/port.ts'
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { familyOf } from '../model/ip-address.ts'
import type { Network, Port } from '../model/schema.ts'
import { segmentsOf } from '../model/segment.ts'
import { flow } from './items.ts'
import { blameIpv6, ipv6Claims, secureIpv6, solicited } from './neighbour-units.ts'
import {
  ARP,
  enterAnew,
  fromSegment,
  goto,
  IPV4,
  measureEntering,
  move,
  networkKeyOf,
  notFromTunnel,
  output,
  outputTagged,
  PRIORITY_TAG,
  popTag,
  set,
  TAG_BYTES,
  TAGGED,
  TAGGED_AND_FITTING,
  taggedWith,
} from './parts.ts'
import type { Emitter, PlacedAt, Placement, Unit } from './program.ts'
import type { DropReason } from './reason.ts'
import { dropAndShow } from './sample-units.ts'
import { block, COUNTED_PRIORITY, register, TUNNEL_OFPORT, table } from './stages.ts'
import { toVtep, waysTo } from './ways.ts'

const { origin, network, source, destination } = register

export const port: Unit = {
  name: 'port',
  on: 'each',
  of: 'placement',
  run(view, key) {
    const place = view.get('placement', key)
    const net = place && view.get('network', networkKeyOf(place))
    if (!net || !view.get('host', place.hostId)) return
    if (place.at.kind !== 'vtep') {
      admit(view, key, net, { ...place, at: place.at })
      secure(view, key, place)
      blame(view, key, net, place)
    }
    answer(view, key, net, place)
    reach(view, key, net, place)
  },
}

/** What a port says as text, read once for all of its flows: they are made one after the other. */
interface Numbers {
  readonly port: Port | undefined
  readonly mac: number
  readonly ipv4: readonly number[]
}
let last: Numbers = { port: undefined, mac: 0, ipv4: [] }
function numbersOf(port: Port): Numbers {
  if (last.port === port) return last
  const ipv4 = port.addresses.filter((each) => familyOf(each) === 4).map(parseIpv4)
  last = { port, mac: parseMac(port.mac), ipv4 }
  return last
}
const ipv4Of = (port: Port) => numbersOf(port).ipv4
const macOf = (port: Port) => numbersOf(port).mac

type AtSwitch = Exclude<PlacedAt, { kind: 'vtep' }>

/** Classified by where it comes in, and given out there. */
function admit(
  view: Emitter,
  key: string,
  net: Network,
  { port, hostId, at }: Placement & { readonly at: AtSwitch },
): void {
  const from = [`port/${key}`]
  const own = (tableId: number, priority: number, match: Match, does: Parameters<typeof flow>[4]) =>
    view.emit(block.host(hostId), flow(from, tableId, priority, match, does))
  const { ofport } = at
  const sender = [set(network, net.number), set(source, port.number)]
  const untagged = {
    apply: [...measureEntering(net, TAG_BYTES), popTag, ...sender, enterAnew('admission')],
  }
  const mine = { [destination]: port.number }
  if (at.kind === 'subport') {
    own(table.classify, 120, { in_port: ofport, vlan_vid: taggedWith(at.vid) }, untagged)
    const apply = outputTagged(IN_PORT, at.vid)
    own(table.answer, COUNTED_PRIORITY, { [source]: port.number }, { apply })
    // To its own trunk nothing goes, and nothing is counted.
    own(table.output, COUNTED_PRIORITY + 1, { in_port: ofport, ...mine }, {})
  } else {
    const does = { apply: [...measureEntering(net), ...sender], goto: table.admission }
    own(table.classify, 100, { in_port: ofport }, does)
    // A priority tag is no VLAN, RFC 7348 §6.1.
    const match = { in_port: ofport, vlan_vid: PRIORITY_TAG }
    own(table.classify, 110, match, untagged)
  }
  const apply = outputTagged(ofport, at.kind === 'subport' ? at.vid : undefined)
  own(table.output, COUNTED_PRIORITY, mine, { apply })
}

/** What every host drops, once more with the port that sent it: its counters are the port's. */
function blame(view: Emitter, key: string, net: Network, { port, hostId }: Placement): void {
  const mine = { [source]: port.number }
  const drop = (tableId: number, priority: number, match: Match, reason: DropReason) =>
    view.emit(
      block.host(hostId),
      flow([`port/${key}`], tableId, priority, { ...mine, ...match }, dropAndShow(reason)),
    )
  drop(table.admission, 201, TAGGED_AND_FITTING, 'vlan_not_allowed')
  drop(table.responders, 101, { eth_type: ARP, arp_op: 1 }, 'arp_unknown')
  blameIpv6(drop, port)
  drop(table.l2, 1, {}, 'mac_unknown')
  drop(table.output, 1, {}, 'port_not_here')
  drop(table.oversize, 200, {}, 'mtu_exceeded')
  if (net.vlanTransparent === true)
    drop(table.innerTag, 101, { vlan_vid: TAGGED }, 'vlan_not_allowed')
}

/** Held to its addresses. */
function secure(view: Emitter, key: string, { port, hostId }: Placement): void {
  const from = [`port/${key}`]
  const own = (tableId: number, priority: number, match: Match, does: Parameters<typeof flow>[4]) =>
    view.emit(block.host(hostId), flow(from, tableId, priority, match, does))
  const mac = macOf(port)
  const mine = { [source]: port.number, eth_src: mac }
  const { portSecurity } = table
  own(portSecurity, 10, { [source]: port.number }, dropAndShow('port_security'))
  for (const address of ipv4Of(port)) {
    own(portSecurity, 100, { ...mine, eth_type: IPV4, ipv4_src: address }, goto(table.l2))
    // A sender of 0.0.0.0 is an address probe (RFC 5227 §2.1.1).
    for (const arp_spa of [address, 0]) {
      const match = { ...mine, eth_type: ARP, arp_sha: mac, arp_spa }
      own(portSecurity, 100, match, goto(table.responders))
    }
  }
  secureIpv6(own, port)
}

/** ARP for its addresses is answered on every host of the network, but not to itself. */
function answer(view: Emitter, key: string, net: Network, place: Placement): void {
  const { port, hostId, at } = place
  const from = [`port/${key}`]
  for (const address of ipv4Of(port)) {
    const asked = { eth_type: ARP, arp_op: 1, arp_tpa: address }
    // Or its duplicate address detection would fail; its announcements are flooded.
    if (at.kind !== 'vtep')
      view.emit(
        block.host(hostId),
        flow(from, table.responders, 300, { [source]: port.number, ...asked }, goto(table.l2)),
      )
    view.emit(
      block.network(networkKeyOf(place)),
      flow(
        from,
        table.responders,
        200,
        { [network]: net.number, ...asked },
        { apply: arpReply(macOf(port), address), goto: table.answer },
      ),
    )
  }
}

/** Turns an ARP request in place into its answer (RFC 826). */
function arpReply(mac: number, address: number): Action[] {
  return [
    move(['eth_src', 0], ['eth_dst', 0], 48),
    set('eth_src', mac),
    set('arp_op', 2),
    move(['arp_sha', 0], ['arp_tha', 0], 48),
    move(['arp_spa', 0], ['arp_tpa', 0], 32),
    set('arp_sha', mac),
    set('arp_spa', address),
  ]
}

/**
 * Of a VXLAN network every host knows every port; of the others a host knows its own, and the physical network the rest.
 * From outside nobody may be one of them: that is a loop, or a forgery.
 */
function reach(view: Emitter, key: string, net: Network, place: Placement): void {
  const { port, hostId } = place
  const home = view.get('host', hostId)
  if (!home || (net.type !== 'vxlan' && home.kind !== 'ovs')) return
  const from = [`port/${key}`]
  const mac = macOf(port)
  const here = { [network]: net.number }
  const wanted = net.type === 'vxlan' ? block.network(networkKeyOf(place)) : block.host(hostId)
  const share = (
    tableId: number,
    priority: number,
    match: Match,
    does: Parameters<typeof flow>[4],
  ) => view.emit(wanted, flow(from, tableId, priority, match, does))
  const apply = [set(destination, port.number)]
  share(table.l2, 100, { ...here, eth_dst: mac }, { apply, goto: table.output })
  solicited(share, net, port)
  const looker = net.extension?.hostId ?? hostId
  // A host of kind vtep looks for that by an ACL.
  if (segmentsOf(net).length > 0 && view.get('host', looker)?.kind === 'ovs') {
    const claims: readonly (readonly [priority: number, claim: Match])[] = [
      [100, { eth_src: mac }],
      ...ipv4Of(port).flatMap((address) => [
        [99, { eth_type: ARP, arp_spa: address }] as const,
        [99, { eth_type: IPV4, ipv4_src: address }] as const,
      ]),
      ...ipv6Claims(port).map((claim) => [99, claim] as const),
    ]
    for (const [priority, claim] of claims) {
      const match = { ...here, [origin]: fromSegment, ...claim }
      const drop = flow(from, table.portSecurity, priority, match, { drop: 'source_looped' })
      view.emit(block.host(looker), drop)
    }
  }
  if (net.type !== 'vxlan') return
  for (const [way, vtep] of waysTo(home)) {
    const apply = [set('tunnel_id', BigInt(net.vni)), toVtep(vtep), output(TUNNEL_OFPORT)]
    const match = { [origin]: notFromTunnel, [destination]: port.number }
    view.emit(block.way(way, networkKeyOf(place)), flow(from, table.output, 100, match, { apply }))
  }
}
