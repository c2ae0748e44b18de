/** `weft lab generate`: documents of the size that was asked for, the same each time. */
import { expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { generateDocument } from '../../topologies/generate.ts'
import type { SiteSize } from '../../topologies/site-size.ts'

const size: SiteSize = {
  ...{ hosts: 300, tenants: 3, networks: 2, ports: 12, spread: 5, mtuBytes: 9000, seed: 1 },
}

test('a generated document is one, and as large as asked for', () => {
  const { hosts, tenants, workloads, underlay } = parseDocument(generateDocument(size), 'site.yaml')
  expect(Object.keys(hosts)).toHaveLength(300)
  expect(underlay.mtuBytes).toBe(9050)
  expect(Object.keys(tenants)).toHaveLength(3)
  for (const { networks, ports } of Object.values(tenants)) {
    expect(Object.keys(networks)).toHaveLength(2)
    expect(Object.keys(ports)).toHaveLength(24)
  }
  expect(Object.keys(workloads)).toHaveLength(72)
})

test('every network is on as many hosts as it is spread over, and networks lie differently', () => {
  const { workloads } = parseDocument(generateDocument(size), 'site.yaml')
  const places = new Map<string, Set<string>>()
  for (const [place, key] of Object.entries(workloads)) {
    const network = key.replace(/-vm.*/, '')
    places.set(network, (places.get(network) ?? new Set()).add(place.split('.')[0] ?? ''))
  }
  expect([...places.values()].map(({ size: hosts }) => hosts)).toEqual([5, 5, 5, 5, 5, 5])
  expect(new Set([...places.values()].map((hosts) => [...hosts].sort().join())).size).toBe(6)
})

test('the same seed gives the same bytes, another one other places', () => {
  expect(generateDocument(size)).toBe(generateDocument(size))
  expect(generateDocument({ ...size, seed: 2 })).not.toBe(generateDocument(size))
})

test('a network is on all hosts at the most, and on as many as it has ports', () => {
  const hostsOf = (asked: Partial<SiteSize>): number => {
    const { workloads } = parseDocument(generateDocument({ ...size, ...asked }), 'site.yaml')
    return new Set(Object.keys(workloads).map((place) => place.split('.')[0])).size
  }
  expect(hostsOf({ hosts: 2, tenants: 1, networks: 1 })).toBe(2)
  expect(hostsOf({ ports: 1, tenants: 1, networks: 1 })).toBe(1)
})
