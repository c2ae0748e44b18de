/** `weft plan`, `weft apply` and `weft export` as somebody types them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { put } from '../controller/model/site.ts'
import { type GuardedSite, openGuardedSite, topology } from './weft.ts'

// Each command is a process of its own, which takes its time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 })

let site: GuardedSite
let folder: string
const whole = topology('two-tenants.yaml')

beforeAll(async () => {
  site = await openGuardedSite()
  folder = mkdtempSync(join(tmpdir(), 'weft-documents-'))
})
afterAll(async () => {
  await site.close()
  rmSync(folder, { recursive: true })
})

const fileOf = (name: string, text: string): string => {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}
const revision = () => site.store.snapshot.revision

test('a plan says what would come and changes nothing; its command applies it, and then nothing is left to do', async () => {
  const before = revision()
  const plan = await site.weft(['plan', '-f', whole])
  expect(plan).toMatchObject({ code: 0, stderr: '' })
  expect(revision()).toBe(before)
  expect(plan.stdout).toContain('+ tenant acme\n')
  expect(plan.stdout).toContain(
    '+ port acme/vm1  network web, mac 02:00:00:00:00:11, addresses [10.0.0.11]\n',
  )
  expect(plan.stdout).toMatch(/^host +rows +flows +groups +meters\nh1 +\+\d+/m)
  expect(plan.stdout).toContain(
    `14 objects to add; nothing has been done. This applies exactly it, on revision ${before}:\n  weft apply -f `,
  )
  const [, command = ''] = /^ {2}weft (.*)$/m.exec(plan.stdout) ?? []
  const applied = await site.weft(command.split(' '))
  expect(applied).toMatchObject({ code: 0, stderr: '' })
  expect(applied.stdout).toMatch(new RegExp(`\\n14 objects added: revision ${before + 1}\\.\\n$`))

  const again = await site.weft(['apply', '-f', whole])
  expect(again).toEqual({
    ...{ code: 0, stderr: '' },
    stdout: `Nothing changed: the site is as ${whole} says (revision ${before + 1}).\n`,
  })
  expect((await site.weft(['plan', '-f', whole])).stdout).toBe(
    `Nothing would change: the site is as ${whole} says (revision ${before + 1}).\n`,
  )
  expect(await site.weft(command.split(' '))).toEqual({
    ...{ code: 1, stdout: '' },
    stderr: `weft: the plan does not fit: the site or the document has changed since; expected a plan of the same on the site as it is now\n`,
  })
})

test('a change is shown before and after, what the document lacks goes with --prune alone', async () => {
  const text = `
tenants:
  acme:
    networks:
      web: { vni: 5001, mtuBytes: 1400, labels: { app: web } }
      spare: {}
    subnets: { web: { network: web, cidr: 10.0.0.0/24 } }
    ports:
      vm1: { network: web, mac: '02:00:00:00:00:11', addresses: [10.0.0.11] }
`
  const kept = await site.weft(['plan', '-f', '-', '--tenant', 'acme'], { input: text })
  expect(kept.stdout.split('\n')).toEqual([
    '~ network acme/web',
    '    mtuBytes: 9000 -> 1400',
    '    labels: none -> app=web',
    expect.stringMatching(/^\+ network acme\/spare {2}type vxlan, vni \d+, mtuBytes 1450$/),
    '',
    'warning: network acme/spare is used by no port',
    '',
    '1 object to add, 1 to change; nothing has been done. This applies exactly it, on revision ' +
      `${revision()}:`,
    expect.stringMatching(/^ {2}weft apply -f - --tenant acme --plan-id [\w-]{27}$/),
    '',
  ])
  const pruned = await site.weft(['apply', '-f', '-', '--tenant', 'acme', '--prune'], {
    input: text,
  })
  expect(pruned.stdout).toContain('- port acme/vm2\n- port acme/vm3\n')
  expect(pruned.stdout).toMatch(/1 object added, 1 changed, 2 removed: revision \d+\.\n$/)
  expect(site.store.snapshot.get('port', 'acme/vm2')).toBeUndefined()
  expect(site.store.snapshot.get('port', 'globex/vm2')).toBeDefined()
})

test('when the connection is lost before the answer, the document is sent again and not done again', async () => {
  const { hostname, port } = new URL(site.url)
  let connections = 0
  const proxy = createServer((client) => {
    const isFirst = ++connections === 1
    const server = connect(Number(port), hostname)
    for (const each of [client, server]) each.on('error', () => {})
    client.pipe(server)
    if (!isFirst) return void server.pipe(client)
    server.once('data', () => {
      // It is done; and somebody else changes it before it is asked again.
      site.store.commit([put('tenant', 'lost', { labels: { by: 'else' } })], { who: 'test' })
      client.destroy()
    })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  try {
    const before = revision()
    const input = 'tenants: { lost: { labels: { by: me } } }'
    const run = await site.weft(['apply', '-f', '-', '--controller', url], { input })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toMatch(new RegExp(`1 object added: revision ${before + 1}\\.\\n$`))
    expect([connections, revision()]).toEqual([2, before + 2])
    expect(site.store.snapshot.get('tenant', 'lost')?.labels).toEqual({ by: 'else' })
  } finally {
    proxy.close()
  }
})

test('a document that is refused names its file, line and column, one problem a line', async () => {
  const file = fileOf(
    'wrong.yaml',
    'tenants:\n  acme:\n    networks:\n      web: { mtu: 3 }\n      db: { vni: lots }\n',
  )
  const { code, stdout, stderr } = await site.weft(['apply', '-f', file])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr.split('\n')).toEqual([
    `weft: ${file}:4:14: /tenants/acme/networks/web/mtu: mtu is no property here; expected a known property; did you mean 'mtuBytes'?`,
    expect.stringContaining(
      `${file}:5:18: /tenants/acme/networks/db/vni: "lots" is of the wrong type; `,
    ),
    '',
  ])
  expect(await site.weft(['apply', '-f', join(folder, 'none.yaml')])).toMatchObject({
    ...{ code: 1, stderr: `weft: cannot read ${join(folder, 'none.yaml')}: no such file\n` },
  })
})

test('what is exported makes the same site again, as YAML or JSON, whole or of one tenant', async () => {
  const yaml = await site.weft(['export'])
  expect(yaml.code).toBe(0)
  const again = await site.weft(['apply', '-f', '-', '--prune'], { input: yaml.stdout })
  expect(again.stdout).toBe(
    `Nothing changed: the site is as the document says (revision ${revision()}).\n`,
  )
  const json = await site.weft(['export', '--tenant', 'acme', '-o', 'json'])
  expect(Object.keys(JSON.parse(json.stdout).tenants)).toEqual(['acme'])
})

test('for programs a plan is what the API answers', async () => {
  const { stdout } = await site.weft(['plan', '-f', whole, '-o', 'json'])
  expect(JSON.parse(stdout)).toMatchObject({ mode: 'plan', changes: expect.any(Array) })
})

test('a tenant applies to itself alone; to the site it is refused, to another tenant nobody is there', async () => {
  const by = site.member('acme')
  const own = 'tenants: { acme: { networks: { own: {} } } }'
  expect((await site.weft(['apply', '-f', '-', '--tenant', 'acme'], { input: own, by })).code).toBe(
    0,
  )
  expect(await site.weft(['apply', '-f', '-'], { input: own, by })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^weft: a token of role member may not do this; expected a token that may: /,
    ),
  })
  expect(
    await site.weft(['apply', '-f', '-', '--tenant', 'globex'], { input: own, by }),
  ).toMatchObject({
    ...{ code: 1, stderr: 'weft: tenant globex does not exist\n' },
  })
})

test('what hosts have not confirmed within the wait is kept, and the exit code is 3', async () => {
  const input = 'hosts: { h1: { vtepAddress: 192.0.2.11, underlayMtuBytes: 9100 } }'
  const run = await site.weft(['apply', '-f', '-', '--wait', '50ms'], { input })
  expect(run).toMatchObject({
    code: 3,
    stderr: `weft: kept as revision ${revision()}, not realized within 50ms: host h1 is not (on h1: the host is not connected; it keeps what it had)\n`,
  })
  const bad = await site.weft(['apply', '-f', '-', '--wait', 'soon'], { input })
  expect(bad).toMatchObject({
    code: 2,
    stderr: 'weft: --wait soon would be a time such as 10s or 500ms\n',
  })
})
