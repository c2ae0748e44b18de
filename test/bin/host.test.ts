/** `weft host` as somebody types it. What it does to a real host stands in test/netns/host-life.test.ts. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { put } from '../controller/model/site.ts'
import { openSite, realized, type TestSite, until } from '../controller/reconciler/site.ts'
import { runWeft } from './weft.ts'

// Each command is a process of its own, which takes its time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 })

let site: TestSite
beforeAll(async () => {
  site = await openSite(put('bridge', 'h2/br-a', { uplinks: ['eth0'] }))
  const h1 = site.host('h1')
  await h1.plug('tap0', site.portUuid('acme/vm1'), 7)
  await realized(site, 'tenants/acme/ports/vm1')
  site.host('h9', { systemId: 'Rack.7' })
  await until('pending', () => site.events('host_pending').length > 0)
})
afterAll(() => site.close())

const weft = (...args: readonly string[]) =>
  runWeft(['host', ...args], { env: { WEFT_CONTROLLER: site.controller.url } })

test('hosts of the site and machines that wait are in one table, and in one list for programs', async () => {
  const { stdout } = await weft('list')
  const lines = stdout.split('\n').map((line) => line.split(/ {2,}/))
  expect(lines).toEqual([
    ['id', 'system-id', 'phase', 'kind', 'vtep', 'workloads', 'version', 'state'],
    ['h1', 'h1', 'active', 'ovs', '192.0.2.1', '1', expect.any(String), 'realized'],
    ['h2', 'h2', 'approved', 'ovs', '192.0.2.2', '0', 'disconnected'],
    ['h3', 'h3', 'approved', 'ovs', '192.0.2.3', '0', 'disconnected'],
    expect.arrayContaining(['Rack.7', 'pending', 'ovs', '198.51.100.9']),
    [''],
  ])
  const hosts = JSON.parse((await weft('list', '-o', 'json')).stdout)
  expect(hosts.map(({ phase }: { phase: string }) => phase)).toEqual([
    ...['active', 'approved', 'approved', 'pending'],
  ])
})

test('who is approved gets what it says and what was typed, each with where it is from; what cannot be says why', async () => {
  expect(await weft('approve', 'Rack.7')).toMatchObject({
    code: 2,
    stderr: 'weft: Rack.7 can be no id of an object: --id says how to call it\n',
  })
  expect(await weft('approve', 'h8')).toMatchObject({
    code: 1,
    stderr: 'weft: nobody who calls himself h8 waits to be let in; those that wait: Rack.7\n',
  })
  expect(await weft('approve', 'h1')).toMatchObject({
    code: 1,
    stderr: 'weft: h1 is let in already: it is host h1, which weft apply changes\n',
  })
  expect(await weft('approve', 'Rack.7', '--id', 'h1')).toMatchObject({
    code: 1,
    stderr: 'weft: there is a host h1 already\n',
  })
  const { code, stdout } = await weft('approve', 'Rack.7', '--id', 'h9', '--underlay-mtu', '9050')
  expect(code).toBe(0)
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['property', 'value', 'from'],
    ['kind', 'ovs', 'the database that it has'],
    ['systemId', 'Rack.7', 'external_ids:system-id'],
    ['vtepAddress', '198.51.100.9', 'the address that it dials from'],
    ['underlayMtuBytes', '9050', 'the command line'],
    [expect.stringMatching(/^Approved: host h9, revision \d+\.$/)],
    [''],
  ])
  await realized(site, 'infra/hosts/h9')
})

test('a host that still runs something is not empty in time, and goes back into service', async () => {
  const drained = await weft('drain', 'h1', '--wait', '1ms')
  expect(drained).toMatchObject({
    code: 3,
    stdout: 'h1 is draining; there still:\n  port acme/vm1\n',
    stderr: expect.stringMatching(/1 port\nweft: h1 was not empty within 1ms\n$/),
  })
  expect(site.store.snapshot.get('host', 'h1')?.draining).toBe(true)
  const back = await weft('undrain', 'h1', '-o', 'json')
  expect(JSON.parse(back.stdout).status).toMatchObject({ phase: 'active', workloads: 1 })
  expect(site.store.snapshot.get('host', 'h1')?.draining).toBeUndefined()
  const free = await weft('adopt', 'h1')
  expect(free).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to adopt') })
})

test('a host that something refers to stays, with what that is; with --cascade it goes along', async () => {
  const refused = await weft('remove', 'h2')
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toBe(
    '  bridge h2/br-a\nweft: 1 object above still refers to h2: weft host drain h2 says what runs there; --cascade deletes all of it\n',
  )
  const { code, stdout } = await weft('remove', 'h2', '--cascade', '-o', 'yaml')
  expect(code).toBe(3)
  expect(stdout).toMatch(
    /^deleted: host h2\ncascaded:\n {2}- bridge h2\/br-a\nrevision: \d+\ngivenBack: false\nreason: it is away, .*\n$/,
  )
  // Who has never dialled in has nothing.
  site.store.commit([put('host', 'h7', { vtepAddress: '192.0.2.7' })], { who: 'test' })
  expect(await weft('remove', 'h7')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^- host h7\nRemoved: revision \d+. Nothing of Weft is on h7.\n$/,
    ),
  })
})
