/** `weft attach` as a person types it, against a controller with hosts in this process. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { put } from '../controller/model/site.ts'
import { openSite, realized, type TestSite } from '../controller/reconciler/site.ts'

// Each command is a process of its own, which takes its time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 })

const program = fileURLToPath(new URL('../../bin/weft.ts', import.meta.url))

let site: TestSite
beforeAll(async () => {
  site = await openSite(
    put('host', 'v1', { kind: 'vtep', vtepAddress: '192.0.2.9' }),
    put('tenant', 'globex', {}),
  )
  const h1 = site.host('h1')
  await h1.plug('tap0', site.portUuid('acme/vm1'), 7)
  await realized(site, 'tenants/acme/ports/vm1')
})
afterAll(() => site.close())

async function weft(...args: readonly string[]) {
  const child = spawn(execPath, [program, 'attach', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}

const at = () => ['--controller', site.controller.url]

test('prints what the controller knows of the port, and nothing else', async () => {
  const { code, stdout, stderr } = await weft(
    'acme/vm2',
    '--format',
    'libvirt',
    '--host',
    'h2',
    ...at(),
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(`<parameters interfaceid='${site.portUuid('acme/vm2')}'/>`)
  expect(stdout).toContain("<mac address='02:00:00:00:00:12'/>\n")
})

test('warns of a port that is plugged in already, and of a site with both kinds of host', async () => {
  const { code, stdout, stderr } = await weft('acme/vm1', '--format', 'netns', ...at())
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ip netns add acme\.vm1\n/)
  expect(stderr.split('\n')).toEqual([
    'weft: warning: port acme/vm1 is plugged in already, on h1 (ofport 7): a second interface there is refused, one on another host takes the port over',
    'weft: warning: this is for a host of kind ovs; the site has both kinds, --host HOST says which',
    '',
  ])
})

test('says in one sentence what there is not', async () => {
  const refused = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await weft(...args)
    // What was typed wrongly has a code of its own.
    const isUsage = stderr.startsWith('error:')
    expect({ code, stdout }).toEqual({ code: isUsage ? 2 : 1, stdout: '' })
    return stderr
  }
  const xen = ['--format', 'xen']
  expect(await refused('acme/vm11', ...xen, ...at())).toBe(
    "weft: there is no port acme/vm11; did you mean 'acme/vm1'?\n",
  )
  expect(await refused('acmee/vm1', ...xen, ...at())).toBe(
    "weft: there is no tenant acmee; did you mean 'acme'?\n",
  )
  expect(await refused('acme/vm1', ...xen, '--host', 'h7', ...at())).toBe(
    'weft: there is no host h7; known: h1, h2, h3, v1\n',
  )
  expect(await refused('vm1', ...xen)).toContain('It would be TENANT/PORT, such as acme/vm1.')
  expect(await refused('acme/vm1', '--format', 'kvm')).toContain(
    'Allowed choices are libvirt, xen, hyperv, esxi, netns, docker, json.',
  )
  expect(await refused('acme/vm1')).toContain("required option '--format <format>' not specified")
  expect(await refused('acme/vm1', ...xen, '--controller', 'here')).toContain(
    'It would be http://ADDRESS:PORT or unix:PATH.',
  )
})

test('says who does not answer, or answers something else', async () => {
  const other = createServer((_, response) => response.end('<html>'))
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const args = ['acme/vm1', '--format', 'json', '--controller', url]
  const said = await weft(...args)
  await new Promise((resolve) => other.close(resolve))
  expect(said.stderr).toBe(
    `weft: ${url} is no controller: no JSON at /v1/tenants/acme/ports (200)\n`,
  )
  const { code, stderr } = await weft(...args)
  expect(code).toBe(1)
  expect(stderr).toContain(`weft: no controller answers at ${url}: `)
})

test('reaches a controller through a unix socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-attach-'))
  const path = join(folder, 'rest.sock')
  const { hostname, port } = new URL(site.controller.url)
  const relay = createSocketServer((near) => {
    const far = connect(Number(port), hostname)
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => relay.listen(path, resolve))
  const { stdout } = await weft('acme/vm2', '--format', 'json', '--controller', `unix:${path}`)
  await new Promise((resolve) => relay.close(resolve))
  rmSync(folder, { recursive: true })
  expect(JSON.parse(stdout)).toMatchObject({ port: 'acme/vm2', uuid: site.portUuid('acme/vm2') })
})

/** Answers as a controller would, with these ports. */
async function impostor(ports: readonly object[]) {
  const { url } = site.controller
  const server = createServer(async ({ url: path = '' }, response) => {
    if (path.includes('/ports')) response.end(JSON.stringify({ items: ports, revision: 1 }))
    else response.end(await (await fetch(url + path)).text())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => new Promise((end) => server.close(end)) }
}

test.each([
  ['mac', '02:00:00:00:00:11;touch owned-by-it'],
  ['uuid', '$(touch owned-by-it)                 '],
  ['addresses', ['10.0.0.11 dev eth0; touch owned-by-it']],
  ['interface', 'eth0;reboot'],
])('an answer whose %s is none is refused: nothing of it is printed', async (name, value) => {
  const { body: port } = await site.rest('GET', 'tenants/acme/ports/vm1')
  const other = await impostor([{ ...port, hostId: 'h1', [name]: value }])
  const { code, stdout, stderr } = await weft(
    'acme/vm1',
    '--format',
    'netns',
    '--controller',
    other.url,
  )
  await other.close()
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(
    new RegExp(
      `^weft: the controller's answer is not to be trusted: a port: /${name}.* is malformed.*; expected `,
    ),
  )
})

test('a property that only a newer controller knows is not in the way', async () => {
  const { body: port } = await site.rest('GET', 'tenants/acme/ports/vm1')
  const other = await impostor([{ ...port, colour: 'blue' }])
  const { code } = await weft('acme/vm1', '--format', 'netns', '--controller', other.url)
  await other.close()
  expect(code).toBe(0)
})

test('a port on a later page of a long list is found', async () => {
  const many = Array.from({ length: 1001 }, (_, at) =>
    put('port', `globex/p${`${at}`.padStart(4, '0')}`, { network: 'wide', addresses: [] }),
  )
  site.store.commit([put('network', 'globex/wide', {}), ...many], { who: 'test' })
  const { code, stdout } = await weft('globex/p1000', '--format', 'json', ...at())
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ port: 'globex/p1000' })
})
