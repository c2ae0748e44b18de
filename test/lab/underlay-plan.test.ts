/** What a document says of the underlay: refused where no lab could build it, else addresses and routes. */
import { describe, expect, test } from 'vitest'
import { planUnderlay } from '../../topologies/lab/underlay-plan.ts'
import { documentOf } from './underlay-rig.ts'

const two = { h1: '192.0.2.11', h2: '192.0.2.21' }
const routers = 'routers: { r1: {}, r2: {} }'
const good =
  'a: { ends: [h1, r1] }, b: { ends: [h2, r2] }, c: { ends: [r1, r2], mtuBytes: 9000, delayMs: 2 }'

describe('refused, with its line and column:', () => {
  const link = 'is nothing that the underlay of a lab can have there; expected'
  test.each([
    [
      'an end that nobody has',
      `{ ${routers}, links: { a: { ends: [h1, r3] } } }`,
      `site.yaml:6:69: /lab/underlay/links/a/ends/1: r3 ${link} a host or a router of this document; known: h1, h2, r1, r2`,
    ],
    [
      'without routers a router as end',
      '{ links: { a: { ends: [h1, leaf] } } }',
      `leaf ${link} a host and 'underlay'; known: h1, h2, underlay`,
    ],
    [
      'a link of hosts',
      `{ links: { a: { ends: [h1, h2] } } }`,
      `a host and 'underlay', the segment`,
    ],
    [
      'a second link between the same two',
      `{ ${routers}, links: { ${good}, d: { ends: [r2, r1] } } }`,
      `/lab/underlay/links/d/ends: r1 and r2 ${link} two that no other link joins; c does`,
    ],
    [
      'a host without a link where there are routers',
      `{ ${routers}, links: { a: { ends: [h1, r1] }, c: { ends: [r1, r2] } } }`,
      `site.yaml:4:7: /hosts/h2: h2 ${link} a host with a link to a router; known: r1, r2`,
    ],
    [
      'a host with two',
      `{ ${routers}, links: { ${good}, d: { ends: [h1, r2] } } }`,
      `/lab/underlay/links/d/ends: h1 ${link} one link of a host; a is there`,
    ],
    [
      'what no way leads to',
      `{ ${routers}, links: { a: { ends: [h1, r1] }, b: { ends: [h2, r2] } } }`,
      `/hosts/h2: h2 ${link} links that lead to h1`,
    ],
    ['a router with the name of a host', '{ routers: { h1: {} } }', 'an id that no host has'],
    [
      'a property that nobody knows',
      '{ links: { a: { ends: [h1, underlay], mtu: 9 } } }',
      'mtuBytes',
    ],
    ['one end', '{ links: { a: { ends: [h1] } } }', '/lab/underlay/links/a/ends'],
  ])('%s', (_, underlay, message) => {
    expect(() => documentOf(two, underlay)).toThrow(message)
  })

  test.each([
    ['100.64.0.5', '100.64.0.0/10'],
    ['fd57::1', 'fd57::/64'],
  ])('a VTEP among the addresses of routers: %s', (address, range) => {
    const hosts = { h1: address, h2: '192.0.2.21' }
    expect(() => documentOf(hosts, `{ ${routers}, links: { ${good} } }`)).toThrow(
      `/hosts/h1/vtepAddress: ${address} ${link} one outside ${range}, which routers have`,
    )
  })

  test('a link that is too narrow for IPv6, where a host has it', () => {
    const links = 'a: { ends: [h1, underlay], mtuBytes: 1279 }'
    const hosts = { h1: '192.0.2.11', h2: '2001:db8::21' }
    expect(() => documentOf(hosts, `{ links: { ${links} } }`)).toThrow(
      `/lab/underlay/links/a/mtuBytes: 1279 ${link} at least 1280, since h2 has a VTEP on IPv6`,
    )
    expect(documentOf(two, `{ links: { ${links} } }`).name).toBe('site')
  })

  test('a router may have any id', () => {
    const links = 'a: { ends: [constructor, h1] }, b: { ends: [h2, constructor] }'
    const plan = planUnderlay(
      documentOf(two, `{ routers: { constructor: {} }, links: { ${links} } }`),
    )
    expect(plan.links.map(({ ends }) => ends[0])).toEqual(['h1', 'h2'])
  })

  test('a VTEP that has the address of the router of another', () => {
    const hosts = { h1: '192.0.2.10', h2: '192.0.2.11' }
    expect(() => documentOf(hosts, `{ ${routers}, links: { ${good} } }`)).toThrow(
      'site.yaml:4:22: /hosts/h2/vtepAddress: 192.0.2.11 is nothing that the underlay of a lab can have there; expected an address that shares its /31 with no host: its router has 192.0.2.10, as h1 has',
    )
  })
})

test('without routers hosts have their addresses as they are, and a link only what is said of it', () => {
  const plan = planUnderlay(
    documentOf(two, '{ links: { far: { ends: [underlay, h2], delayMs: 5 } } }'),
  )
  expect(plan.routers).toEqual([])
  expect(plan.stations.get('h1')).toEqual({
    ...{ hostId: 'h1', addresses: ['192.0.2.11'], routes: [], link: undefined },
  })
  expect(plan.stations.get('h2')?.link).toEqual({
    ...{ id: 'far', ends: ['h2', 'underlay'], mtuBytes: 9050, delayMs: 5, lossPercent: 0 },
  })
})

test('with routers a host is alone on its link, and routers know the shortest ways of both families', () => {
  const hosts = { h1: '192.0.2.11,2001:db8::11', h2: '192.0.2.20' }
  const plan = planUnderlay(documentOf(hosts, `{ ${routers}, links: { ${good} } }`))
  expect(plan.stations.get('h1')).toMatchObject({
    addresses: ['192.0.2.11/31', '2001:db8::11/127'],
    routes: [
      { to: 'default', via: '192.0.2.10' },
      { to: 'default', via: '2001:db8::10' },
    ],
  })
  const [r1, r2] = plan.routers
  expect(r1?.interfaces.map(({ peer, addresses }) => [peer, ...addresses])).toEqual([
    ['h1', '192.0.2.10/31', '2001:db8::10/127'],
    ['r2', '100.64.0.4/31', 'fd57::14/127'],
  ])
  expect(r1?.routes).toEqual([{ to: '192.0.2.20', via: [{ interface: 1, address: '100.64.0.5' }] }])
  expect(r2?.routes).toEqual([
    { to: '192.0.2.11', via: [{ interface: 1, address: '100.64.0.4' }] },
    { to: '2001:db8::11', via: [{ interface: 1, address: 'fd57::14' }] },
  ])
})

test('of equal ways a router has all, of a longer one none', () => {
  const links = [
    ...['a: { ends: [h1, leaf1] }', 'b: { ends: [h2, leaf2] }'],
    ...['c: { ends: [leaf1, s1] }', 'd: { ends: [leaf1, s2] }', 'e: { ends: [s1, leaf2] }'],
    ...['f: { ends: [s2, leaf2] }', 'g: { ends: [leaf1, x] }', 'h: { ends: [x, s1] }'],
  ]
  const routersOf = 'routers: { leaf1: {}, leaf2: {}, s1: {}, s2: {}, x: {} }'
  const plan = planUnderlay(documentOf(two, `{ ${routersOf}, links: { ${links.join(', ')} } }`))
  const [leaf1] = plan.routers
  const ways = leaf1?.routes.map(({ to, via }) => [
    to,
    ...via.map(({ interface: at }) => leaf1.interfaces[at]?.peer),
  ])
  expect(ways).toEqual([['192.0.2.21', 's1', 's2']])
})
