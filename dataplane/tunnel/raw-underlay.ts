/**
 * The switch's own end on the underlay: a MAC, addresses and an MTU on a port, with ARP, neighbour
 * discovery, echo and VXLAN and nothing else. Frames of tunnel ports go out here and come in here.
 * Neighbours: routes.ts and neighbours.ts (where to), vxlan.ts (headers), underlay.ts (options).
 */
import { BROADCAST_MAC } from '../../southbound/wire/address.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { IP_PROTO } from '../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../southbound/wire/ipv6.ts'
import { DROP } from '../packet/drop.ts'
import { type Address, copyAddress, formatAddress, isIpv4, isNone, sameAddress } from './address.ts'
import { announcement, groupsOf, readArp, readDiscovery } from './discovery.ts'
import { echoReply } from './echo.ts'
import { encapsulate, ipv4Overhead, ipv6Overhead } from './encapsulate.ts'
import { neighbours } from './neighbours.ts'
import { newOuter } from './outer.ts'
import { portSet } from './port-set.ts'
import { routes } from './routes.ts'
import { type RawUnderlayOptions, SENT, type Underlay, type UnderlayHost } from './underlay.ts'
import {
  DECAPSULATED,
  decapsulateIpv4,
  decapsulateIpv6,
  type Inner,
  OTHER_PACKET,
} from './vxlan.ts'

/** What a total length of 16 bits can say, bytes. */
const LARGEST_PACKET = 65_535

export function rawUnderlay(options: RawUnderlayOptions, host: UnderlayHost): Underlay {
  const { port, mac } = options
  const table = routes(options.addresses, options.routes)
  const { own } = table
  const groups = new Set(own.flatMap(groupsOf))
  const ports = portSet()
  const inner: Inner = { start: 0, end: 0 }
  const outer = newOuter()
  const isOurs = (address: Address) => {
    for (let i = 0; i < own.length; i++) if (sameAddress(own[i]!, address)) return true
    return false
  }
  const receiver = { isOurs, takes: ports.has }
  const mtu = () => Math.min(options.mtuBytes ?? LARGEST_PACKET, LARGEST_PACKET, port.mtuBytes)

  const peers = neighbours({
    mac,
    own,
    clock: host.clock,
    source: table.source,
    drop: host.drop,
    send: (frame) => port.transmit(frame, 0, frame.length),
  })

  /** Whether it was an echo request, which is answered then. */
  const answered = (bytes: Uint8Array, start: number, end: number): boolean => {
    if (end - start - ethernet.size > mtu()) return false
    const reply = echoReply(bytes, start, end, isOurs)
    if (reply) port.transmit(reply, 0, reply.length)
    return reply !== undefined
  }

  const receive = (bytes: Uint8Array, start: number, end: number) => {
    const ip = start + ethernet.size
    if (ip > end) return host.drop(DROP.underlay_malformed)
    const dst = ethernet.get.dst(bytes, start)
    if (dst !== mac && dst !== BROADCAST_MAC && !groups.has(dst)) {
      return host.drop(DROP.underlay_not_ours)
    }
    const type = ethernet.get.type(bytes, start)
    let result = OTHER_PACKET
    if (type === ETH_TYPE.arp) return peers.hear(readArp(bytes, ip, end))
    if (type === ETH_TYPE.ipv4) {
      result = decapsulateIpv4(bytes, ip, end, receiver, outer, inner)
    } else if (type === ETH_TYPE.ipv6) {
      if (end - ip >= ipv6.size && ipv6.get.nextHeader(bytes, ip) === IP_PROTO.icmpv6) {
        if (dst === mac && answered(bytes, start, end)) return
        return peers.hear(readDiscovery(bytes, ip, end, ethernet.get.src(bytes, start)))
      }
      result = decapsulateIpv6(bytes, ip, end, receiver, outer, inner)
    }
    if (result === DECAPSULATED) host.receive(bytes, inner.start, inner.end, outer)
    else if (result === OTHER_PACKET && dst === mac && answered(bytes, start, end)) return
    else host.drop(result === OTHER_PACKET ? DROP.underlay_unwanted : result)
  }
  const announce = () => {
    if (!port.up) return
    for (const address of own) {
      const frame = announcement(mac, address)
      port.transmit(frame, 0, frame.length)
    }
  }
  let wasUp = port.up
  const stopReceiving = port.onReceive(receive)
  const stopWatching = port.onState(() => {
    if (port.up && !wasUp) announce()
    wasUp = port.up
  })
  announce()

  return {
    addresses: own.map(formatAddress),
    get mtuBytes() {
      return mtu()
    },
    listen: ports.add,
    send(packet, to) {
      const { bytes, start, end } = packet
      const four = isIpv4(to.dst)
      if (end - start + (four ? ipv4Overhead : ipv6Overhead) > mtu()) {
        return DROP.underlay_mtu_exceeded
      }
      const hop = table.nextHop(to.dst)
      if (!hop) return DROP.underlay_no_route
      if (isNone(to.src)) {
        const source = table.source(hop)
        if (!source) return DROP.underlay_no_route
        copyAddress(source, to.src)
      } else if (!isOurs(to.src) || isIpv4(to.src) !== four) return DROP.tunnel_no_source
      if (!port.up) return DROP.underlay_down
      const neighbour = peers.find(hop)
      const at = encapsulate(bytes, start, end, to, mac, neighbour?.mac ?? 0)
      if (neighbour) port.transmit(bytes, at, end)
      else if (!peers.wait(hop, bytes, at, end)) return DROP.underlay_queue_full
      return SENT
    },
    close() {
      stopReceiving()
      stopWatching()
      peers.close()
    },
  }
}
