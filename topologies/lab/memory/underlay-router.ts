/**
 * A router of the memory lab's underlay: IPv4 and IPv6 by the static routes of the plan. It answers ARP, neighbour discovery and
 * echo for its own addresses, cuts nothing, says by ICMP what is too big for the next link or has gone too far, and takes one of
 * several equal ways by the flow. Neighbours: underlay-packet.ts (the bytes), underlay-link.ts (the cables),
 * dataplane/tunnel/neighbours.ts (who has which MAC).
 */
import { DROP } from '../../../dataplane/packet/drop.ts'
import { type MemoryPort, memoryPort } from '../../../dataplane/ports/memory.ts'
import {
  type Address,
  addressMap,
  isIn,
  isIpv4,
  isMulticast,
  parseAddress,
  parsePrefix,
  sameAddress,
} from '../../../dataplane/tunnel/address.ts'
import { groupsOf, readArp, readDiscovery } from '../../../dataplane/tunnel/discovery.ts'
import { echoReply } from '../../../dataplane/tunnel/echo.ts'
import { type Neighbours, neighbours } from '../../../dataplane/tunnel/neighbours.ts'
import { BROADCAST_MAC } from '../../../southbound/wire/address.ts'
import type { Clock } from '../../../southbound/wire/clock.ts'
import { ETH_TYPE, ethernet } from '../../../southbound/wire/ethernet.ts'
import { IP_PROTO } from '../../../southbound/wire/ipv4.ts'
import type { RouterInterface, RouterPlan } from '../underlay-plan.ts'
import {
  countedDown,
  flowHash,
  type IcmpError,
  icmpError,
  type RoutedPacket,
  readPacket,
} from './underlay-packet.ts'

/** MAC of an interface: this and 256 times the router's number and the interface's. Locally administered. */
const ROUTER_MAC = 0x0257_feff_0000

export interface RouterCounters {
  forwarded: number
  /** Came with no hop left. */
  expired: number
  /** Longer than the next link takes. */
  tooBig: number
  noRoute: number
  /** No packet that a router takes, or for somebody else on the link. */
  ignored: number
  /** The neighbour does not answer. */
  unresolved: number
}

export interface UnderlayRouter {
  readonly id: string
  readonly counters: Readonly<RouterCounters>
  /** One for each interface of the plan, in its order. */
  readonly ports: readonly MemoryPort[]
  close(): void
}

interface Leg {
  readonly port: MemoryPort
  readonly mac: number
  readonly own: readonly Address[]
  /** MACs of the multicast groups of its addresses. */
  readonly groups: readonly number[]
  readonly plan: RouterInterface
  readonly peers: Neighbours
}

interface Hop {
  readonly leg: Leg
  /** Undefined: the packet's own destination is on the link. */
  readonly address: Address | undefined
}

/** @param number of the router, for its MACs and its choice among equal ways */
export function underlayRouter(plan: RouterPlan, number: number, clock: Clock): UnderlayRouter {
  const counters = { forwarded: 0, expired: 0, tooBig: 0, noRoute: 0, ignored: 0, unresolved: 0 }
  const legs = plan.interfaces.map((each, at) => legOf(plan.id, each, macOf(number, at), clock))
  const routes = addressMap<Hop[]>()
  for (const { to, via } of plan.routes)
    routes.set(
      parseAddress(to),
      via.flatMap(({ interface: at, address }) => {
        const leg = legs[at]
        return leg ? [{ leg, address: parseAddress(address) }] : []
      }),
    )
  const links = legs.flatMap((leg) =>
    leg.plan.addresses.map((text) => ({ leg, prefix: parsePrefix(text) })),
  )
  const isOurs = (address: Address) =>
    legs.some(({ own }) => own.some((each) => sameAddress(each, address)))

  const hopTo = (packet: RoutedPacket): Hop | undefined => {
    const onLink = links.find(
      ({ prefix }) => isIpv4(prefix.address) === isIpv4(packet.dst) && isIn(packet.dst, prefix),
    )
    if (onLink) return { leg: onLink.leg, address: undefined }
    const equal = routes.get(packet.dst)
    return equal?.[flowHash(packet, number) % equal.length]
  }
  const refuse = (leg: Leg, packet: RoutedPacket, error: IcmpError) => {
    const from = leg.own.find((each) => isIpv4(each) === isIpv4(packet.src))
    const answer = from && icmpError(packet, error, from)
    const about = answer && readPacket(answer)
    const hop = about && hopTo(about)
    if (hop) transmit(hop, about, about.bytes)
  }
  const transmit = ({ leg, address }: Hop, { dst }: RoutedPacket, bytes: Uint8Array) => {
    const next = address ?? dst
    const frame = new Uint8Array(ethernet.size + bytes.length)
    const type = isIpv4(dst) ? ETH_TYPE.ipv4 : ETH_TYPE.ipv6
    const neighbour = leg.peers.find(next)
    ethernet.write(frame, 0, { dst: neighbour?.mac ?? 0, src: leg.mac, type })
    frame.set(bytes, ethernet.size)
    if (neighbour) leg.port.send(frame)
    else if (!leg.peers.wait(next, frame, 0, frame.length)) counters.unresolved++
  }
  const forward = (leg: Leg, packet: RoutedPacket) => {
    if (packet.hops <= 1) {
      counters.expired++
      return refuse(leg, packet, { kind: 'expired' })
    }
    const hop = hopTo(packet)
    if (!hop) {
      counters.noRoute++
      return
    }
    const { mtuBytes } = hop.leg.plan.link
    if (packet.bytes.length > mtuBytes) {
      counters.tooBig++
      return refuse(leg, packet, { kind: 'too_big', mtuBytes })
    }
    counters.forwarded++
    transmit(hop, packet, countedDown(packet))
  }
  /** Of its own: ARP, neighbour discovery, echo. */
  const answered = (leg: Leg, frame: Uint8Array, packet: RoutedPacket): boolean => {
    if (packet.protocol === IP_PROTO.icmpv6 && (isMulticast(packet.dst) || isOurs(packet.dst))) {
      const src = ethernet.get.src(frame, 0)
      const heard = readDiscovery(frame, ethernet.size, frame.length, src)
      if (heard !== undefined) {
        leg.peers.hear(heard)
        return true
      }
    }
    const reply = echoReply(frame, 0, frame.length, isOurs)
    if (reply) leg.port.send(reply)
    return reply !== undefined
  }
  const receive = (leg: Leg, frame: Uint8Array): void => {
    const { dst: to, type } =
      frame.length < ethernet.size ? { dst: 0, type: 0 } : ethernet.read(frame, 0)
    const isForUs = to === leg.mac || to === BROADCAST_MAC || leg.groups.includes(to)
    if (isForUs && type === ETH_TYPE.arp)
      return leg.peers.hear(readArp(frame, ethernet.size, frame.length))
    const isIp = isForUs && (type === ETH_TYPE.ipv4 || type === ETH_TYPE.ipv6)
    const packet = isIp ? readPacket(frame.subarray(ethernet.size)) : undefined
    if (packet && answered(leg, frame, packet)) return
    if (packet && to === leg.mac && !isOurs(packet.dst) && !isMulticast(packet.dst))
      return forward(leg, packet)
    counters.ignored++
  }
  for (const leg of legs) leg.port.onFrame((frame) => receive(leg, frame))

  function legOf(id: string, each: RouterInterface, mac: number, time: Clock): Leg {
    const port = memoryPort({ name: `${id}.${each.peer}`, mac, mtuBytes: each.link.mtuBytes })
    const own = each.addresses.map((text) => parsePrefix(text).address)
    const peers = neighbours({
      ...{ mac, own, clock: time },
      source: (to) => own.find((address) => isIpv4(address) === isIpv4(to)),
      send: (frame) => port.send(frame),
      drop: (reason) => {
        if (reason === DROP.underlay_unresolved) counters.unresolved++
      },
    })
    return { port, mac, own, groups: own.flatMap(groupsOf), plan: each, peers }
  }

  return {
    id: plan.id,
    counters,
    ports: legs.map(({ port }) => port),
    close() {
      for (const { peers, port } of legs) {
        peers.close()
        port.disconnect()
      }
    },
  }
}

const macOf = (router: number, at: number): number => ROUTER_MAC + router * 256 + at
