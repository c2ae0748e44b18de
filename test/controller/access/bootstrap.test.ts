/** The first operator of a site: a file with a secret, once. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { tokenAccess } from '../../../controller/access/access.ts'
import { ensureOperator } from '../../../controller/access/bootstrap.ts'
import { hashOf, newSecret } from '../../../controller/access/secret.ts'
import { Store } from '../../../controller/store/store.ts'

let folder: string
let file: string
let store: Store
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-bootstrap-'))
  file = join(folder, 'operator-token')
  store = Store.open(':memory:')
})
afterEach(() => {
  store.close()
  rmSync(folder, { recursive: true })
})

const whoHas = (secret: string) =>
  tokenAccess({ snapshot: () => store.snapshot }).authenticate(`Bearer ${secret.trim()}`)

test('a site without an operator gets one, and only the owner of the file reads the secret', async () => {
  expect(ensureOperator(store, file)).toBe(true)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const secret = readFileSync(file, 'utf8')
  expect(await whoHas(secret)).toEqual({ subject: 'token first-operator', role: 'operator' })
  expect(ensureOperator(store, file)).toBe(false)
  expect(readFileSync(file, 'utf8')).toBe(secret)
})

test('a file that a crash has left is used; what is no secret is replaced', async () => {
  const left = newSecret()
  writeFileSync(file, left)
  ensureOperator(store, file)
  expect(await whoHas(left)).toMatchObject({ role: 'operator' })
  store.commit([{ collection: 'siteToken', key: 'first-operator', spec: undefined }], {
    who: 'test',
  })
  writeFileSync(file, 'nonsense')
  expect(ensureOperator(store, file)).toBe(true)
  expect(await whoHas(readFileSync(file, 'utf8'))).toMatchObject({ role: 'operator' })
})

test('a secret that somebody has ended does not come back with the next start', async () => {
  ensureOperator(store, file)
  const leaked = readFileSync(file, 'utf8')
  store.commit([{ collection: 'siteToken', key: 'first-operator', spec: undefined }], {
    who: 'test',
  })
  expect(ensureOperator(store, file)).toBe(true)
  expect(await whoHas(leaked)).toMatchObject({ refused: 'invalid' })
  expect(await whoHas(readFileSync(file, 'utf8'))).toMatchObject({ role: 'operator' })
})

test('readers, and operators for a time, are not enough; another operator is', () => {
  const put = (key: string, role: 'operator' | 'reader', expires?: string) =>
    store.commit(
      [
        {
          collection: 'siteToken',
          key,
          spec: { role, sha256: hashOf(newSecret()), ...(expires && { expires }) },
        },
      ],
      { who: 'test' },
    )
  put('reader', 'reader')
  put('guest', 'operator', '2027-01-01T00:00:00Z')
  expect(ensureOperator(store, file)).toBe(true)
  store.commit([{ collection: 'siteToken', key: 'first-operator', spec: undefined }], {
    who: 'test',
  })
  put('me', 'operator')
  expect(ensureOperator(store, file)).toBe(false)
})
