/**
 * Sites of any size as topology documents: `weft lab generate`. Each network has its ports on a few hosts drawn at random, since
 * that is how tenants lie on a site: no network is everywhere, every host carries many. The same seed gives the same bytes.
 */
import { Document, isMap, visit } from 'yaml'
import type { SiteSize } from './site-size.ts'

const FIRST_VNI = 5001
/** VXLAN over IPv4. */
const OVERHEAD = 50

/** @returns YAML */
export function generateDocument(size: SiteSize): string {
  const random = randomOf(size.seed)
  const hosts = Array.from({ length: size.hosts }, (_, at) => `h${at + 1}`)
  const workloads: Record<string, string> = {}
  const mtuBytes = size.mtuBytes + OVERHEAD
  let serial = 0
  const tenants = Array.from({ length: size.tenants }, (_, at) => {
    const tenant = `t${at + 1}`
    const networks = Array.from({ length: size.networks }, (_each, index) => {
      const id = `n${index + 1}`
      const own = chosen(hosts, Math.min(size.spread, size.ports), random)
      const ports = Array.from({ length: size.ports }, (_port, number) => {
        const port = `${id}-vm${number + 1}`
        workloads[`${own[number % own.length]}.${tenant}-${port}`] = `${tenant}/${port}`
        return [port, { network: id, mac: macOf(++serial), addresses: [`10.0.0.${number + 1}`] }]
      })
      return { id, vni: FIRST_VNI + at * size.networks + index, ports }
    })
    return [
      tenant,
      {
        networks: Object.fromEntries(
          networks.map(({ id, vni }) => [id, { vni, mtuBytes: size.mtuBytes }]),
        ),
        // Addresses are those of every other network: tenants and networks share nothing.
        subnets: Object.fromEntries(
          networks.map(({ id }) => [id, { network: id, cidr: '10.0.0.0/24' }]),
        ),
        ports: Object.fromEntries(networks.flatMap(({ ports }) => ports)),
      },
    ]
  })
  const document = new Document({
    name: `generated-${size.hosts}-hosts`,
    underlay: { mtuBytes },
    hosts: Object.fromEntries(
      hosts.map((id, at) => [id, { vtepAddress: vtepOf(at), underlayMtuBytes: mtuBytes }]),
    ),
    tenants: Object.fromEntries(tenants),
    workloads,
  })
  // An object a line, as somebody would write it.
  visit(document, {
    Map(key, node) {
      const isSite = key === null || node.items.some(({ value }) => isMap(value))
      node.flow = !isSite && node !== document.get('workloads')
      return node.flow ? visit.SKIP : undefined
    },
  })
  return document.toString({ lineWidth: 0 })
}

/** `02:00:00:00:01:00`; locally administered. */
function macOf(serial: number): string {
  const digits = (0x0200_0000_0000 + serial).toString(16).padStart(12, '0')
  return (digits.match(/../g) ?? []).join(':')
}

/** RFC 2544 §C.2.2 has set 198.18.0.0/15 aside for tests of networks. */
function vtepOf(at: number): string {
  const number = at + 1
  return `198.18.${number >> 8}.${number & 255}`
}

/** Some of them, in their order. */
function chosen<T>(all: readonly T[], count: number, random: () => number): T[] {
  const places = all.map((_, at) => at)
  for (let at = 0; at < Math.min(count, places.length); at++) {
    const other = at + Math.floor(random() * (places.length - at))
    ;[places[at], places[other]] = [places[other] as number, places[at] as number]
  }
  return places
    .slice(0, count)
    .sort((a, b) => a - b)
    .map((place) => all[place] as T)
}

/** Numbers from 0 to 1, the same of one seed everywhere (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
