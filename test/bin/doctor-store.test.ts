/** The checks of a store: of a running controller over REST, and of a file that nobody has open. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { examine } from '../../bin/doctor/check.ts'
import { siteChecks, storeChecks } from '../../bin/doctor/groups.ts'
import { siteFacts } from '../../bin/doctor/site-facts.ts'
import { openRest } from '../../bin/rest.ts'
import { Controller } from '../../controller/controller.ts'
import { Store } from '../../controller/store/store.ts'
import { put } from '../controller/model/site.ts'
import { needs } from '../needs.ts'
import { runWeft } from './weft.ts'

vi.setConfig({ testTimeout: 60_000 })

const by = { who: 'test' }
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-doctor-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ofFile = (path: string) => examine(storeChecks, { path }, AbortSignal.timeout(30_000))

async function ofSite(store: Store, ...names: readonly string[]) {
  const controller = await Controller.start({ store, rest: { host: '127.0.0.1', port: 0 } })
  try {
    const signal = AbortSignal.timeout(30_000)
    const rest = openRest({ controller: controller.url, signal })
    const facts = siteFacts({ rest, chosen: [], now: Date.now, later: Promise.resolve() })
    return await examine(
      siteChecks.filter(({ name }) => names.includes(name)),
      facts,
      signal,
    )
  } finally {
    await controller.close()
  }
}

/** Revisions of so many tenants each, of 2 kB. */
function filled(path: string, revisions: number, tenants = 1): Store {
  const store = Store.open(path)
  for (let n = 0; n < revisions; n++) {
    const labels = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`l${at}`, `tenant-${n}`.padEnd(60, 'x')]),
    )
    const edits = Array.from({ length: tenants }, (_, at) =>
      put('tenant', `t${n}-${at}`, { labels }),
    )
    store.commit(edits, by)
  }
  return store
}

/** Changes one character of each place where the text stands: pages keep what has moved elsewhere. */
function damage(path: string, text: string): void {
  const bytes = readFileSync(path)
  let count = 0
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1), count++)
    bytes[at] = 0x21
  expect(count).toBeGreaterThan(0)
  writeFileSync(path, bytes)
}

test('a file that is whole is, and one that is in use is not looked at', async () => {
  const path = join(folder, 'whole.db')
  const store = filled(path, 5)
  const { revision } = store.snapshot
  expect((await ofFile(path))[0]).toMatchObject({ verdict: 'bad', seen: `${path} is in use` })
  store.close()
  const before = statSync(path).mtimeMs
  const [result, disk] = await ofFile(path)
  expect(result).toMatchObject({
    verdict: 'ok',
    seen: `${path} is whole, up to revision ${revision}`,
  })
  expect(disk?.verdict).toBe('ok')
  expect(statSync(path).mtimeMs).toBe(before)
})

test('weft doctor --store says the first revision that cannot be trusted, and how to restore', async () => {
  const path = join(folder, 'damaged.db')
  filled(path, 8).close()
  damage(path, 'tenant-3')
  const { code, stdout } = await runWeft(['doctor', '--store', path])
  expect(code).toBe(1)
  expect(stdout).toMatch(
    /file of the store +bad +.*damaged.db is damaged: .*revision \d+ is the first that cannot be trusted/,
  )
  expect(stdout).toContain(`-> weft restore BACKUP --store ${path} --force`)
  expect(stdout).toMatch(/\n1 bad\n$/)
  const absent = await runWeft(['doctor', '--store', join(folder, 'absent.db')])
  expect(absent).toMatchObject({ code: 1, stdout: expect.stringContaining('does not exist') })
})

test('a store that is damaged on the disk below a running controller is found by verifying it', async () => {
  const path = join(folder, 'running.db')
  // Larger than what SQLite keeps in memory, 2 MB by default.
  filled(path, 60, 40).close()
  const store = Store.open(path)
  try {
    expect((await ofSite(store, 'store is whole'))[0]?.verdict).toBe('ok')
    damage(path, 'tenant-3x')
    expect((await ofSite(store, 'store is whole'))[0]).toMatchObject({
      verdict: 'bad',
      seen: expect.stringMatching(/^damaged: /),
      todo: expect.stringContaining('weft restore'),
    })
  } finally {
    store.close()
  }
})

describe('a disk that is too small', needs('root', 'linux'), () => {
  test('of a store that is looked at without room for a copy it says that, and nothing of the store', async () => {
    const small = join(folder, 'small')
    mkdirSync(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small])
    try {
      const path = join(folder, 'large.db')
      filled(path, 20, 4).close()
      const env = { TMPDIR: small }
      const { code, stdout } = await runWeft(['doctor', '--store', path], { env })
      expect(code).toBe(0)
      expect(stdout).toMatch(
        /^file of the store +unknown +no room for a copy in \S+small: TMPDIR=/m,
      )
      expect(stdout).toMatch(/\n1 not known\n$/)
    } finally {
      execFileSync('umount', [small])
    }
  })

  test('is bad before it is full, and the store says why it cannot be written when it is', async () => {
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
    const store = Store.open(join(disk, 'site.db'))
    try {
      store.commit([put('tenant', 'acme', {})], by)
      const names = ['store is written', 'disk of the store']
      const before = await ofSite(store, ...names)
      expect(before.map(({ verdict }) => verdict)).toEqual(['ok', 'bad'])
      expect(() => writeFileSync(join(disk, 'ballast'), Buffer.alloc(8 << 20))).toThrow(/ENOSPC/)
      const many = Array.from({ length: 2000 }, (_, n) => put('tenant', `t${n}`, {}))
      expect(() => store.commit(many, by)).toThrow(/disk is full/)
      const [written] = await ofSite(store, ...names)
      expect(written).toMatchObject({ verdict: 'bad', seen: expect.stringMatching(/^disk full/) })
    } finally {
      store.close()
      execFileSync('umount', [disk])
    }
  })
})
