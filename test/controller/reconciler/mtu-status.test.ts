/** What the MTU status says of what interfaces, probes and vtep hosts report. */
import { expect, test } from 'vitest'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { EventLog } from '../../../controller/reconciler/events.ts'
import type { SeenInterface } from '../../../controller/reconciler/mtu-index.ts'
import { MtuStates } from '../../../controller/reconciler/mtu-status.ts'
import { MOST_PROBE_BYTES } from '../../../controller/reconciler/probe.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { drop, put } from '../model/site.ts'

const at = (n: number) => ({ network: 'web', addresses: [`10.0.0.${n}`] })
const edits: Edit[] = [
  put('host', 'h1', { vtepAddress: '192.0.2.1', underlayMtuBytes: 9100 }),
  put('host', 'h2', {
    vtepAddress: '192.0.2.2',
    alternateVtepAddress: '2001:db8::2',
    underlayMtuBytes: 9100,
  }),
  put('host', 'h3', { vtepAddress: '2001:db8::3', underlayMtuBytes: 9100 }),
  put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.4', underlayMtuBytes: 9100 }),
  put('tenant', 'acme', {}),
  put('network', 'acme/web', { vni: 5001, mtuBytes: 9000, vlanTransparent: true }),
  put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.0/24' }),
  ...['h1', 'h2', 'h3'].map((hostId, i) =>
    put('port', `acme/${hostId}`, { ...at(i + 1), hostId, ofport: 1 }),
  ),
  put('port', 'acme/v1', { ...at(9), hostId: 'v1', interface: 'eth1' }),
]

function site(given: readonly Edit[] = edits) {
  let uuids = 0
  const uuid = () => `00000000-0000-4000-8000-${String(++uuids).padStart(12, '0')}`
  let snapshot = applyEdits(Site.empty, given, uuid).site
  const compiler = new Compiler(snapshot)
  const events = new EventLog(systemClock)
  const states = new MtuStates({ snapshot: () => snapshot, compiler, events })
  const seen = new Map<string, { underlay?: SeenInterface; physical?: SeenInterface }>()
  const look = (hostId: string) => {
    const { underlay, physical } = seen.get(hostId) ?? {}
    const offered = new Map(physical && [['office', physical]])
    return states.looked(hostId, { underlay, physical: offered })
  }
  const say = (hostId: string, name: string, mtuBytes: number, of: 'underlay' | 'physical') => {
    seen.set(hostId, { ...seen.get(hostId), [of]: { interface: name, mtuBytes } })
    return look(hostId)
  }
  return {
    states,
    underlay: (hostId: string, mtuBytes: number) => say(hostId, 'eth0', mtuBytes, 'underlay'),
    physical: (hostId: string, mtuBytes: number) => say(hostId, 'eth1', mtuBytes, 'physical'),
    reported: (from: string, paths: Readonly<Record<string, number>>) =>
      states.reported(from, new Map(Object.entries(paths))),
    mtu(hostId?: string, key = 'acme/web') {
      states.review()
      const network = snapshot.get('network', key)
      if (!network) throw new Error('no network')
      return states.of(key, network, hostId)
    },
    events: () => events.since(),
    told: () => events.since().map(({ type }) => type),
    commit(...more: Edit[]) {
      const { site, changes } = applyEdits(snapshot, more, uuid)
      snapshot = site
      compiler.apply(changes)
      states.changed()
    },
  }
}

test('nothing is known: what was asked for is what there is', () => {
  expect(site().mtu()).toEqual({ configured: 9000, effective: 9000, limitedBy: [] })
})

test('an interface costs each pair what its tunnel costs, tags of guests beside', () => {
  const { underlay, mtu, told } = site()
  expect(underlay('h2', 9060)).toBe(true)
  expect(underlay('h2', 9060)).toBe(false)
  // h1 to h2 over IPv4: 9060 - 50 - 4 is enough; h2 to h3 over IPv6 is not: 9060 - 70 - 4.
  expect(mtu()).toMatchObject({
    effective: 8986,
    limitedBy: [
      { kind: 'interface', host: 'h2', interface: 'eth0', mtuBytes: 9060, packetBytes: 8986 },
    ],
  })
  expect(mtu('h3').effective).toBe(8986)
  expect(mtu('h1')).toMatchObject({ effective: 9000, limitedBy: [] })
  expect(told()).toEqual(['mtu_limited'])
  underlay('h2', 9100)
  expect(mtu().limitedBy).toEqual([])
  expect(told()).toEqual(['mtu_limited', 'mtu_restored'])
})

test('a path is named with both VTEPs, unless an interface explains it', () => {
  const { underlay, states, mtu, told } = site()
  states.path('h1', 'h2', 8004)
  const [path, ...more] = mtu().limitedBy
  expect(more).toEqual([])
  expect(path).toMatchObject({ kind: 'path', from: 'h1', to: 'h2', packetBytes: 8000 })
  expect(path).toMatchObject({ vteps: ['192.0.2.1', '192.0.2.2'] })
  expect(mtu('h3').limitedBy).toEqual([])
  underlay('h1', 8054)
  expect(mtu().limitedBy).toMatchObject([{ kind: 'interface', host: 'h1', packetBytes: 8000 }])
  expect(told().sort()).toEqual(['mtu_limited', 'mtu_limited', 'mtu_restored'])
})

test('a vtep host reports for itself; what it says is judged by what its networks need', () => {
  const { reported, states, mtu, told } = site()
  reported('v1', { '192.0.2.1': 8054, '192.0.2.2': 9054, '192.0.2.99': 0 })
  expect(mtu().limitedBy).toMatchObject([{ kind: 'path', from: 'v1', to: 'h1', packetBytes: 8000 }])
  reported('v1', { '192.0.2.2': 9053 })
  expect(mtu().limitedBy).toMatchObject([{ kind: 'path', from: 'v1', to: 'h2', packetBytes: 8999 }])
  expect(told().sort()).toEqual(['mtu_limited', 'mtu_limited', 'mtu_restored'])
  expect([...states.needs.pairs(() => true)].map(({ from }) => from)).not.toContain('v1')
})

test('a path on which nothing at all is answered is unknown, and no limit', () => {
  const { reported, mtu, told, commit } = site()
  reported('v1', { '192.0.2.1': 0, '192.0.2.2': 9054 })
  expect(mtu()).toMatchObject({ effective: 9000, limitedBy: [] })
  expect(mtu().unknown).toEqual([
    {
      ...{ from: 'v1', to: 'h1', vteps: ['192.0.2.4', '192.0.2.1'] },
      message:
        'what gets from v1 (192.0.2.4) to h1 (192.0.2.1) is not known: no echo request of any size is answered',
    },
  ])
  expect(mtu('h1').unknown).toHaveLength(1)
  expect(mtu('h2')).not.toHaveProperty('unknown')
  expect(told()).toEqual([])
  // Answered, but for less than is needed.
  reported('v1', { '192.0.2.1': 8054, '192.0.2.2': 9054 })
  expect(mtu()).not.toHaveProperty('unknown')
  expect(mtu().limitedBy).toMatchObject([{ kind: 'path', from: 'v1', to: 'h1' }])
  reported('v1', { '192.0.2.1': 0, '192.0.2.2': 0 })
  expect(mtu()).toMatchObject({ effective: 9000, limitedBy: [] })
  expect(mtu().unknown).toHaveLength(2)
  commit(...['h1', 'v1'].map((id) => drop('port', `acme/${id}`)), drop('host', 'h1'))
  reported('v1', {})
  expect(mtu()).not.toHaveProperty('unknown')
})

test('an event about an interface is of the host that has it, whoever is concerned', () => {
  const { underlay, reported, mtu, events } = site()
  reported('v1', { '192.0.2.1': 8054, '192.0.2.2': 9054 })
  underlay('h1', 8054)
  mtu()
  expect(events().map(({ type, host, message }) => [type, host, message])).toContainEqual([
    'mtu_limited',
    'h1',
    'interface eth0 of host h1 carries 8054 bytes, and 9054 are needed',
  ])
  for (const { host, message } of events())
    expect(message).toContain(message.includes('interface') ? `host ${host}` : `from ${host}`)
})

test('hosts without a common family are no pair; each pair is asked there and back in turn', () => {
  const { needs } = site().states
  const pairs = [...needs.pairs(() => true)].map(({ from, to, bytes }) => `${from} ${to} ${bytes}`)
  expect(pairs).toEqual(['h1 h2 9004', 'h2 h1 9004', 'h2 h3 9004', 'h3 h2 9004'])
  expect([...needs.pairs((hostId) => hostId !== 'h2')]).toEqual([])
  expect(needs.pair('h2', 'h3')).toMatchObject({ local: '2001:db8::2', remote: '2001:db8::3' })
  expect(needs.pair('h1', 'h3')).toBe(undefined)
  expect(needs.pair('h1', 'v1')).toBe(undefined)
})

test('what nobody needs any more is no limit, and a host that is gone neither', () => {
  const { underlay, states, mtu, told, commit } = site()
  underlay('h1', 8000)
  states.path('h2', 'h3', 5000)
  mtu()
  commit(...['h1', 'h2'].map((id) => drop('port', `acme/${id}`)))
  expect(mtu().limitedBy).toEqual([])
  expect(told()).toEqual(['mtu_limited', 'mtu_limited', 'mtu_restored'])
  commit(drop('host', 'h2'))
  mtu()
  expect(told().filter((type) => type === 'mtu_restored')).toHaveLength(2)
})

test('a status names the narrowest twenty of what limits it', () => {
  const { states, mtu } = site()
  states.path('h1', 'h2', 8500)
  states.path('h2', 'h3', 7000)
  states.path('h3', 'h2', 8000)
  expect(mtu().limitedBy.map(({ packetBytes }) => packetBytes)).toEqual([6996, 7996, 8496])
  expect(mtu('h1').limitedBy.map(({ packetBytes }) => packetBytes)).toEqual([8496])
})

test('what no probe can stand for is told', () => {
  const wide = { vtepAddress: '192.0.2.1', underlayMtuBytes: 65_535 }
  const { mtu } = site([
    put('host', 'h1', wide),
    put('host', 'h2', { ...wide, vtepAddress: '192.0.2.2' }),
    put('tenant', 'acme', {}),
    put('network', 'acme/web', { vni: 5001, mtuBytes: 65_485 }),
  ])
  expect(mtu()).toMatchObject({ effective: 65_485, probedBytes: MOST_PROBE_BYTES })
})

const office: Edit[] = [
  put('physicalNetwork', 'office', { mtuBytes: 1500 }),
  put('network', 'acme/lan', { type: 'vlan', physicalNetwork: 'office', vid: 7, mtuBytes: 1500 }),
  put('network', 'acme/bare', { type: 'flat', physicalNetwork: 'office', mtuBytes: 1400 }),
  put('network', 'acme/both', {
    vni: 5002,
    mtuBytes: 1500,
    extension: { physicalNetwork: 'office', vid: 8, hostId: 'h2' },
  }),
  ...['lan', 'bare', 'both'].flatMap((id, net) => [
    put('subnet', `acme/${id}`, { network: id, cidr: `10.${net + 1}.0.0/24` }),
    ...['h1', 'h2'].map((hostId, n) =>
      put('port', `acme/${id}-${hostId}`, {
        ...{ network: id, addresses: [`10.${net + 1}.0.${n + 1}`], hostId, ofport: 10 + net },
      }),
    ),
  ]),
]

test('the interface to a physical network limits the networks that are on it, each where it is', () => {
  const { physical, mtu, told } = site([...edits, ...office])
  expect(physical('h1', 1450)).toBe(true)
  const limit = { kind: 'interface', host: 'h1', interface: 'eth1', mtuBytes: 1450 }
  const message =
    'interface eth1 of host h1 carries 1450 bytes to physical network office, and 1500 are needed'
  expect(mtu(undefined, 'acme/lan')).toEqual({
    ...{ configured: 1500, effective: 1450 },
    limitedBy: [{ ...limit, packetBytes: 1450, message }],
  })
  expect(mtu('h2', 'acme/lan').effective).toBe(1450)
  expect(mtu(undefined, 'acme/bare').limitedBy).toEqual([])
  // An extended network is on it at one host alone.
  expect(mtu(undefined, 'acme/both').limitedBy).toEqual([])
  expect(mtu().limitedBy).toEqual([])
  physical('h2', 1480)
  expect(mtu(undefined, 'acme/both')).toMatchObject({
    ...{ effective: 1480, limitedBy: [{ host: 'h2', interface: 'eth1', packetBytes: 1480 }] },
  })
  physical('h1', 1500)
  physical('h2', 1500)
  expect(mtu(undefined, 'acme/lan').limitedBy).toEqual([])
  expect(told()).toEqual(['mtu_limited', 'mtu_limited', 'mtu_restored', 'mtu_restored'])
})
