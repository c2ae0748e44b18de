/** Each check of a site, when all is well and when that is not so, of controllers and hosts in this process. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { examine, type Result } from '../../bin/doctor/check.ts'
import { siteChecks } from '../../bin/doctor/groups.ts'
import { siteFacts } from '../../bin/doctor/site-facts.ts'
import { openRest } from '../../bin/rest.ts'
import { parseDocument } from '../../controller/model/document.ts'
import { memoryPair } from '../../dataplane/ports/memory.ts'
import { addBridge, addPort } from '../../dataplane/switch/operator.ts'
import { flowMod } from '../../southbound/openflow/message.ts'
import { udpFrame } from '../../southbound/wire/frame.ts'
import { type MemoryLab, openMemoryLab } from '../../topologies/lab/memory/lab.ts'
import { drop, put } from '../controller/model/site.ts'
import { openSite, realized, type TestSite, until } from '../controller/reconciler/site.ts'
import { openTlsSite } from '../controller/tls/site.ts'
import { connect } from '../dataplane/rig.ts'
import { openGuardedSite, runWeft, topology } from './weft.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const [HOUR_MS, DAY_MS] = [3_600_000, 86_400_000]

interface Asked {
  readonly now?: () => number
  readonly chosen?: readonly string[]
}

/** Runs the checks of these names. */
async function look(url: string, names: readonly string[], asked: Asked = {}): Promise<Result[]> {
  const { now = Date.now, chosen = [] } = asked
  const signal = AbortSignal.timeout(30_000)
  const rest = openRest({ controller: url, signal })
  const checks = siteChecks.filter(({ name }) => names.length === 0 || names.includes(name))
  if (names.length > 0) expect(checks.map(({ name }) => name)).toEqual(names)
  return examine(checks, siteFacts({ rest, chosen, now, later: Promise.resolve() }), signal)
}

describe('a site of two hosts over TLS', () => {
  let lab: MemoryLab
  const ask = (name: string, asked?: Asked) => look(lab.url, [name], asked)
  beforeAll(async () => {
    const file = topology('two-tenants.yaml')
    const document = parseDocument(readFileSync(file, 'utf8'), file)
    lab = await openMemoryLab({ document, tls: true, signal: AbortSignal.timeout(30_000) })
  })
  afterAll(() => lab?.close())

  test('where all is well no check finds anything', async () => {
    const isWrong = ({ verdict }: Result) => verdict === 'bad' || verdict === 'warn'
    // Until the first round of probes is through.
    const results = await until('all is well', async () => {
      const found = await look(lab.url, [])
      return !found.some(isWrong) && found
    })
    expect(new Set(results.map(({ check }) => check)).size).toBe(siteChecks.length)
    expect(
      results.filter(({ verdict }) => verdict === 'unknown').map(({ check }) => check),
    ).toEqual(['disk of the store'])
  })

  test('a clock that is an hour off is told', async () => {
    const [result] = await ask('clock of the controller', { now: () => Date.now() - HOUR_MS })
    expect(result).toMatchObject({
      verdict: 'bad',
      seen: expect.stringMatching(/ 3\d{3} s ahead$/),
    })
  })

  test('certificates that end soon, and those that have ended, are told with what to do', async () => {
    const { body } = await openRest({
      controller: lab.url,
      signal: AbortSignal.timeout(5000),
    }).ask<{
      status: { certificate: { expires: string } }
    }>('GET', '/v1/infra/hosts/h1')
    const end = Date.parse(body.status.certificate.expires)
    const at = async (days: number) =>
      (await ask('certificates', { now: () => end - days * DAY_MS })).map(({ verdict, seen }) => [
        verdict,
        seen.replace(/of h\d/, 'of a host'),
      ])
    expect((await at(20.5))[0]).toEqual(['warn', 'the certificate of a host ends in 20 days'])
    expect((await at(3.5))[0]).toEqual(['bad', 'the certificate of a host ends in 3 days'])
    expect((await at(-1))[0]).toEqual(['bad', 'the certificate of a host has ended'])
  })

  test('frames that are dropped while it looks are told with their reason', async () => {
    const vm1 = lab.workloads.get('h1.acme-vm1')
    if (!vm1) throw new Error('no guest')
    const spoofed = udpFrame({
      ...{ eth_src: vm1.mac, eth_dst: 0x0200_0000_0012, ipv4_src: 0x0a00_0063 },
      ...{ ipv4_dst: 0x0a00_000c, udp_src: 1, udp_dst: 2, payload: new Uint8Array(8) },
    })
    const signal = AbortSignal.timeout(30_000)
    const rest = openRest({ controller: lab.url, signal })
    const facts = siteFacts({ rest, chosen: [], now: Date.now, later: Promise.resolve() })
    const before = JSON.stringify(await facts.firstDrops)
    vm1.send(spoofed)
    await until('the drop counts', async () => JSON.stringify(await facts.drops()) !== before)
    const checks = siteChecks.filter(({ name }) => name === 'dropped frames')
    expect(await examine(checks, facts, signal)).toMatchObject([
      { verdict: 'warn', seen: 'h1 drops frames of acme/vm1: port_security, 1 meanwhile' },
    ])
  })

  test('a NIC that carries too little is named', async () => {
    lab.hosts.get('h2')?.setNicMtu(1500)
    const found = await until('the limit is known', async () => {
      const [result] = await ask('MTU of each pair')
      return result?.verdict === 'bad' && result
    })
    expect(found.seen).toContain('of host h2 carries 1500 bytes')
    expect(found.todo).toContain('ip link set h2.phy0 mtu')
    lab.hosts.get('h2')?.setNicMtu(9050)
  })

  test('a host that is away is bad, and what it holds in quarantine is told after an hour', async () => {
    await lab.faults.controlDown('h2')
    const [away] = await until('h2 is away', async () => {
      const results = await ask('hosts connected')
      return results[0]?.verdict === 'bad' && results
    })
    expect(away?.seen).toBe('h2: the host is not connected; it keeps what it had')
    expect(away?.todo).toContain('weft doctor --host')
    expect((await look(lab.url, ['hosts connected'], { chosen: ['h1'] }))[0]?.verdict).toBe('ok')

    const removed = await fetch(`${lab.url}/v1/tenants/acme/networks/web?cascade=true`, {
      method: 'DELETE',
    })
    expect(removed.status).toBe(200)
    expect((await ask('quarantine'))[0]?.verdict).toBe('ok')
    const [held] = await ask('quarantine', { now: () => Date.now() + 2.5 * HOUR_MS })
    expect(held).toMatchObject({ verdict: 'warn', seen: 'vni 5001 is held by h2 for 2 h' })
  })
})

test('certificates of the controller and of a CA that end soon are told, as events tell them', async () => {
  const site = await openTlsSite()
  try {
    await site.event('certificate_expiring', 'CA')
    const results = await look(site.url, ['certificates'])
    expect(results.map(({ verdict }) => verdict)).toEqual(['warn', 'warn'])
    expect(results.map(({ seen }) => seen).join()).toMatch(/controller.*CA|CA.*controller/)
  } finally {
    await site.close()
  }
})

test('with a token that may not look at the site the doctor says so, and does not say that all is well', async () => {
  const guarded = await openGuardedSite()
  try {
    guarded.store.commit([put('tenant', 'acme', {})], { who: 'test' })
    const { code, stdout } = await guarded.weft(['doctor'], { by: guarded.member('acme') })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^controller answers +bad +.*\n +-> take a token of an operator/m)
  } finally {
    await guarded.close()
  }
})

describe('a site whose switch refuses things', () => {
  let site: TestSite
  const ask = (name: string) => look(site.controller.url, [name], { now: () => site.clock.wall() })
  beforeAll(async () => {
    site = await openSite()
  })
  afterAll(() => site?.close())

  test('flows that are not as desired are counted and shown; objects that failed have the reason', async () => {
    const host = site.host('h1')
    await host.plug('tap1', site.portUuid('acme/vm1'))
    await realized(site, 'tenants/acme/ports/vm1')
    const [before] = await ask('hosts as desired')
    expect(before?.verdict).toBe('ok')
    host.relay.refuse = ({ type }) => (type === 'flow_mod' ? 'bad_action.eperm' : undefined)
    const somebody = await connect(host.bridge)
    const [ours] = [...host.bridge.flows.all()].filter(({ table_id }) => table_id === 50)
    if (!ours) throw new Error('no flow in table 50')
    await somebody.send(flowMod('delete_strict', ours))
    await somebody.barrier()
    const differing = await until('the difference', async () => {
      const results = await ask('hosts as desired')
      return results.find(({ seen }) => seen.startsWith('h1 differs in 1: missing '))
    })
    expect(differing).toMatchObject({
      verdict: 'bad',
      todo: expect.stringContaining('weft flows h1'),
    })
    expect(differing.seen).toMatch(/table=50, .* actions=/)
    const env = { WEFT_CONTROLLER: site.controller.url }
    const { code, stdout } = await runWeft(['flows', 'h1', '--diff'], { env })
    expect(code).toBe(3)
    expect(stdout).toMatch(
      /^# h1 at revision .*: 1 difference\n# l2 \(table 50\)\n# {3}\S.*; missing\n\+cookie=0x57\w+, table=50, .*\n$/,
    )

    await host.plug('tap2', site.portUuid('acme/vm2'))
    const failed = await until('vm2 failed', async () => {
      const results = await ask('objects realized')
      return results.find(({ seen }) => seen.startsWith('port acme/vm2 failed'))
    })
    expect(failed).toMatchObject({
      ...{ verdict: 'bad', todo: 'weft describe port acme/vm2' },
      seen: expect.stringContaining('h1: OpenFlow error'),
    })
    const told = await ask('trouble told of')
    expect(told.map(({ verdict, seen }) => [verdict, seen.split(':')[0]])).toContainEqual([
      'warn',
      'item_failed',
    ])
    somebody.close()
  })

  test('ports that nobody has plugged in wait, and it says for what', async () => {
    const results = await ask('objects realized')
    const waiting = results.find(({ seen }) => seen.startsWith('port acme/vm3 waits'))
    expect(waiting?.verdict).toBe('warn')
    expect(waiting?.seen).toContain(site.portUuid('acme/vm3'))
  })

  test('a machine that dials and is no host of the site is told', async () => {
    expect((await ask('pending hosts'))[0]?.verdict).toBe('ok')
    site.host('stranger', { address: '198.51.100.77' })
    const [found] = await until('it is pending', async () => {
      const results = await ask('pending hosts')
      return results[0]?.verdict === 'warn' && results
    })
    expect(found?.seen).toBe('stranger dials in from 198.51.100.77:40000 and gets nothing')
  })

  test("a host whose br-int is somebody else's is bad, and keeps no other host from being compared", async () => {
    const { device } = site.host('h8')
    addBridge(device, 'br-int')
    const [own0] = memoryPair({ name: 'own0' }, { name: 'own0.vm' })
    device.register('own0', own0)
    addPort(device, 'br-int', 'own0')
    site.store.commit([put('host', 'h8', { vtepAddress: '192.0.2.8' })], { who: 'test' })
    await until('told', () => site.events('bridge_foreign').length > 0)
    const results = await ask('hosts as desired')
    const said = results.map(({ verdict, seen }) => `${verdict} ${seen}`)
    expect(said).toContainEqual(expect.stringMatching(/^bad h1 differs in \d+: /))
    expect(said).toContainEqual(expect.stringMatching(/^bad h8: bridge_foreign: /))
  })

  test('a host that was removed is told of as such, not as a machine that nobody knows', async () => {
    const h2 = site.host('h2')
    await realized(site, 'infra/hosts/h2')
    h2.off()
    await until('away', async () => (await site.status('infra/hosts/h2')).phase === 'away')
    site.store.commit([drop('host', 'h2')], { who: 'test' })
    const found = (await ask('pending hosts')).filter(({ seen }) => seen.startsWith('h2'))
    expect(found).toMatchObject([
      {
        verdict: 'warn',
        seen: 'h2 is no host any longer: it is away, and is given back when it dials in',
      },
    ])
  })

  test('where no controller answers that is all there is to say', async () => {
    const env = { WEFT_CONTROLLER: 'http://127.0.0.1:9' }
    const { code, stdout } = await runWeft(['doctor'], { env })
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /^check +is +seen\ncontroller answers +bad +no controller answers at .*\n +-> is `weft serve` .*\n\n1 bad\n$/,
    )
    expect((await runWeft(['doctor', '--host', '--store', 'x.db'])).code).toBe(2)
    expect((await runWeft(['doctor', '--host', 'h1'])).code).toBe(2)
  })

  test('a host that there is not is said so', async () => {
    const env = { WEFT_CONTROLLER: site.controller.url }
    expect(await runWeft(['doctor', 'h1', 'h9'], { env })).toMatchObject({
      ...{ code: 1, stdout: '' },
      stderr: 'weft: there is no host h9\n',
    })
  })
})
