/** What the MTU status says of what interfaces, probes and vtep hosts report. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../controller/clock.ts'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { EventLog } from '../../../controller/reconciler/events.ts'
import { MtuStates, type UnderlayInterface } from '../../../controller/reconciler/mtu-status.ts'
import { put } from '../model/site.ts'

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

function site() {
  let uuids = 0
  const uuid = () => `00000000-0000-4000-8000-${String(++uuids).padStart(12, '0')}`
  const snapshot = applyEdits(Site.empty, edits, uuid).site
  const events = new EventLog(systemClock)
  const underlay = new Map<string, UnderlayInterface>()
  const probed = new Map<string, number>()
  const reported = new Map<string, number>()
  const states = new MtuStates({
    snapshot: () => snapshot,
    compiler: new Compiler(snapshot),
    events,
    underlay: (hostId) => underlay.get(hostId),
    probed: (from, to) => probed.get(`${from} ${to}`),
    reported: (from, remote) => reported.get(`${from} ${remote}`),
    suspects: () => [...probed.keys()].flatMap((pair) => pair.split(' ')),
    isProbed: (hostId) => hostId.startsWith('h'),
  })
  const mtu = (hostId?: string) => {
    states.review()
    const network = snapshot.get('network', 'acme/web')
    if (!network) throw new Error('no network')
    return states.of('acme/web', network, hostId)
  }
  const told = () => events.since().map(({ type }) => type)
  return { underlay, probed, reported, states, mtu, told }
}

test('nothing is known: what was asked for is what there is', () => {
  expect(site().mtu()).toEqual({ configured: 9000, effective: 9000, limitedBy: [] })
})

test('an interface costs each pair what its tunnel costs, tags of guests beside', () => {
  const { underlay, mtu, told } = site()
  underlay.set('h2', { interface: 'eth0', mtuBytes: 9060 })
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
  underlay.set('h2', { interface: 'eth0', mtuBytes: 9100 })
  expect(mtu().limitedBy).toEqual([])
  expect(told()).toEqual(['mtu_limited', 'mtu_restored'])
})

test('a path is named with both VTEPs, unless an interface explains it', () => {
  const { underlay, probed, mtu } = site()
  probed.set('h1 h2', 8004)
  const [path, ...more] = mtu().limitedBy
  expect(more).toEqual([])
  expect(path).toMatchObject({ kind: 'path', from: 'h1', to: 'h2', packetBytes: 8000 })
  expect(path).toMatchObject({ vteps: ['192.0.2.1', '192.0.2.2'] })
  underlay.set('h1', { interface: 'eth0', mtuBytes: 8054 })
  expect(mtu().limitedBy).toMatchObject([{ kind: 'interface', host: 'h1', packetBytes: 8000 }])
})

test('a vtep host reports for itself; hosts without a common family are no pair', () => {
  const { reported, states, mtu } = site()
  reported.set('v1 192.0.2.1', 8054)
  reported.set('v1 192.0.2.2', 9054)
  expect(mtu().limitedBy).toMatchObject([{ kind: 'path', from: 'v1', to: 'h1', packetBytes: 8000 }])
  const pairs = [...states.pairs()].map(({ from, to, bytes }) => `${from} ${to} ${bytes}`).sort()
  expect(pairs).toEqual(['h1 h2 9004', 'h2 h1 9004', 'h2 h3 9004', 'h3 h2 9004'])
})
