/** Who reaches whom: what a document says of each pair, and what is shown when a lab is otherwise. */
import { expect, test, vi } from 'vitest'
import { runTest } from '../../bin/lab/test-run.ts'
import { parseDocument } from '../../controller/model/document.ts'
import { planMatrix } from '../../topologies/lab/matrix.ts'
import { formatMatrix } from '../../topologies/lab/matrix-report.ts'
import { openMemoryLab } from '../../topologies/lab/memory/lab.ts'

// Virtual time takes real time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 })

const site = (tenants: string, workloads: string) => `
name: pairs
underlay: { mtuBytes: 9050 }
hosts:
  h1: { vtepAddress: 192.0.2.11, underlayMtuBytes: 9050 }
  h2: { vtepAddress: 192.0.2.12, underlayMtuBytes: 9050 }
tenants:
${tenants}
workloads:
${workloads}
`
const two = site(
  `  acme:
    networks:
      web: { vni: 1, mtuBytes: 1500 }
      db: { vni: 2, mtuBytes: 1500 }
    subnets:
      web: { network: web, cidr: 10.0.0.0/24 }
      more: { network: web, cidr: 10.0.9.0/24 }
      db: { network: db, cidr: 10.0.0.0/24 }
    ports:
      a: { network: web, mac: '02:00:00:00:00:01', addresses: [10.0.0.1] }
      b: { network: web, mac: '02:00:00:00:00:02', addresses: [10.0.0.2] }
      c: { network: web, mac: '02:00:00:00:00:03', addresses: [10.0.9.3] }
      d: { network: db, mac: '02:00:00:00:00:04', addresses: [10.0.0.4] }
      e: { network: db, mac: '02:00:00:00:00:05', addresses: [10.0.0.1] }`,
  `  h1.a: acme/a
  h2.b: acme/b
  h2.c: acme/c
  h2.d: acme/d
  h1.e: acme/e`,
)

test('what is expected follows networks, subnets and addresses', () => {
  const { pairs, isComplete } = planMatrix(parseDocument(two, 'site.yaml'))
  const of = (from: string, to: string) => pairs.find((p) => p.from === from && p.to === to)
  expect(isComplete).toBe(true)
  expect(pairs).toHaveLength(20)
  expect(of('h1.a', 'h2.b')?.expected).toBe('reached')
  expect(of('h1.a', 'h2.c')).toMatchObject({ expected: 'unasked', why: 'another subnet' })
  expect(of('h1.a', 'h2.d')?.expected).toBe('silent')
  expect(of('h1.a', 'h1.e')).toMatchObject({ expected: 'unasked', why: 'both have 10.0.0.1' })
  // 10.0.0.1 is a's as well, which is in the network of b.
  const why = '10.0.0.1 is in its own network, too'
  expect(of('h2.b', 'h1.e')).toMatchObject({ expected: 'unasked', why })
})

test('of many guests a choice of pairs is asked: next ones in a network, one pair of two networks', () => {
  const guests = Array.from({ length: 40 }, (_, at) => at + 1)
  const port = (at: number, network: string, net: number) =>
    `      ${network}${at}: { network: ${network}, mac: '02:00:00:00:0${net}:${at.toString().padStart(2, '0')}', addresses: [10.0.${net}.${at}] }`
  const text = site(
    `  acme:
    networks: { web: { vni: 1, mtuBytes: 1500 }, db: { vni: 2, mtuBytes: 1500 } }
    subnets: { web: { network: web, cidr: 10.0.1.0/24 }, db: { network: db, cidr: 10.0.2.0/24 } }
    ports:
${guests.map((at) => `${port(at, 'web', 1)}\n${port(at, 'db', 2)}`).join('\n')}`,
    guests.map((at) => `  h1.web${at}: acme/web${at}\n  h2.db${at}: acme/db${at}`).join('\n'),
  )
  const plan = planMatrix(parseDocument(text, 'site.yaml'))
  expect(plan.isComplete).toBe(false)
  const counts = Map.groupBy(plan.pairs, ({ expected }) => expected)
  expect(counts.get('reached')).toHaveLength(2 * 40 * 3)
  expect(counts.get('silent')).toHaveLength(2)
  const cells = plan.pairs.map((pair) => {
    const isLost = pair.from === 'h1.web1' && pair.to === 'h1.web2'
    const seen = pair.expected === 'silent' || isLost ? ('silent' as const) : ('reached' as const)
    return { ...pair, seen, ok: !isLost }
  })
  expect(formatMatrix({ ...plan, cells }, { columns: 100, colour: false })).toEqual([
    '  network   guests  within it, then to other networks',
    '  acme/web      40  ✓ 119  ✗ 1   |   · 1',
    '  acme/db       40  ✓ 120   |   · 1',
    '',
    '✓ reached',
    '· silent, as it must be',
    '✗ must be reached, and is not',
    '  h1.web1 -> h1.web2 must be reached, and is not',
    '242 pairs of guests (a choice of them): 239 reached, 3 silent, 1 other than the document says',
  ])
})

test('a site without guests has a matrix of nobody', () => {
  const plan = planMatrix(
    parseDocument(site('  acme: {}', '').replace('workloads:', 'workloads: {}'), 'site.yaml'),
  )
  const lines = formatMatrix({ ...plan, cells: [] }, { columns: 100, colour: false })
  expect(lines.at(-1)).toBe('0 pairs of guests: 0 reached, 0 silent, as the document says')
})

test('a pair that is not as the document says is shown with the walk of a packet, and fails the run', async ({
  signal,
}) => {
  const document = parseDocument(two, 'site.yaml')
  await using lab = await openMemoryLab({ document, signal, seed: 1 })
  // The guest is still there, and its port is another one in another network.
  const path = '/v1/tenants/acme/ports/b'
  const body = JSON.stringify({ network: 'db', mac: '02:00:00:00:00:02', addresses: ['10.0.0.2'] })
  const headers = { 'content-type': 'application/json' }
  await lab.fetch(`${path}?wait=realized&timeout=10s`, { method: 'DELETE' })
  expect((await lab.fetch(path, { method: 'PUT', headers, body })).status).toBe(201)
  const said: string[] = []
  const result = await runTest(lab, {
    signal,
    scenarios: true,
    say: (line) => void said.push(line),
  })
  expect(result.ok).toBe(false)
  const wrong = result.matrix.cells.filter(({ ok }) => !ok)
  expect(wrong.map(({ from, to, seen }) => [from, to, seen])).toContainEqual([
    'h1.a',
    'h2.b',
    'silent',
  ])
  const walk = result.walks.find(({ pair }) => pair.startsWith('h1.a -> h2.b must be reached'))
  expect(walk?.trace).toMatchObject({ from: 'acme/a', to: 'acme/b', verdict: 'dropped' })
  expect(walk?.trace?.fault?.host).toBe('h1')
})
