/**
 * A document from the command line to real Open vSwitch: planned, applied, applied again, changed, pruned. The controller is
 * `weft serve` as it is installed, with tokens; REST is a unix socket, all else goes over the lab's management network.
 */
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRest } from '../../bin/rest.ts'
import { parseDocument } from '../../controller/model/document.ts'
import { formatIpv4, parseIpv4 } from '../../southbound/wire/address.ts'
import { within } from '../../topologies/lab/netns/namespace.ts'
import type { OvsHost } from '../../topologies/lab/netns/ovs-host.ts'
import { ended, launch } from '../../topologies/lab/netns/run.ts'
import { openSite, type Site } from '../../topologies/lab/netns/site.ts'
import type { NetnsWorkload } from '../../topologies/lab/netns/workload.ts'
import { program, type Run, runWeft, topology } from '../bin/weft.ts'
import { until } from './agent-site.ts'
import { needed } from './site-under-test.ts'

const LONG_MS = 60_000

describe('a document on real Open vSwitch', needed, () => {
  const original = topology('two-tenants.yaml')
  const text = readFileSync(original, 'utf8')
  let site: Site
  let serving: ChildProcess
  let changed: string
  let options: string[]

  const weft = (...args: readonly string[]): Promise<Run> => runWeft([...args, ...options])
  const done = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await weft(...args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }
  const host = (id: string): OvsHost => site.hosts.get(id) as OvsHost
  const guest = (name: string): NetnsWorkload => site.workloads.get(name) as NetnsWorkload

  /** Flows of br-int: what identifies each, and all of it. */
  async function flowsOf(id: string): Promise<ReadonlyMap<string, string>> {
    const { stdout } = await host(id).ofctl(['dump-flows', '--no-stats', 'br-int'])
    const lines = stdout.split('\n').filter((line) => line.includes('actions='))
    return new Map(
      lines.map((line) => [line.replace(/^ *cookie=\w+, /, '').replace(/ ?actions=.*$/, ''), line]),
    )
  }
  const allFlows = async () => [await flowsOf('h1'), await flowsOf('h2')]

  beforeAll(async () => {
    const document = parseDocument(text, original)
    site = await openSite({
      document,
      portUuid: async (tenant, id) =>
        JSON.parse(await done('get', 'port', id, '--tenant', tenant, '-o', 'json')).uuid,
    })
    const { path } = site.runDirectory
    changed = join(path, 'site.yaml')
    const store = join(path, 'site.db')
    const socket = join(path, 'rest.sock')
    options = ['--controller', `unix:${socket}`, '--token-file', `${store}.operator-token`]
    const address = formatIpv4(site.plan.controller.address)
    const log = openSync(join(path, 'serve.log'), 'a', 0o600)
    const args = ['--store', store, '--rest', `unix:${socket}`]
    const remotes = ['--ovsdb', `${address}:6640`, '--openflow', `${address}:6653`]
    const { namespace } = site.plan.controller
    serving = launch(within(namespace, [execPath, program, 'serve', ...args, ...remotes]), {
      output: log,
    })
    closeSync(log)
    const rest = openRest({ controller: `unix:${socket}`, signal: AbortSignal.timeout(LONG_MS) })
    const answers = () => rest.ask('GET', '/healthz').then(Boolean, () => false)
    await until('the controller serves', answers, LONG_MS)
  })
  afterAll(async () => {
    serving?.kill('SIGTERM')
    if (serving) await ended(serving)
    await site?.close()
  })

  test('what was planned is applied, and hosts that dial in then get it', async () => {
    const planned = await done('plan', '-f', original)
    const [, command = ''] = /^ {2}weft (apply .*)$/m.exec(planned) ?? []
    expect(planned).toContain('14 objects to add; nothing has been done.')
    const { code, stdout } = await runWeft(command.split(' '))
    expect(code).toBe(0)
    expect(stdout).toContain('14 objects added: revision ')
    for (const each of site.hosts.values()) {
      await each.start({ emptyDatabase: true })
      await each.boot()
    }
    for (const port of [
      'acme/vm1',
      'acme/vm2',
      'acme/vm3',
      'globex/vm1',
      'globex/vm2',
      'globex/vm3',
    ])
      expect(await done('watch', 'port', port)).toMatch(/ {2}realized\n$/)
    expect(await done('get', 'ports', '--tenant', 'acme')).toMatch(/^vm2 .* h2 \d+ +realized$/m)
    const large = { bytes: 8972, timeoutMs: 1000 }
    await until(
      'a packet of 9000 bytes crosses',
      () => guest('h1.acme-vm1').ping(parseIpv4('10.0.0.12'), large),
      LONG_MS,
    )
  })

  test('the second time it changes nothing, says so, and touches no flow', async () => {
    const before = await allFlows()
    const said = await done('apply', '-f', original, '--wait', '30s')
    expect(said).toMatch(
      /^Nothing changed: the site is as .*two-tenants\.yaml says \(revision \d+\)\.\n$/,
    )
    expect(await allFlows()).toEqual(before)
  })

  test('a change and what the document no longer has: what the plan counts is what each switch gets', async () => {
    const now = text
      .replace('vni: 5001, mtuBytes: 9000', 'vni: 5001, mtuBytes: 1400, labels: { app: shop }')
      .replace(/^ {6}vm3:.*00:13.*\n/m, '')
      .replace(/^ {2}h1\.acme-vm3:.*\n/m, '')
    writeFileSync(changed, now)
    const before = await allFlows()
    const planned = await done('plan', '-f', changed, '--prune')
    expect(planned).toContain('- port acme/vm3\n')
    expect(planned).toContain(
      '~ network acme/web\n    mtuBytes: 9000 -> 1400\n    labels: none -> app=shop\n',
    )
    expect(planned).toContain('\n1 object to change, 1 to remove; ')
    const { hosts } = JSON.parse(await done('plan', '-f', changed, '--prune', '-o', 'json'))
    const [, id = ''] = /--plan-id (\S+)/.exec(planned) ?? []

    const applied = await done('apply', '-f', changed, '--prune', '--plan-id', id, '--wait', '60s')
    expect(applied).toMatch(
      /\n1 object changed, 1 removed: revision \d+, confirmed by every host\.\n$/,
    )
    const after = await allFlows()
    const counted = before.map((old, at) => {
      const fresh = after[at] ?? new Map()
      return {
        added: [...fresh.keys()].filter((key) => !old.has(key)).length,
        changed: [...fresh].filter(([key, flow]) => old.has(key) && old.get(key) !== flow).length,
        removed: [...old.keys()].filter((key) => !fresh.has(key)).length,
      }
    })
    expect(counted).toEqual([hosts.h1.flows, hosts.h2.flows])
    expect(counted[0]?.removed).toBeGreaterThan(0)
    const vm1 = guest('h1.acme-vm1')
    expect(await vm1.ping(parseIpv4('10.0.0.12'), { bytes: 8972, timeoutMs: 500 })).toBe(false)
    const small = { bytes: 1372, timeoutMs: 1000 }
    const crosses = () => vm1.ping(parseIpv4('10.0.0.12'), small)
    await until('a packet of 1400 bytes crosses', crosses, LONG_MS)
    expect(await vm1.ping(parseIpv4('10.0.0.13'), { bytes: 56, timeoutMs: 500 })).toBe(false)
  })

  test('applied again it changes nothing; without --prune the first document brings back what it has', async () => {
    const before = await allFlows()
    expect(await done('apply', '-f', changed, '--prune')).toMatch(/^Nothing changed: /)
    expect(await allFlows()).toEqual(before)
    const back = await done('apply', '-f', original)
    expect(back).toContain('+ port acme/vm3 ')
    expect(back).toMatch(/\n1 object added, 1 changed: revision \d+\.\n$/)
  })
})
