/** `weft get`, `describe`, `delete`, `watch` and `events` as somebody types them. */
import { spawn } from 'node:child_process'
import { execPath } from 'node:process'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { put } from '../controller/model/site.ts'
import { openSite, realized, type TestSite } from '../controller/reconciler/site.ts'
import { needs } from '../needs.ts'
import { bareEnvironment, program, runWeft } from './weft.ts'

// Each command is a process of its own, which takes its time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 })

let site: TestSite
beforeAll(async () => {
  site = await openSite(
    put('tenant', 'globex', {}),
    put('network', 'globex/web', { labels: { app: 'web' } }),
    put('port', 'acme/vm5', { network: 'web', labels: { app: 'db' }, addresses: [] }),
  )
  await site.host('h1').plug('tap0', site.portUuid('acme/vm1'), 7)
  await realized(site, 'tenants/acme/ports/vm1')
})
afterAll(() => site.close())

const weft = (...args: readonly string[]) =>
  runWeft(args, { env: { WEFT_CONTROLLER: site.controller.url } })

test('a table has what matters of each object, and where it is real', async () => {
  const { code, stdout, stderr } = await weft('get', 'ports', '--tenant', 'acme')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.split('\n')
  expect(lines[0]).toMatch(/^id +network +mac +addresses +host +labels +state$/)
  expect(lines[1]).toMatch(/^vm1 +web +02:00:00:00:00:11 +10\.0\.0\.11 +h1 7 +realized$/)
  expect(lines[2]).toMatch(/^vm2 +web +02:00:00:00:00:12 +10\.0\.0\.12 +pending$/)
  expect(stdout).not.toContain('\u001b')
})

test('without a tenant all of them are listed; a singular and one id will do; labels choose', async () => {
  const all = await weft('get', 'network')
  expect(all.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual([
    ...['id', 'acme/web', 'globex/web', ''],
  ])
  expect((await weft('get', 'ports', 'acme/vm1')).stdout.split('\n')).toHaveLength(3)
  const chosen = await weft('get', 'ports', '--tenant', 'acme', '-l', 'app=db', '-o', 'json')
  expect(JSON.parse(chosen.stdout).map(({ id }: { id: string }) => id)).toEqual(['vm5'])
  expect(await weft('get', 'bridges')).toEqual({
    ...{ code: 0, stdout: '', stderr: 'weft: there is no bridge\n' },
  })
})

test('one object in full: what was asked for, each host, its counters', async () => {
  const { stdout } = await weft('describe', 'port', 'acme/vm1')
  expect(stdout).toMatch(/^port acme\/vm1 {2}realized\n/)
  expect(stdout).toMatch(/^ {2}addresses +10\.0\.0\.11$/m)
  expect(stdout).toMatch(/^ {2}Realized +true +confirmed +.* \d{4}-\S+Z$/m)
  expect(stdout).toMatch(/^hosts\n {2}host +state +desired +acked\n {2}h1 +realized +(\d+) +\1$/m)
  expect(stdout).toMatch(/^binding\n {2}hostId +h1\n {2}ofport +7$/m)
  expect(stdout).toMatch(/^counters\n {2}at +\d{4}-/m)
  const host = await weft('describe', 'host', 'h2')
  expect(host.stdout).toContain('the host is not connected; it keeps what it had')
})

test('what is not there, and what was typed wrongly, have exit codes of their own', async () => {
  expect(await weft('get', 'port', 'acme/vm9')).toEqual({
    ...{ code: 1, stdout: '', stderr: 'weft: port acme/vm9 does not exist\n' },
  })
  for (const [args, says] of [
    [['get', 'portz'], "There is no such collection; did you mean 'ports'?"],
    [['get', 'port', '../../infra'], '.. is no id: an id has '],
    [['watch', 'port'], "missing required argument 'id'"],
  ] as const) {
    const { code, stdout, stderr } = await weft(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(says)
  }
})

test('what is in use stays, with what uses it; a cascade takes that along and says what went', async () => {
  const { store } = site
  store.commit(
    [
      put('tenant', 'gone', {}),
      put('network', 'gone/web', {}),
      put('subnet', 'gone/web', { network: 'web', cidr: '10.9.0.0/24' }),
      put('port', 'gone/vm1', { network: 'web' }),
    ],
    { who: 'test' },
  )
  expect(await weft('delete', 'network', 'gone/web')).toMatchObject({
    code: 1,
    stderr:
      'weft: network gone/web is still in use by port gone/vm1 and 1 more; referred to by port gone/vm1, subnet gone/web; --cascade deletes that too\n',
  })
  const { stdout } = await weft('delete', 'tenant', 'gone', '--cascade', '--wait')
  expect(stdout.split('\n')).toEqual([
    ...['- port gone/vm1', '- subnet gone/web', '- network gone/web', '- tenant gone'],
    ...[`Deleted: revision ${store.snapshot.revision}.`, ''],
  ])
})

test('watching ends when it is real; else with exit code 3 when the time is up', async () => {
  const { code, stdout } = await weft('watch', 'port', 'acme/vm1')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d {2}realized\n$/)
  const late = await weft('watch', 'port', 'acme/vm2', '--timeout', '0s')
  expect(late).toMatchObject({
    code: 3,
    stdout: expect.stringContaining('unplugged: no host has an interface on br-int'),
    stderr: 'weft: port acme/vm2 was not realized within 0s\n',
  })
})

test('events are listed, and followed until Ctrl-C, which is exit code 130', async () => {
  const { stdout } = await weft('events', '-o', 'json')
  const types = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).type)
  expect(types).toContain('host_connected')
  expect(types).toContain('port_bound')

  const env = { ...bareEnvironment(), WEFT_CONTROLLER: site.controller.url }
  const child = spawn(execPath, [program, 'events', '--follow'], { env })
  let said = ''
  let [isAsked, isStopped] = [false, false]
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
      // What was before is shown first: from now on it follows.
      if (!isAsked && said.includes('port_bound')) {
        isAsked = true
        site.host('h3')
      }
      if (isStopped || !/host_connected +h3/.test(said)) return
      isStopped = true
      child.kill('SIGINT')
    })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  expect(code).toBe(130)
  expect(said).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}port_bound +h1 /m)
})

describe('on a terminal', needs('linux'), () => {
  /** With a pseudo-terminal (script(1) of util-linux) as input and output. */
  async function typed(command: string, input: string, env: Record<string, string> = {}) {
    const child = spawn('script', ['-qec', `'${execPath}' '${program}' ${command}`, '/dev/null'], {
      env: { ...bareEnvironment(), TERM: 'xterm', WEFT_CONTROLLER: site.controller.url, ...env },
    })
    let said = ''
    let isAnswered = false
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (isAnswered || !said.includes('[y/N]')) return
      isAnswered = true
      child.stdin.write(input)
    })
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { code, said }
  }

  test('a deletion asks, after it has shown what goes along; no is no', async () => {
    const no = await typed('delete network acme/web --cascade', 'n\r')
    expect(no.code).toBe(1)
    expect(no.said).toContain('port acme/vm1')
    expect(no.said).toContain('Delete network acme/web and the 6 other objects above? [y/N]')
    expect(no.said).toContain('weft: nothing was deleted')
    expect(site.store.snapshot.get('network', 'acme/web')).toBeDefined()
    // Ctrl-C.
    expect((await typed('delete port acme/vm4', '\u0003')).code).toBe(130)
    expect(site.store.snapshot.get('port', 'acme/vm4')).toBeDefined()
    const yes = await typed('delete port acme/vm4', 'y\r')
    expect(yes.code).toBe(0)
    expect(site.store.snapshot.get('port', 'acme/vm4')).toBeUndefined()
  })

  test('tables have colour, unless NO_COLOR says otherwise', async () => {
    expect((await typed('get port acme/vm1', '')).said).toContain('\u001b[32mrealized')
    expect((await typed('get port acme/vm1', '', { NO_COLOR: '1' })).said).not.toContain('\u001b[')
  })
})
