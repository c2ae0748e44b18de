/** What goes wrong on a memory lab: as events of the document at their time, and by the hand of whoever has the lab. */
import { expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { DocumentError } from '../../controller/model/document-edits.ts'
import type { LabEvent } from '../../controller/model/lab-events.ts'
import { type MemoryLab, openMemoryLab } from '../../topologies/lab/memory/lab.ts'
import { fetchLab } from '../controller/northbound/schemas.ts'
import { labSeed } from '../random.ts'
import { documentOf } from './documents.ts'

const seed = labSeed()
const GUESTS = ['h1 acme 11', 'h2 acme 12', 'h3 acme 13']

function open(events: readonly LabEvent[] = [], step?: (text: string) => void): Promise<MemoryLab> {
  const { hosts, ...rest } = documentOf(GUESTS)
  const document = {
    ...rest,
    // One of the other kind.
    hosts: { ...hosts, h3: { ...hosts.h3, kind: 'vtep' } },
    lab: { events },
  }
  const parsed = parseDocument(JSON.stringify(document), 'test.json')
  const replay = `WEFT_SEED=${seed}`
  return openMemoryLab({
    document: parsed,
    seed,
    replay,
    step,
    signal: AbortSignal.timeout(60_000),
  })
}

/** One ping from the first guest to another one. */
function pings(lab: MemoryLab, to: 12 | 13, timeoutMs = 500): Promise<boolean> {
  const from = lab.workloads.get('h1.acme-vm11')
  if (!from) throw new Error('no guest')
  return from.ping(0x0a00_0000 + to, { bytes: 56, timeoutMs })
}

const phaseOf = async (lab: MemoryLab, id: string) => {
  const answer = await fetchLab(lab, `/v1/infra/hosts/${id}`)
  return ((await answer.json()) as { status: { phase: string } }).status.phase
}

test('events of a document happen at their time, counted from when the lab is up', async () => {
  const steps: string[] = []
  await using lab = await open(
    [
      { atMs: 1000, host: 'h2', is: 'down' },
      { atMs: 2000, host: 'h2', is: 'up' },
      { atMs: 4000, link: 'h3', is: 'down' },
      { atMs: 5000, link: 'h3', is: 'up' },
    ],
    (text) => steps.push(text),
  )
  const up = lab.clock.now()
  const until = (ms: number) => lab.clock.sleep(up + ms - lab.clock.now())
  await until(999)
  expect(await pings(lab, 12, 0.5)).toBe(true)
  await until(1001)
  expect([await pings(lab, 12), await pings(lab, 13)]).toEqual([false, true])
  await until(2001)
  expect(lab.hosts.get('h2')?.isOn).toBe(true)
  await lab.whenRealized(AbortSignal.timeout(60_000))
  expect(await pings(lab, 12)).toBe(true)
  await until(4001)
  expect([await pings(lab, 12), await pings(lab, 13)]).toEqual([true, false])
  await until(5001)
  expect(await pings(lab, 13)).toBe(true)
  expect(steps.slice(-4)).toEqual([
    'event: host h2 down',
    'event: host h2 up',
    'event: link h3 down',
    'event: link h3 up',
  ])
})

test('a host of either kind that was off is served again with an empty database, though the controller was down as it came', async () => {
  await using lab = await open()
  for (const [id, guest] of [
    ['h2', 12],
    ['h3', 13],
  ] as const) {
    await lab.faults.hostOff(id)
    await lab.faults.hostOff(id)
    await lab.faults.controllerOff()
    await lab.faults.hostOn(id)
    await lab.faults.hostOn(id)
    await lab.clock.sleep(5000)
    await lab.faults.controllerOn()
    await lab.clock.sleep(5000)
    await lab.whenRealized(AbortSignal.timeout(60_000))
    expect(await pings(lab, guest)).toBe(true)
  }
})

test('down and up at one moment is a restart: of hosts of both kinds, of one that boots, and of the controller', async () => {
  const events = ['h2', 'h3'].flatMap((host) => [
    { atMs: 1000, host, is: 'down' as const },
    { atMs: 1000, host, is: 'up' as const },
    { atMs: 1000, host, is: 'down' as const },
    { atMs: 1000, host, is: 'up' as const },
  ])
  const controller = [
    { atMs: 2000, controller: 'down' as const },
    { atMs: 2000, controller: 'up' as const },
    { atMs: 2000, controller: 'up' as const },
  ]
  await using lab = await open([...events, ...controller])
  await lab.clock.sleep(10_000)
  await lab.whenRealized(AbortSignal.timeout(60_000))
  expect([await pings(lab, 12), await pings(lab, 13)]).toEqual([true, true])
  expect([await phaseOf(lab, 'h2'), await phaseOf(lab, 'h3')]).toEqual(['active', 'active'])
})

test('without a controller guests go on, REST is gone, and another life has the same store', async () => {
  await using lab = await open()
  const { revision } = lab.store.snapshot
  await lab.faults.controllerOff()
  expect(() => lab.controller).toThrow('the controller is down')
  await expect(lab.fetch('/v1/infra/hosts')).rejects.toThrow('fetch failed')
  expect([await pings(lab, 12), await pings(lab, 13)]).toEqual([true, true])
  await lab.clock.sleep(60_000)
  expect([await pings(lab, 12), await pings(lab, 13)]).toEqual([true, true])
  await lab.faults.controllerOn()
  await lab.clock.sleep(5000)
  expect(await phaseOf(lab, 'h1')).toBe('active')
  expect(await phaseOf(lab, 'h3')).toBe('active')
  expect(lab.store.snapshot.revision).toBe(revision)
})

test('a way to the controller that is cut is told of, its host goes on, and it comes back by itself', async () => {
  await using lab = await open()
  for (const id of ['h1', 'h3']) {
    await lab.faults.controlDown(id)
    await lab.clock.sleep(5000)
    expect(await phaseOf(lab, id)).toBe('away')
    expect(await pings(lab, 13)).toBe(true)
    await lab.faults.controlUp(id)
    await lab.clock.sleep(5000)
    expect(await phaseOf(lab, id)).toBe('active')
  }
})

test('what host and controller say to each other takes as long as was asked for, each way, and keeps its order', async () => {
  await using lab = await open()
  const port = '/v1/tenants/acme/ports/vm12'
  const put = async () => {
    const before = (await (await fetchLab(lab, port)).json()) as object & { addresses: string[] }
    const { network, mac } = before as { network?: string; mac?: string }
    const addresses = before.addresses.includes('10.0.0.12') ? ['10.0.0.112'] : ['10.0.0.12']
    const began = lab.clock.now()
    const answer = await fetchLab(lab, `${port}?wait=realized&timeout=30s`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ network, mac, addresses }),
    })
    expect(answer.status).toBe(200)
    return lab.clock.now() - began
  }
  const quick = await put()
  await lab.faults.delay('h2', 250)
  const slow = await put()
  // A bundle is opened, filled and committed, each answered: there and back at least once.
  expect([quick < 100, slow >= 500]).toEqual([true, true])
  await lab.faults.delay('h2', 0)
  await lab.clock.sleep(1000)
  expect(await put()).toBe(quick)
})

test.each([
  ['a host that is not there', { atMs: 1, host: 'h9', is: 'down' }, '1:.*/lab/events/0/host: h9'],
  ['nothing', { atMs: 1, is: 'up' }, 'one of host, link, control, controller'],
  [
    'two at once',
    { atMs: 1, host: 'h1', link: 'h1', is: 'up' },
    'one of host, link, control, controller',
  ],
  ['a host without a state', { atMs: 1, host: 'h1' }, "'is' beside 'host'"],
  ['a slow link', { atMs: 1, link: 'h1', delayMs: 5 }, "'is' beside 'link'"],
  [
    'a way both cut and slow',
    { atMs: 1, control: 'h1', is: 'down', delayMs: 5 },
    "'is' or 'delayMs' beside 'control'",
  ],
  [
    'a controller with more',
    { atMs: 1, controller: 'up', is: 'up' },
    "nothing more beside 'controller'",
  ],
  ['a state that is none', { atMs: 1, host: 'h1', is: 'off' }, '/lab/events/0/is: "off"'],
  ['a time that is none', { atMs: -1, controller: 'up' }, '/lab/events/0/atMs: -1'],
])('a document with an event of %s is refused at its line', (_, event, said) => {
  const document = { ...documentOf(GUESTS), lab: { events: [event] } }
  const parse = () => parseDocument(JSON.stringify(document), 'test.json')
  expect(parse).toThrow(DocumentError)
  expect(parse).toThrow(new RegExp(`^test\\.json:1:\\d+: .*${said}`.replace(': .*1:', ':')))
})

test('events that are not in the order of time are refused', () => {
  const events = [
    { atMs: 2, controller: 'down' },
    { atMs: 1, controller: 'up' },
  ]
  const document = { ...documentOf(GUESTS), lab: { events } }
  expect(() => parseDocument(JSON.stringify(document), 'test.json')).toThrow(
    /\/lab\/events\/1\/atMs: 1 .*at least 2, since events are in the order of time/,
  )
})
