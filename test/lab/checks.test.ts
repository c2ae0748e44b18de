/**
 * The check engine where the answer is known: on a lab without any isolation, and against counters that
 * lag or overshoot. Green runs are in memory.test.ts, on the real lab.
 */
import { createServer, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import type { Host } from '../../controller/model/schema.ts'
import { hub } from '../../dataplane/ports/hub.ts'
import { systemClock } from '../../southbound/wire/clock.ts'
import { arpClaims } from '../../topologies/lab/checks/arp.ts'
import { type CheckResult, runChecks, summarize } from '../../topologies/lab/checks/checks.ts'
import { dropsOf } from '../../topologies/lab/checks/drops.ts'
import { portSecurityClaims } from '../../topologies/lab/checks/port-security.ts'
import { siteOf } from '../../topologies/lab/checks/site.ts'
import { vtepClaims } from '../../topologies/lab/checks/vtep.ts'
import { createWatch } from '../../topologies/lab/checks/watch.ts'
import type { Lab, LabDocument } from '../../topologies/lab/lab.ts'
import { guestsOf } from '../../topologies/lab/memory/guests.ts'
import { realTime } from '../../topologies/lab/real-time.ts'
import { documentOf, TWO_TENANTS } from './documents.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

type Counts = Record<string, number>

/** REST with drop counters: `counts` is asked at each request. */
async function drops(counts: (hostId: string) => Counts): Promise<Pick<Lab, 'url' | 'fetch'>> {
  const server: Server = createServer((request, response) => {
    const hostId = request.url?.split('/')[4] ?? ''
    const entries = Object.entries(counts(hostId)).map(([reason, packets]) => ({ reason, packets }))
    response.end(JSON.stringify({ host: hostId, drops: entries }))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  closing.push(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on TCP')
  const url = `http://127.0.0.1:${address.port}`
  return { url, fetch: (path, init) => fetch(`${url}${path}`, init) }
}

/** Everybody, tenants and VTEPs alike, on one cable. */
async function oneSegment(document: LabDocument): Promise<Lab> {
  const segment = hub()
  const guests = guestsOf(document, { clock: systemClock, outside: realTime })
  for (const guest of guests) segment.attach(guest.nic)
  closing.push(() => {
    for (const guest of guests) guest.close()
  })
  return {
    ...realTime,
    backend: 'memory',
    document,
    ...(await drops(() => ({}))),
    controllerAddress: 0x7f000001,
    settleMs: 5,
    physicalNetworks: new Map(),
    workloads: new Map(guests.map((guest) => [guest.name, guest])),
    underlay: {
      hosts: {
        h1: { mac: 0x0257_0000_0001, address: 0xc000_020b },
        h2: { mac: 0x0257_0000_0002, address: 0xc000_020c },
      },
      rogueAddress: 0xc000_02fe,
      rogueMac: 0x0257_0000_00fe,
      inject: segment.send,
      onFrame: segment.onFrame,
    },
    close: async () => {},
  }
}

const run = (lab: Lab) => runChecks(lab, { signal: AbortSignal.timeout(10_000), patienceMs: 100 })
const row = (results: readonly CheckResult[], start: string) =>
  results.find(({ name }) => name.startsWith(start))

test('a lab without isolation is red in every row but the ping, and says what was seen where', async () => {
  const results = await run(await oneSegment(documentOf(TWO_TENANTS)))
  expect(summarize(results)).toMatchObject({ ok: false, passed: 1, failed: 6 })
  expect(row(results, 'same tenant')?.detail).toBe(
    'other host: 8 of 8, same host: 4 of 4 pings answered',
  )
  expect(row(results, 'same address')?.detail).toContain('also seen at')
  expect(row(results, 'frame with a foreign')?.detail).toContain('seen at')
  expect(row(results, '9,001 bytes of IP inside (and 9,100)')?.detail).toContain('seen at')
}, 20_000)

test('a site of one host and one tenant passes nothing that it cannot show', async () => {
  const results = await run(await oneSegment(documentOf(['h1 acme 11', 'h1 acme 12'])))
  const unfit = results.filter(({ applicable }) => !applicable).map(({ name }) => name)
  expect(unfit.map((name) => name.slice(0, 12))).toEqual([
    'same tenant,',
    'same address',
    'VXLAN packet',
  ])
  expect(row(results, 'VXLAN packet')).toMatchObject({
    passed: false,
    detail: expect.stringMatching(/^not applicable: no network has guests on two hosts/),
  })
}, 20_000)

test('of a device nothing is claimed that it decides by itself, and the row says so', async () => {
  const plain = documentOf(['h1 acme 11', 'h1 acme 12', 'h2 acme 13'])
  const document: LabDocument = {
    ...plain,
    hosts: { ...plain.hosts, h1: { ...plain.hosts.h1, kind: 'vtep' } as Host },
    lab: { hosts: { h1: { switch: 'ovs-vtep' } } },
  }
  const site = siteOf({ ...(await oneSegment(document)), backend: 'netns' })
  const { refusals = [], leftOut } = portSecurityClaims(site)
  expect(new Set(refusals.map(({ hostId }) => hostId))).toEqual(new Set(['h2']))
  expect(leftOut).toEqual(['h1 (ovs-vtep): under which addresses guests send, the device decides'])
  const [toH1] = vtepClaims(site).refusals ?? []
  expect(toH1?.uncounted).toBe(
    'h1 (ovs-vtep): vtep_unknown not counted, Open vSwitch drops in silence',
  )
  const requests = arpClaims(site).deliveries?.filter(({ what }) => what.startsWith('ARP')) ?? []
  expect(requests.find(({ from }) => from.name === 'h1.acme-vm11')?.to).toHaveLength(2)
})

test('what a row leaves to a device is no failure and no pass', async () => {
  const document = documentOf(['h1 acme 11', 'h1 acme 12'])
  const only = { ...document, lab: { hosts: { h1: { switch: 'ovs-vtep' as const } } } }
  const lab: Lab = { ...(await oneSegment(only)), backend: 'netns' }
  expect(row(await run(lab), 'frame with a foreign')).toMatchObject({
    ...{ passed: false, applicable: false },
    detail: 'not applicable: h1 (ovs-vtep): under which addresses guests send, the device decides',
  })
}, 20_000)

test('counters that lag are waited for, and one that overshoots is not taken for exact', async () => {
  let asked = 0
  const rest = await drops(() => {
    asked += 1
    return { port_security: asked < 4 ? 2 : 5 + Math.min(asked - 4, 1) }
  })
  const counters = dropsOf(
    { ...rest, document: documentOf(['h1 acme 11']), settleMs: 20, ...realTime },
    2_000,
  )
  const before = await counters.read()
  const rise = { hostId: 'h1', reason: 'port_security', packets: 3 }
  const after = await counters.after(before, [rise])
  expect([before.get('h1 port_security'), after.get('h1 port_security')]).toEqual([2, 6])
})

test('an answer that is no list of counters is an error with the answer in it', async () => {
  const rest = await drops(() => ({ port_security: 0.5 }))
  const counters = dropsOf(
    { ...rest, document: documentOf(['h1 acme 11']), settleMs: 5, ...realTime },
    100,
  )
  await expect(counters.read()).rejects.toThrow(/h1\/drops: 200 .*0\.5/)
})

test('a mark is found wherever it sits in a frame, and another run never sees it', async () => {
  const lab = await oneSegment(documentOf(['h1 acme 11', 'h1 acme 12']))
  const watch = createWatch(lab, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]))
  const other = createWatch(lab, Uint8Array.from([8, 7, 6, 5, 4, 3, 2, 1]))
  const [first, second] = [watch.mark(), watch.mark()]
  const frame = new Uint8Array(9000)
  frame.set(second, 8988)
  lab.workloads.get('h1.acme-vm11')?.send(frame)
  const arrived = await watch.until(() => watch.seen(second).length === 2, { timeoutMs: 1000 })
  expect(arrived).toBe(true)
  expect(watch.seen(second).map(({ where }) => where)).toEqual(['underlay', 'h1.acme-vm12'])
  expect(watch.seen(first)).toEqual([])
  expect(other.seen(other.mark())).toEqual([])
})
