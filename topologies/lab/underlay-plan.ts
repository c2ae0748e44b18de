/**
 * The underlay of a lab worked out before anything is made: links with all that they do to a packet, routers with their
 * addresses, and static routes on the shortest ways, by which both back ends are built. Pure.
 *
 *     h1 192.0.2.11/31 ── 192.0.2.10/31 leaf1 100.64.0.4/31 ── 100.64.0.5/31 spine1 ── …
 *
 * A host's VTEP address is one end of a link of two, its router has the other (RFC 3021, RFC 6164): the host needs one route,
 * by default. Between routers addresses come from 100.64.0.0/10 (RFC 6598) and fd57::/64, by the link's place in the document.
 * Neighbours: controller/model/lab-underlay.ts (what a document may say), memory/underlay.ts, netns/routed.ts.
 */
import { gatewayOf, ROUTER_RANGES, SEGMENT } from '../../controller/model/lab-underlay.ts'
import type { Route } from '../../dataplane/tunnel/routes.ts'
import { formatIpv4, parseIpv4 } from '../../southbound/wire/address.ts'
import { vtepAddresses } from './addresses.ts'
import type { LabDocument } from './lab.ts'

export interface LinkPlan {
  readonly id: string
  /** A host first; the other a router, or the segment of all hosts. */
  readonly ends: readonly [string, string]
  /** Bytes of IP packet. */
  readonly mtuBytes: number
  /** One way. */
  readonly delayMs: number
  readonly lossPercent: number
  /** Absent: no bound. */
  readonly rateBitsPerSecond?: number | undefined
}

/** A host as its operator tells it: addresses with their prefix, where there are routers, and the way to all others. */
export interface StationPlan {
  readonly hostId: string
  readonly addresses: readonly string[]
  readonly routes: readonly Route[]
  /** Its link; absent: nothing is said of it. */
  readonly link?: LinkPlan | undefined
}

export interface RouterInterface {
  readonly link: LinkPlan
  /** Who is at the other end. */
  readonly peer: string
  /** `192.0.2.10/31` */
  readonly addresses: readonly string[]
}

export interface NextHop {
  /** Place in `interfaces`. */
  readonly interface: number
  /** Of the neighbour there. */
  readonly address: string
}

export interface RouterPlan {
  readonly id: string
  readonly interfaces: readonly RouterInterface[]
  /** To every VTEP that is not at the other end of an interface; of several next hops a flow takes one. */
  readonly routes: readonly { readonly to: string; readonly via: readonly NextHop[] }[]
}

export interface UnderlayPlan {
  readonly links: readonly LinkPlan[]
  /** None: the underlay is one segment. */
  readonly routers: readonly RouterPlan[]
  /** By host. */
  readonly stations: ReadonlyMap<string, StationPlan>
}

const bare = (address: string): string => address.replace(/\/.*/, '')
const FIRST_IPV4 = parseIpv4(bare(ROUTER_RANGES.ipv4))
const FIRST_IPV6 = bare(ROUTER_RANGES.ipv6)
const isIpv6 = (address: string): boolean => address.includes(':')

export function planUnderlay(document: LabDocument): UnderlayPlan {
  const { routers: named = {} } = document.lab?.underlay ?? {}
  const links = linksOf(document)
  const linkOf = new Map(links.map((link) => [link.ends[0], link]))
  const ids = Object.keys(named)
  const hosts = Object.entries(document.hosts)
  const stations = new Map(
    hosts.map(([hostId, host]): [string, StationPlan] => {
      const own = vtepAddresses(host)
      const link = linkOf.get(hostId)
      if (ids.length === 0) return [hostId, { hostId, addresses: own, routes: [], link }]
      const addresses = own.map((address) => `${address}/${isIpv6(address) ? 127 : 31}`)
      const routes = own.map((address) => ({ to: 'default', via: gatewayOf(address) }))
      return [hostId, { hostId, addresses, routes, link }]
    }),
  )
  const all = hosts.flatMap(([, host]) => vtepAddresses(host))
  const families = new Set(all.map(isIpv6))
  const addressesOn = addressing(document, links, families)
  const routers = ids.map((id): RouterPlan => {
    const own = links.filter(({ ends }) => ends.includes(id))
    const interfaces = own.map((link): RouterInterface => {
      const [one, other] = link.ends
      return { link, peer: one === id ? other : one, addresses: addressesOn(link, id) }
    })
    return { id, interfaces, routes: [] }
  })
  const routersOf = byPeer(routers)
  const ways = hosts.map(([id, host]): Way => {
    return { to: vtepAddresses(host), hops: distances(id, routersOf) }
  })
  return { links, routers: routers.map((each) => routed(each, routers, ways)), stations }
}

function linksOf({ hosts, underlay, lab }: LabDocument): LinkPlan[] {
  return Object.entries(lab?.underlay?.links ?? {}).map(([id, { ends, ...said }]) => {
    const [one = '', other = SEGMENT] = ends
    return {
      ...{ id, mtuBytes: underlay.mtuBytes, delayMs: 0, lossPercent: 0 },
      ...said,
      ends: Object.hasOwn(hosts, other) ? [other, one] : [one, other],
    }
  })
}

/** The addresses of a router on a link. */
function addressing(
  { hosts }: LabDocument,
  links: readonly LinkPlan[],
  families: ReadonlySet<boolean>,
): (link: LinkPlan, router: string) => string[] {
  const numbers = new Map(links.map((link, at) => [link, 2 * at]))
  return (link, router) => {
    const [id] = link.ends
    const host = Object.hasOwn(hosts, id) ? hosts[id] : undefined
    if (host !== undefined)
      return vtepAddresses(host).map((each) => `${gatewayOf(each)}/${isIpv6(each) ? 127 : 31}`)
    const number = (numbers.get(link) ?? 0) + link.ends.indexOf(router)
    const ipv4 = families.has(false) ? [`${formatIpv4(FIRST_IPV4 + number)}/31`] : []
    const ipv6 = families.has(true) ? [`${FIRST_IPV6}${(number + 0x10).toString(16)}/127`] : []
    return [...ipv4, ...ipv6]
  }
}

interface Way {
  /** Addresses of a host. */
  readonly to: readonly string[]
  /** Links between it and each router. */
  readonly hops: ReadonlyMap<string, number>
}

/** Every neighbour that is nearer to where a VTEP is than the router itself is a next hop to it. */
function routed(router: RouterPlan, all: readonly RouterPlan[], ways: readonly Way[]): RouterPlan {
  const byId = new Map(all.map((each) => [each.id, each]))
  const neighbours = router.interfaces.map(({ peer, link }, index) => {
    const theirs = byId.get(peer)?.interfaces.find((each) => each.link === link)?.addresses ?? []
    return { index, peer, addresses: theirs }
  })
  const routes = ways.flatMap(({ to: addresses, hops }) => {
    const mine = hops.get(router.id)
    if (mine === undefined || mine <= 1) return []
    const nearer = neighbours.filter(({ peer }) => hops.get(peer) === mine - 1)
    return addresses.map((to) => ({
      to,
      via: nearer.flatMap(({ index, addresses: theirs }) => {
        const next = theirs.find((each) => isIpv6(each) === isIpv6(to))
        return next === undefined ? [] : [{ interface: index, address: bare(next) }]
      }),
    }))
  })
  return { ...router, routes: routes.filter(({ via }) => via.length > 0) }
}

/** Routers at the other ends of the links of each host and router. */
function byPeer(routers: readonly RouterPlan[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { id, interfaces } of routers)
    for (const { peer } of interfaces) {
      const own = found.get(peer)
      if (own) own.push(id)
      else found.set(peer, [id])
    }
  return found
}

/** Links between a host and each router that there is a way to. */
function distances(
  hostId: string,
  routersOf: ReadonlyMap<string, readonly string[]>,
): Map<string, number> {
  const hops = new Map<string, number>()
  let ring = new Set(routersOf.get(hostId))
  for (let far = 1; ring.size > 0; far++) {
    for (const id of ring) hops.set(id, far)
    const next = [...ring].flatMap((id) => routersOf.get(id) ?? [])
    ring = new Set(next.filter((id) => !hops.has(id)))
  }
  return hops
}
