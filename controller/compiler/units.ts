/**
 * The program: how tenants' networks and ports become flows, groups and meters. Each unit is a pure function of what it
 * reads; `stages.ts` has the picture of the pipeline. Shared flows go to the network's block, so that a port costs its own
 * host a handful of flows and every other host of the network three, whatever the number of hosts.
 */
import type { Action } from '../../southbound/openflow/action.ts'
import { IN_PORT } from '../../southbound/openflow/port.ts'
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { flow, group, meter } from './items.ts'
import { type Emitter, index, type Placement, type Program, type Unit } from './program.ts'
import { block, floodGroup, localFloodGroup, register, TUNNEL_OFPORT, table } from './stages.ts'

const ARP = 0x0806
const IPV4 = 0x0800
/** Bytes of an untagged Ethernet header, which a network's MTU does not count. */
const ETHERNET_BYTES = 14
const MULTICAST = [0x010000000000, 0x010000000000] as const
const VLAN_PRESENT = [0x1000, 0x1000] as const

const { fromTunnel, network, source, destination, oversize } = register
const set = (field: string, value: number | bigint): Action =>
  ({ kind: 'set_field', field, value }) as Action
const goto = (table_id: number) => ({ goto: table_id })

/** What every host has: the tunnel's entry, and at the end of each table the drop with its reason. */
const site: Unit = {
  name: 'site',
  on: 'site',
  run(view) {
    const emit = (...args: Parameters<typeof flow>) => view.emit(block.site, flow(...args))
    const from = ['site']
    emit(from, table.classify, 100, { in_port: TUNNEL_OFPORT }, goto(table.tunnel))
    emit(from, table.classify, 0, {}, { drop: 'port_unknown' })
    emit(from, table.tunnel, 0, {}, { drop: 'vni_unknown' })
    emit(from, table.peer, 0, {}, { drop: 'vtep_unknown' })
    emit(from, table.admission, 200, { vlan_vid: VLAN_PRESENT }, { drop: 'vlan_not_allowed' })
    emit(from, table.admission, 0, {}, goto(table.portSecurity))
    emit(from, table.portSecurity, 0, {}, { drop: 'port_security' })
    emit(from, table.responders, 100, { eth_type: ARP, arp_op: 1 }, { drop: 'arp_unknown' })
    emit(from, table.responders, 0, {}, goto(table.l2))
    emit(from, table.l2, 0, {}, { drop: 'mac_unknown' })
    emit(from, table.output, 0, {}, { drop: 'port_not_here' })
  },
}

const host: Unit = {
  name: 'host',
  on: 'each',
  of: 'host',
  run(view, key) {
    view.link(key, block.site)
    view.link(key, block.host(key))
  },
}

/** One network: VNI in, size limit, broadcast and multicast to its group. */
const networks: Unit = {
  name: 'network',
  on: 'each',
  of: 'network',
  run(view, key) {
    const net = view.get('network', key)
    if (!net) return
    const emit = (...args: Parameters<typeof flow>) => view.emit(block.network(key), flow(...args))
    const from = [`network/${key}`]
    const here = { [network]: net.number }
    view.emit(block.network(key), meter(from, net.number))
    emit(
      from,
      table.tunnel,
      100,
      { tunnel_id: BigInt(net.vni) },
      {
        apply: [set(fromTunnel, 1), set(network, net.number)],
        goto: table.peer,
      },
    )
    emit(
      from,
      table.admission,
      100,
      { ...here, [oversize]: [1, 1] },
      { drop: 'mtu_exceeded', meter: net.number },
    )
    emit(
      from,
      table.l2,
      90,
      { ...here, [fromTunnel]: 0, eth_dst: MULTICAST },
      {
        apply: [
          set('tunnel_id', BigInt(net.vni)),
          { kind: 'group', group_id: floodGroup(net.number) },
        ],
      },
    )
    emit(
      from,
      table.l2,
      90,
      { ...here, [fromTunnel]: 1, eth_dst: MULTICAST },
      {
        apply: [{ kind: 'group', group_id: localFloodGroup(net.number) }],
      },
    )
  },
}

/** A network on a host: the host links the network's block, its VTEP becomes a peer, its two flood groups. */
const networkOnHost: Unit = {
  name: 'networkOnHost',
  on: 'pair',
  of: 'hostsOfNetwork',
  run(view, networkKey, hostKey) {
    const net = view.get('network', networkKey)
    const self = view.get('host', hostKey)
    if (!net || !self) return
    const from = [`host/${hostKey}`, `network/${networkKey}`]
    view.link(hostKey, block.network(networkKey))
    view.emit(
      block.network(networkKey),
      flow(
        from,
        table.peer,
        100,
        { [network]: net.number, tun_src: parseIpv4(self.vtepAddress) },
        goto(table.l2),
      ),
    )
    const local = localPorts(view, networkKey, hostKey).map((ofport) => [output(ofport)])
    const remote = remoteVteps(view, networkKey, hostKey).map((vtep) => [
      set('tun_dst', vtep),
      output(TUNNEL_OFPORT),
    ])
    view.emit(block.host(hostKey), group(from, floodGroup(net.number), [...local, ...remote]))
    view.emit(block.host(hostKey), group(from, localFloodGroup(net.number), local))
  },
}

/** One port: admitted and secured on its own host; answered for, looked up and reached from every host of the network. */
const port: Unit = {
  name: 'port',
  on: 'each',
  of: 'placement',
  run(view, key) {
    const place = view.get('placement', key)
    const net = place && view.get('network', networkKeyOf(place))
    const home = place && view.get('host', place.hostId)
    if (!net || !home) return
    const { port, hostId, ofport } = place
    const from = [`port/${key}`]
    const mac = parseMac(port.mac)
    const addresses = port.addresses.map(parseIpv4)
    const own = (...args: Parameters<typeof flow>) => view.emit(block.host(hostId), flow(...args))
    const shared = (...args: Parameters<typeof flow>) =>
      view.emit(block.network(networkKeyOf(place)), flow(...args))
    const here = { [network]: net.number }
    const mine = { [source]: port.number, eth_src: mac }

    own(
      from,
      table.classify,
      100,
      { in_port: ofport },
      {
        apply: [
          set(network, net.number),
          set(source, port.number),
          {
            kind: 'check_pkt_larger',
            pkt_len: ETHERNET_BYTES + net.mtuBytes,
            dst: { field: oversize, ofs: 0 },
          },
        ],
        goto: table.admission,
      },
    )
    own(from, table.portSecurity, 10, { [source]: port.number }, { drop: 'port_security' })
    for (const address of addresses) {
      own(
        from,
        table.portSecurity,
        100,
        { ...mine, eth_type: IPV4, ipv4_src: address },
        goto(table.l2),
      )
      // A sender of 0.0.0.0 is an address probe (RFC 5227 §2.1.1).
      for (const arp_spa of [address, 0]) {
        own(
          from,
          table.portSecurity,
          100,
          { ...mine, eth_type: ARP, arp_sha: mac, arp_spa },
          goto(table.responders),
        )
      }
      // Nobody answers a port about itself, or its duplicate address detection would fail; its announcements are flooded.
      own(
        from,
        table.responders,
        300,
        { [source]: port.number, eth_type: ARP, arp_op: 1, arp_tpa: address },
        goto(table.l2),
      )
      shared(
        from,
        table.responders,
        200,
        { ...here, eth_type: ARP, arp_op: 1, arp_tpa: address },
        {
          apply: arpReply(mac, address),
        },
      )
    }
    shared(
      from,
      table.l2,
      100,
      { ...here, eth_dst: mac },
      { apply: [set(destination, port.number)], goto: table.output },
    )
    shared(
      from,
      table.output,
      100,
      { [fromTunnel]: 0, [destination]: port.number },
      {
        apply: [
          set('tunnel_id', BigInt(net.vni)),
          set('tun_dst', parseIpv4(home.vtepAddress)),
          output(TUNNEL_OFPORT),
        ],
      },
    )
    own(from, table.output, 200, { [destination]: port.number }, { apply: [output(ofport)] })
  },
}

/** Turns an ARP request in place into its answer and sends it back where it came from (RFC 826). */
function arpReply(mac: number, address: number): Action[] {
  const move = (from: string, to: string, n_bits: number) =>
    ({
      kind: 'move',
      src: { field: from, ofs: 0, n_bits },
      dst: { field: to, ofs: 0, n_bits },
    }) as Action
  return [
    move('eth_src', 'eth_dst', 48),
    set('eth_src', mac),
    set('arp_op', 2),
    move('arp_sha', 'arp_tha', 48),
    move('arp_spa', 'arp_tpa', 32),
    set('arp_sha', mac),
    set('arp_spa', address),
    output(IN_PORT),
  ]
}

function output(ofport: number): Action {
  return { kind: 'output', port: ofport, max_len: 0 }
}

/** In ascending order, so that the same ports give the same bytes. */
function localPorts(view: Emitter, networkKey: string, hostKey: string): number[] {
  const ofports: number[] = []
  for (const key of view.index('portsOfNetworkOnHost', `${networkKey}|${hostKey}`)) {
    const place = view.get('placement', key)
    if (place) ofports.push(place.ofport)
  }
  return ofports.sort((a, b) => a - b)
}

function remoteVteps(view: Emitter, networkKey: string, hostKey: string): number[] {
  const vteps: number[] = []
  for (const other of view.index('hostsOfNetwork', networkKey)) {
    const peer = other === hostKey ? undefined : view.get('host', other)
    if (peer) vteps.push(parseIpv4(peer.vtepAddress))
  }
  return vteps.sort((a, b) => a - b)
}

function networkKeyOf({ port }: Placement): string {
  return `${port.tenant}/${port.network}`
}

/** The whole pipeline. */
export const pipeline: Program = {
  indexes: {
    hostsOfNetwork: index('placement', (place) => [[networkKeyOf(place), place.hostId]]),
    portsOfNetworkOnHost: index('placement', (place, key) => [
      [`${networkKeyOf(place)}|${place.hostId}`, key],
    ]),
  },
  units: [site, host, networks, networkOnHost, port],
}
