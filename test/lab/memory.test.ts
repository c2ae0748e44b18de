/** The memory lab whole: the real controller, our switches, guests, and every check on real packets. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { Store } from '../../controller/store/store.ts'
import { type CheckResult, runChecks, summarize } from '../../topologies/lab/checks/checks.ts'
import { alternatives } from '../../topologies/lab/checks/claims.ts'
import type { LabDocument } from '../../topologies/lab/lab.ts'
import {
  type MemoryLab,
  type MemoryLabOptions,
  openMemoryLab,
} from '../../topologies/lab/memory/lab.ts'
import { formatChecks } from '../../topologies/lab/report.ts'
import { fetchChecked } from '../controller/northbound/schemas.ts'
import { labSeed } from '../random.ts'
import { documentOf, TWO_TENANTS } from './documents.ts'

const vlan = new URL('../../topologies/vlan-trunk.yaml', import.meta.url)
const twoTenants = new URL('../../topologies/two-tenants.yaml', import.meta.url)

const replay = (seed: number) => `WEFT_SEED=${seed}`

/** With a seed, unless it is undefined on purpose. */
function open(document: LabDocument, options: Partial<MemoryLabOptions> = {}): Promise<MemoryLab> {
  const parsed = parseDocument(JSON.stringify(document), 'test.json')
  const seed = 'seed' in options ? options.seed : labSeed()
  const common = { signal: AbortSignal.timeout(10_000), replay: replay(seed ?? 0) }
  return openMemoryLab({ ...common, seed, ...options, document: parsed })
}

const check = (lab: MemoryLab, patienceMs = 5_000) =>
  runChecks(lab, { signal: AbortSignal.timeout(30_000), patienceMs })
const table = (results: readonly CheckResult[]) =>
  formatChecks(results, { columns: 160, colour: false }).join('\n')
/** Characters that tell the rows apart. */
const START = 12
const startsOf = (results: readonly CheckResult[]) =>
  results.map(({ name }) => name.slice(0, START))

test('two tenants on two hosts pass every row, steps included', async () => {
  const steps: string[] = []
  const document = parseDocument(readFileSync(twoTenants, 'utf8'), 'two-tenants.yaml')
  const signal = AbortSignal.timeout(10_000)
  await using lab = await openMemoryLab({
    ...{ document, signal, seed: labSeed(), step: (text: string) => steps.push(text) },
  })
  const results = await check(lab)
  expect(summarize(results), table(results)).toEqual({
    passed: 7,
    failed: 0,
    notApplicable: 0,
    ok: true,
  })
  expect(results.map(({ must }) => must)).toContain('dropped, mtu_exceeded, counted exactly')
  expect(steps.at(-1)).toBe('all ports realized')
}, 15_000)

test('the table is about plain VXLAN networks, and holds beside those of a physical network', async () => {
  const document = parseDocument(readFileSync(vlan, 'utf8'), 'vlan-trunk.yaml')
  await using lab = await openMemoryLab({
    ...{ document, signal: AbortSignal.timeout(10_000), seed: labSeed() },
  })
  const results = await check(lab)
  const failed = results.filter(({ passed, applicable }) => applicable && !passed)
  expect(failed, table(results)).toEqual([])
  expect(summarize(results).passed).toBe(4)
})

test('over TLS every row holds as well, each host with its own certificate, and no key is left', async () => {
  const left = () => readdirSync(tmpdir()).filter((name) => /^weft-lab-/.test(name))
  const before = left()
  {
    const document = documentOf(['h1 acme 11', 'h2 acme 12', 'h1 globex 11', 'h2 globex 12'])
    await using lab = await open(document, { tls: true, seed: undefined })
    const results = await check(lab)
    expect(summarize(results), table(results)).toMatchObject({ failed: 0, ok: true })
    for (const id of ['h1', 'h2']) {
      const answer = await fetchChecked(`${lab.url}/v1/infra/hosts/${id}`)
      expect(await answer.json()).toMatchObject({ status: { certificate: { name: id } } })
    }
    const types = new Set(lab.controller.events.since().map(({ type }) => type))
    expect([...types].sort()).toEqual(['frames_dropped', 'host_connected', 'port_bound'])
  }
  expect(left()).toEqual(before)
}, 15_000)

test('a lab over TLS refuses a document whose host has a certificate of its own', async () => {
  const document = documentOf(['h1 acme 11'])
  const hosts = { h1: { ...document.hosts.h1, certificateFingerprint: 'ab'.repeat(32) } }
  const registered = { ...document, hosts } as LabDocument
  await expect(open(registered, { tls: true, seed: undefined })).rejects.toThrow(
    /host h1 has a certificateFingerprint/,
  )
})

test('one host: what needs a second one is not applicable, and nothing fails', async () => {
  await using lab = await open(
    documentOf(['h1 acme 11', 'h1 acme 12', 'h1 globex 11', 'h1 globex 12']),
  )
  const results = await check(lab)
  expect(startsOf(results.filter(({ applicable }) => !applicable)), table(results)).toEqual([
    'same tenant,',
    'VXLAN packet',
    '9,001 bytes ',
    'broadcast AR',
  ])
  expect(summarize(results)).toMatchObject({ passed: 3, failed: 0, ok: true })
}, 30_000)

test('one guest a host: the ping between hosts is shown first, then what there is no pair for', async () => {
  await using lab = await open(documentOf(['h1 acme 11', 'h2 acme 12']))
  const results = await check(lab)
  expect(results[0]).toMatchObject({
    passed: false,
    applicable: false,
    detail: 'other host: 4 of 4 pings answered; not shown: no network has two guests on one host',
  })
  expect(summarize(results), table(results)).toMatchObject({ failed: 0, ok: true })
}, 30_000)

test('sizes of networks whose MTUs differ are named in order', () => {
  expect(alternatives([1422, 1472, 1372, 1422])).toBe('1,372 or 1,422 or 1,472')
})

test('one tenant: the row about the other tenant is not applicable', async () => {
  await using lab = await open(documentOf(['h1 acme 11', 'h2 acme 12', 'h1 acme 13'], 1450))
  const results = await check(lab)
  const row = results.find(({ name }) => name === 'same address in the other tenant')
  expect(row?.detail).toMatch(/^not applicable: fewer than two tenants/)
  expect(results[0]?.name).toContain('of 1,422 bytes with DF')
  expect(summarize(results), table(results)).toMatchObject({ passed: 6, failed: 0 })
}, 30_000)

test('six tenants on four hosts are checked by samples', async () => {
  const guests = ['h1', 'h2', 'h3', 'h4'].flatMap((host, at) =>
    ['acme', 'globex', 'hooli', 'initech', 'soylent', 'wonka'].flatMap((tenant) => [
      `${host} ${tenant} ${11 + 2 * at}`,
      `${host} ${tenant} ${12 + 2 * at}`,
    ]),
  )
  await using lab = await open(documentOf(guests))
  const results = await check(lab)
  expect(summarize(results), table(results)).toMatchObject({ passed: 7, failed: 0 })
}, 30_000)

test('a host that loses everything comes back by its boot script alone', async () => {
  await using lab = await open(documentOf(TWO_TENANTS))
  const signal = AbortSignal.timeout(10_000)
  const h2 = lab.hosts.get('h2')
  await h2?.stop()
  const lost = lab.workloads.get('h1.acme-vm11')?.ping(0x0a00_000c, { bytes: 56, timeoutMs: 200 })
  await expect(lost).resolves.toBe(false)
  await h2?.start()
  await h2?.boot(signal)
  const booted = lab.clock.now()
  await lab.whenRealized(signal)
  const results = await check(lab)
  expect(summarize(results), table(results)).toMatchObject({ passed: 7, failed: 0 })
  expect(lab.clock.now() - booted).toBeLessThan(10_000)
}, 30_000)

test('a closed lab leaves no timer and no listener behind', async () => {
  const before = process.getActiveResourcesInfo().length
  const lab = await open(documentOf(['h1 acme 11', 'h2 acme 12']), { seed: undefined })
  await lab.close()
  await lab.close()
  await expect(fetch(`${lab.url}/healthz`)).rejects.toThrow()
  for (let waited = 0; waited < 3_000; waited += 50) {
    if (process.getActiveResourcesInfo().length <= before) return
    await sleep(50)
  }
  expect(process.getActiveResourcesInfo()).toHaveLength(before)
})

test('a lab with a seed opens no socket, and nothing listens', async () => {
  const kinds = () => new Set(process.getActiveResourcesInfo())
  const before = kinds()
  await using lab = await open(documentOf(['h1 acme 11', 'h2 acme 12']))
  // What the runner of the tests itself does comes and goes.
  const own = ['TCPServerWrap', 'TCPSocketWrap', 'PipeServerWrap', 'Worker', 'UDPWrap']
  expect(own.filter((kind) => kinds().has(kind) && !before.has(kind))).toEqual([])
  expect(lab.url).toBe('')
  const answer = await lab.fetch('/healthz')
  expect(answer.status).toBe(200)
})

test('a question to a lab with a seed that is given up ends then, as one by a socket does', async () => {
  await using lab = await open(documentOf(TWO_TENANTS))
  const port = '/v1/tenants/acme/ports/vm12'
  const { network, mac } = (await (await lab.fetch(port)).json()) as Record<string, unknown>
  await lab.faults.hostOff('h2')
  const given = new AbortController()
  lab.clock.after(50, () => given.abort(new Error('given up')))
  const began = lab.clock.now()
  const asked = lab.fetch(`${port}?wait=realized&timeout=60s`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ network, mac, addresses: ['10.0.0.112'] }),
    signal: given.signal,
  })
  await expect(asked).rejects.toThrow('given up')
  expect(lab.clock.now() - began).toBeLessThan(60_000)
})

test('a lab with a seed has no place for TLS, nor for an address, and a seed is a number of 32 bits', async () => {
  const document = documentOf(['h1 acme 11'])
  const sockets = 'a lab with a seed has no sockets'
  await expect(open(document, { tls: true })).rejects.toThrow(sockets)
  const rest = { host: '127.0.0.1', port: 0 }
  await expect(open(document, { rest })).rejects.toThrow(sockets)
  for (const seed of [Number.NaN, -1, 0.5, 2 ** 32])
    await expect(open(document, { seed })).rejects.toThrow(`${seed} is no seed`)
})

test('events come as a stream as well, by a seed: nothing listens, and the lab has its own time', async () => {
  await using lab = await open(documentOf(TWO_TENANTS))
  const headers = { accept: 'text/event-stream' }
  const answer = await lab.fetch('/v1/events', { headers })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  const reader = (answer.body ?? expect.unreachable()).getReader()
  const text = new TextDecoder()
  let seen = ''
  const until = async (what: string) => {
    while (!seen.includes(what)) {
      const { value, done } = await lab.run(() => reader.read())
      if (done) throw new Error(`it ended after ${seen}`)
      seen += text.decode(value)
    }
  }
  await lab.faults.hostOff('h2')
  await until('event: host_disconnected')
  await lab.faults.hostOn('h2')
  await until('event: host_connected')
  await reader.cancel()
})

test('another seed gives another run, and the same one the same, in one process too', async () => {
  const trace = async (seed: number) => {
    const lines: string[] = []
    const sink = { write: (line: string) => lines.push(line) }
    await using lab = await open(documentOf(TWO_TENANTS), { seed, trace: sink })
    await lab.workloads.get('h1.acme-vm11')?.ping(0x0a00_000c, { bytes: 56, timeoutMs: 200 })
    return lines
  }
  const first = await trace(7)
  expect(await trace(7)).toEqual(first)
  expect(await trace(8)).not.toEqual(first)
})

test('a document that was not parsed brings up nothing', async () => {
  const signal = AbortSignal.timeout(10_000)
  const unparsed = openMemoryLab({ document: documentOf(TWO_TENANTS), signal })
  await expect(unparsed).rejects.toThrow('test was not parsed; parseDocument() gives edits')
})

test('a document that the store refuses is refused with file, line and value', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-'))
  try {
    const path = join(folder, 'store.sqlite')
    const before = Store.open(path)
    const taken = documentOf(['h9 hooli 11'])
    before.commit(parseDocument(JSON.stringify(taken), 'taken.json').edits, { who: 'test' })
    before.close()
    const refused = open(documentOf(TWO_TENANTS), { store: path })
    await expect(refused).rejects.toThrow(
      /^test\.json:1:\d+: .*VNI 5001 is used by network hooli\/web/m,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('guests that have nobody to talk to show nothing, and nothing counts as passed', async () => {
  await using lab = await open(documentOf(['h1 acme 11', 'h2 globex 11']))
  const results = await check(lab)
  expect(summarize(results), table(results)).toMatchObject({ passed: 0, failed: 0, ok: false })
  const row = results.find(({ name }) => name === 'same address in the other tenant')
  expect(row?.detail).toBe('not applicable: no guest here can show it')
}, 30_000)

test('tenants without an address in common still do not reach each other', async () => {
  const guests = ['h1 acme 11', 'h2 acme 12', 'h1 acme 13', 'h1 globex 21', 'h2 globex 22']
  await using lab = await open(documentOf(guests))
  const row = (await check(lab)).find(({ name }) => name === 'same address in the other tenant')
  expect(row?.detail).toMatch(
    /^\d+ .* 30 refused; mac_unknown h1 \+15 h2 \+15; not shown: no two tenants/,
  )
}, 30_000)
