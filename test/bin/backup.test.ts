/** `weft backup` of a running controller, `weft restore` in the place of a store that is lost. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Store } from '../../controller/store/store.ts'
import { contents } from '../controller/store/replay.ts'
import { type GuardedSite, openGuardedSite, runWeft, topology } from './weft.ts'

// Each command is a process of its own, which takes its time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const folder = mkdtempSync(join(tmpdir(), 'weft-backup-test-'))
const file = join(folder, 'backup.db')
let site: GuardedSite
beforeAll(async () => {
  site = await openGuardedSite()
  await site.weft(['apply', '-f', topology('two-tenants.yaml')])
})
afterAll(async () => {
  await site.close()
  rmSync(folder, { recursive: true, force: true })
})

test('what is backed up while the controller runs is restored, byte for byte', async () => {
  expect(await site.weft(['backup', file])).toMatchObject({ code: 0 })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const store = join(folder, 'site.db')
  const restored = await runWeft(['restore', file, '--store', store])
  const { revision } = site.store.snapshot
  expect(restored).toMatchObject({ code: 0, stdout: `${store} is at revision ${revision}\n` })
  const again = Store.open(store)
  expect(contents(again.snapshot)).toEqual(contents(site.store.snapshot))
  again.close()

  expect((await runWeft(['restore', file, '--store', store])).code).toBe(1)
  const forced = await runWeft(['restore', file, '--store', store, '--force'])
  expect(forced.stdout).toMatch(/; the store that was there is .*site\.db\.replaced/)
})

test('a backup is for operators, and one that fails leaves nothing behind', async () => {
  const other = join(folder, 'other.db')
  const refused = await site.weft(['backup', other], { by: site.member('acme', 'admin') })
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('a token of role admin may not do this')
  expect([existsSync(other), existsSync(`${other}.part`)]).toEqual([false, false])
})

test('a damaged backup is refused, and the store stays as it was', async () => {
  const [damaged, store] = [join(folder, 'damaged.db'), join(folder, 'kept.db')]
  const bytes = readFileSync(file)
  bytes.fill(0x55, 4096, 8192)
  writeFileSync(damaged, bytes)
  await runWeft(['restore', file, '--store', store])
  const before = readFileSync(store)
  const { code, stderr } = await runWeft(['restore', damaged, '--store', store, '--force'])
  expect({ code, isSame: readFileSync(store).equals(before) }).toEqual({ code: 1, isSame: true })
  expect(stderr).toMatch(/^weft: .*damaged\.db/)
})
