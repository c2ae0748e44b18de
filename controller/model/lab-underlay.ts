/**
 * The network between the hosts as a lab builds it: `lab.underlay` of a topology document. Without routers it is one segment,
 * and a link is what joins a host to it; with routers every host has one link, to a router, and packets are routed.
 * Neighbours: lab-schema.ts, document.ts (which asks for the problems), topologies/lab/underlay-plan.ts (addresses and routes).
 */
import { type Static, Type } from 'typebox'
import { isWithin } from './cidr.ts'
import { type Problem, problem } from './errors.ts'
import { addressNumber, familyOf, formatAddress } from './ip-address.ts'
import type { Host } from './schema.ts'
import type { Snapshot } from './snapshot.ts'
import { hint } from './suggest.ts'
import { byId, Id } from './values.ts'

const strict = { additionalProperties: false } as const

/** What hosts are linked to where there are no routers. */
export const SEGMENT = 'underlay'

/** Where addresses between routers come from: RFC 6598, RFC 4193. */
export const ROUTER_RANGES = { ipv4: '100.64.0.0/10', ipv6: 'fd57::/64' } as const

/** What a link may be told, with what it is when nothing is said. */
const linkProperties = {
  mtuBytes: Type.Optional(
    Type.Integer({
      minimum: 626,
      maximum: 65_535,
      description:
        "bytes of IP packet that the link carries, 626 to 65535; left out, the underlay's",
    }),
  ),
  delayMs: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 10_000,
      description: 'milliseconds that a frame takes, one way, 0 to 10000; left out, 0',
    }),
  ),
  lossPercent: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 100,
      description: 'frames that are lost, of each hundred, each way, 0 to 100; left out, 0',
    }),
  ),
  rateBitsPerSecond: Type.Optional(
    Type.Integer({
      minimum: 8_000,
      maximum: 400_000_000_000,
      description: 'what the link carries, each way, 8000 to 400000000000; left out, no bound',
    }),
  ),
}

const link = Type.Object(
  {
    ends: Type.Array(Id, {
      minItems: 2,
      maxItems: 2,
      description: `two ends: a host and '${SEGMENT}', or with routers a router and a host or another router`,
    }),
    ...linkProperties,
  },
  strict,
)

export const labUnderlaySchema = Type.Optional(
  Type.Object(
    { routers: byId(Type.Object({}, strict)), links: byId(link) },
    { ...strict, description: 'the network between the hosts: links, and routers between them' },
  ),
)

/** A value that has passed the schema. */
export type LabLink = Omit<Static<typeof link>, 'ends'> & { readonly ends: readonly string[] }

/** A value that has passed the schema. */
export interface LabUnderlay {
  readonly routers?: Readonly<Record<string, object>>
  readonly links?: Readonly<Record<string, LabLink>>
}

const at = '/lab/underlay'
const wrong = (pointer: string, value: string, expected: string): Problem =>
  problem('lab_underlay_invalid', { pointer, value, expected })

/** What is wrong with it on this site. */
export function checkLabUnderlay(underlay: LabUnderlay | undefined, site: Snapshot): Problem[] {
  if (underlay === undefined) return []
  const hosts = site.list('host')
  const routers = Object.keys(underlay.routers ?? {})
  const namesakes = routers
    .filter((id) => hosts.get(id) !== undefined)
    .map((id) => wrong(`${at}/routers/${id}`, id, 'an id that no host has'))
  const links = Object.entries(underlay.links ?? {})
  const isRouted = routers.length > 0
  const known = new Set([...hosts.keys(), ...(isRouted ? routers : [SEGMENT])])
  const badLinks = [
    ...links.flatMap(([id, { ends }]) => badEnds(id, ends, { known, isRouted, hosts })),
    ...twice(links),
    ...tooNarrow(links, hosts),
  ]
  if (namesakes.length + badLinks.length > 0) return [...namesakes, ...badLinks]
  return isRouted ? unrouted(links, routers, [...hosts.values()]) : []
}

type Links = readonly (readonly [id: string, link: LabLink])[]

interface Ends {
  readonly known: ReadonlySet<string>
  readonly isRouted: boolean
  readonly hosts: ReadonlyMap<string, Host>
}

function badEnds(id: string, ends: readonly string[], { known, isRouted, hosts }: Ends): Problem[] {
  const pointer = `${at}/links/${id}/ends`
  const unknown = ends.flatMap((end, index) => {
    if (known.has(end)) return []
    const what = isRouted ? 'a host or a router of this document' : `a host and '${SEGMENT}'`
    return [wrong(`${pointer}/${index}`, end, `${what}; ${hint(end, known)}`)]
  })
  if (unknown.length > 0) return unknown
  const [one = '', other = ''] = ends
  const between = `${one} and ${other}`
  if (one === other) return [wrong(pointer, between, 'two ends that differ')]
  if (hosts.has(one) && hosts.has(other))
    return [
      wrong(
        pointer,
        between,
        isRouted ? 'at most one host' : `a host and '${SEGMENT}', the segment`,
      ),
    ]
  return []
}

/** Two links between the same two, and with them a second one of a host. */
function twice(links: Links): Problem[] {
  const owners = new Map<string, string>()
  return links.flatMap(([id, { ends }]) => {
    const pair = [...ends].sort().join(' and ')
    const owner = owners.get(pair)
    owners.set(pair, owner ?? id)
    if (owner === undefined) return []
    return [wrong(`${at}/links/${id}/ends`, pair, `two that no other link joins; ${owner} does`)]
  })
}

/** RFC 8200 §5. */
const IPV6_LEAST_BYTES = 1280

/** Links that cannot carry IPv6 on a site that has it between its hosts. */
function tooNarrow(links: Links, hosts: ReadonlyMap<string, Host>): Problem[] {
  const own = [...hosts.values()].find(({ vtepAddress, alternateVtepAddress }) =>
    [vtepAddress, alternateVtepAddress].some((each) => each?.includes(':')),
  )
  if (own === undefined) return []
  const expected = `at least ${IPV6_LEAST_BYTES}, since ${own.id} has a VTEP on IPv6`
  return links.flatMap(([id, { mtuBytes = IPV6_LEAST_BYTES }]) =>
    mtuBytes < IPV6_LEAST_BYTES
      ? [wrong(`${at}/links/${id}/mtuBytes`, `${mtuBytes}`, expected)]
      : [],
  )
}

/** Hosts without a link or with two, what no way leads to, and addresses whose other end is somebody else's. */
function unrouted(links: Links, routers: readonly string[], hosts: readonly Host[]): Problem[] {
  const linksAt = byEnd(links)
  const ofHost = hosts.flatMap(({ id }) => {
    const [first, second] = linksAt.get(id) ?? []
    if (!first)
      return [wrong(`/hosts/${id}`, id, `a host with a link to a router; ${hint('', routers)}`)]
    if (!second) return []
    return [wrong(`${at}/links/${second[0]}/ends`, id, `one link of a host; ${first[0]} is there`)]
  })
  if (ofHost.length > 0) return ofHost
  return [...unreached(linksAt, routers, hosts), ...takenGateways(hosts)]
}

function byEnd(links: Links): Map<string, Links[number][]> {
  const found = new Map<string, Links[number][]>()
  for (const link of links)
    for (const end of link[1].ends) {
      const own = found.get(end)
      if (own) own.push(link)
      else found.set(end, [link])
    }
  return found
}

function unreached(
  linksAt: ReadonlyMap<string, Links>,
  routers: readonly string[],
  hosts: readonly Host[],
): Problem[] {
  const [first = ''] = [...hosts.map(({ id }) => id), ...routers]
  const seen = new Set([first])
  for (const id of seen)
    for (const [, { ends }] of linksAt.get(id) ?? []) for (const end of ends) seen.add(end)
  const away = (id: string) => !seen.has(id)
  const expected = `links that lead to ${first}`
  return [
    ...hosts.filter(({ id }) => away(id)).map(({ id }) => wrong(`/hosts/${id}`, id, expected)),
    ...routers.filter(away).map((id) => wrong(`${at}/routers/${id}`, id, expected)),
  ]
}

/**
 * The router's end of a host's link: the other address of the two that share all bits but the last (RFC 3021, RFC 6164).
 * The address must have passed the schema.
 */
export const gatewayOf = (vtepAddress: string): string =>
  formatAddress(familyOf(vtepAddress), addressNumber(vtepAddress) ^ 1n)

function takenGateways(hosts: readonly Host[]): Problem[] {
  const owners = new Map(
    hosts.flatMap(({ id, vtepAddress, alternateVtepAddress }) =>
      [vtepAddress, alternateVtepAddress].flatMap((each) =>
        each === undefined ? [] : [[each, id] as const],
      ),
    ),
  )
  return [...owners].flatMap(([address, id]) => {
    const range = Object.values(ROUTER_RANGES).find((each) => isWithin(address, each))
    if (range !== undefined)
      return [
        wrong(`/hosts/${id}/vtepAddress`, address, `one outside ${range}, which routers have`),
      ]
    const gateway = gatewayOf(address)
    const owner = owners.get(gateway)
    // Said once, of the second.
    if (owner === undefined || addressNumber(address) < addressNumber(gateway)) return []
    const expected = `an address that shares its /${address.includes(':') ? 127 : 31} with no host: its router has ${gateway}, as ${owner} has`
    return [wrong(`/hosts/${id}/vtepAddress`, address, expected)]
  })
}
