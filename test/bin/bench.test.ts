/** `weft bench`, as somebody types it against a controller with a host. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { type MemoryLab, openMemoryLab } from '../../topologies/lab/memory/lab.ts'
import { runWeft, topology } from './weft.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let lab: MemoryLab
beforeAll(async () => {
  const file = topology('two-tenants.yaml')
  const document = parseDocument(readFileSync(file, 'utf8'), file)
  lab = await openMemoryLab({ document, signal: AbortSignal.timeout(30_000) })
})
afterAll(() => lab?.close())

const bench = (...args: string[]) =>
  runWeft(['bench', '--requests', '2', '-o', 'json', ...args], {
    env: { WEFT_CONTROLLER: lab.url },
  })
const site = async () =>
  Promise.all(
    ['tenants', 'infra/quarantine'].map(
      async (path) =>
        (await fetch(`${lab.url}/v1/${path}`)).json() as Promise<{ items: { id: string }[] }>,
    ),
  )

test('reads are timed, of a tenant that is there, and nothing is written', async () => {
  const before = await site()
  const { stdout, stderr } = await bench()
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject([
    { measure: 'GET /healthz', requests: 2 },
    { measure: 'GET the tenants', p50Ms: expect.any(Number) },
    { measure: 'GET the ports of acme', p99Ms: expect.any(Number) },
    { measure: expect.stringMatching(/^GET port acme\//), perSecond: expect.any(Number) },
  ])
  expect(await site()).toEqual(before)
})

test('writes are timed until a host has confirmed them, and their tenant is gone afterwards', async () => {
  const { stdout, stderr, code } = await bench('write', '--host', 'h1')
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(JSON.parse(stdout).map(({ measure }: { measure: string }) => measure)).toEqual([
    'PUT a port, durable',
    'DELETE it',
    'PUT a port, on h1',
    'DELETE it, gone from h1',
  ])
  const [tenants] = await site()
  expect(tenants?.items.map(({ id }) => id)).toEqual(['acme', 'globex'])
})

test('a host that is not there is refused, and the tenant is gone all the same', async () => {
  const { stderr, code } = await bench('write', '--host', 'h9')
  expect(stderr).toBe(
    'weft: /hostId: host h9 does not exist; expected the id of a host; known: h1, h2\n',
  )
  expect(code).toBe(1)
  const [tenants] = await site()
  expect(tenants?.items).toHaveLength(2)
})
