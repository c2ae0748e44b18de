/** `weft token`: the secret is made where it is typed, shown once, and is worth what its role says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { hashOf } from '../../controller/access/secret.ts'
import { type GuardedSite, openGuardedSite, runWeft, topology } from './weft.ts'

// Each command is a process of its own, which takes its time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 })

let site: GuardedSite
beforeAll(async () => {
  site = await openGuardedSite()
  await site.weft(['apply', '-f', topology('two-tenants.yaml')])
})
afterAll(() => site.close())

test('the secret alone is on stdout and lets its owner in; the store has its hash and no more', async () => {
  const made = await site.weft([
    'token',
    'create',
    'ci',
    '--tenant',
    'acme',
    '--role',
    'member',
    '--expires',
    '30d',
  ])
  expect(made.code).toBe(0)
  expect(made.stdout).toMatch(/^weft_[\w-]{43}\n$/)
  expect(made.stderr).toMatch(
    /^token acme\/ci, role member, until \d{4}-\d\d-\d\dT[\d:]{8}Z; the secret is shown this once\n$/,
  )
  const secret = made.stdout.trim()
  expect(site.store.snapshot.get('token', 'acme/ci')).toMatchObject({
    role: 'member',
    sha256: hashOf(secret),
  })

  const folder = mkdtempSync(join(tmpdir(), 'weft-token-'))
  const file = join(folder, 'secret')
  writeFileSync(file, made.stdout)
  const args = ['get', 'ports', '--controller', site.url, '--token-file', file]
  const { code, stdout } = await runWeft(args)
  rmSync(folder, { recursive: true })
  expect(code).toBe(0)
  // Of every tenant that the token may see, which is one.
  expect(
    stdout
      .split('\n')
      .slice(1, -1)
      .map((line) => line.split(' ')[0]),
  ).toEqual([...['acme/vm1', 'acme/vm2', 'acme/vm3']])

  expect(await site.weft(['token', 'create', 'acme/ci', '--role', 'member'])).toEqual({
    ...{ code: 1, stdout: '', stderr: 'weft: there is a token acme/ci already\n' },
  })
  const listed = await site.weft(['token', 'list', '--tenant', 'acme'])
  expect(listed.stdout).toMatch(/^id +role +expires\nci +member +\d{4}-/)
  expect((await site.weft(['token', 'delete', 'ci', '--tenant', 'acme'])).code).toBe(0)
  expect(await site.weft(['get', 'ports'], { by: secret })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^weft: http:.* does not know the token that was given, or it has ended\n$/,
    ),
  })
})

test('a role that there is not for whom it is for is refused before anything is asked', async () => {
  expect(await site.weft(['token', 'create', 'ci', '--role', 'member'])).toMatchObject({
    code: 2,
    stderr:
      'weft: a token of the site has role operator or reader, not member; --tenant TENANT makes a token of a tenant\n',
  })
  expect(
    await site.weft(['token', 'create', 'ci', '--role', 'reader', '--expires', 'tomorrow']),
  ).toMatchObject({ code: 2 })
})

test('a secret for programs is JSON', async () => {
  const { stdout, stderr } = await site.weft([
    'token',
    'create',
    'eye',
    '--role',
    'reader',
    '-o',
    'json',
  ])
  expect(JSON.parse(stdout)).toEqual({
    id: 'eye',
    role: 'reader',
    secret: expect.stringMatching(/^weft_/),
  })
  expect(stderr).toBe('')
})

test('what is no token is never sent', async () => {
  const { code, stderr } = await runWeft(['get', 'ports'], { env: { WEFT_TOKEN: 'two words' } })
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'weft: WEFT_TOKEN has no token: one line without spaces\n',
  })
})
