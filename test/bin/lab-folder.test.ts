/** What a user's labs leave on disk: who may look, who is alive, what is removed. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  checkName,
  claimFolder,
  type LabRecord,
  labsFolder,
  runningLab,
  runningLabs,
} from '../../bin/lab/run-folder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-run-'))
  vi.stubEnv('XDG_RUNTIME_DIR', folder)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const lab = {
  name: 'a',
  backend: 'memory',
  document: 'two-tenants',
  file: 'x.yaml',
  digest: '',
  tls: false,
} as const

function leave(name: string, record: Partial<LabRecord> | string): string {
  const path = join(labsFolder(), name)
  mkdirSync(path)
  const whole = { ...lab, name, pid: 1, startTime: '1', since: '2026-01-01T00:00:00.000Z' }
  const text = typeof record === 'string' ? record : JSON.stringify({ ...whole, ...record })
  writeFileSync(join(path, 'lab.json'), text)
  return path
}

test('a lab that is claimed is there for its owner alone, and is gone when it is removed', async () => {
  const own = await claimFolder(lab)
  expect(statSync(own.folder).mode & 0o777).toBe(0o700)
  expect(await runningLabs()).toEqual([expect.objectContaining({ name: 'a', pid: process.pid })])
  expect((await runningLab()).url).toBeUndefined()
  own.isUp('http://127.0.0.1:1')
  expect((await runningLab('a')).url).toBe('http://127.0.0.1:1')
  await expect(claimFolder(lab)).rejects.toThrow(`lab a runs already (process ${process.pid})`)
  own.remove()
  expect(await runningLabs()).toEqual([])
  await expect(runningLab('a')).rejects.toThrow('no lab a runs; weft lab up FILE starts one')
})

test('a lab whose process is dead is removed by whoever looks, also when another process has its pid', async () => {
  const paths = [
    leave('gone', { pid: 2 ** 22 + 1 }),
    // This process is alive, and began at another time.
    leave('reused', { pid: process.pid, startTime: '1' }),
    leave('broken', '{'),
    leave('strange', '{"name":"strange"}'),
  ]
  expect(await runningLabs()).toEqual([])
  expect(paths.filter((path) => existsSync(path))).toEqual([])
})

test('a living lab of another version is neither listed nor removed', async () => {
  const path = leave('other', JSON.stringify({ pid: process.pid, startTime: '', more: true }))
  expect(await runningLabs()).toEqual([])
  expect(existsSync(path)).toBe(true)
  await expect(claimFolder({ ...lab, name: 'other' })).rejects.toThrow('has just been started')
})

test('of several labs one has to be named', async () => {
  const owns = [await claimFolder(lab), await claimFolder({ ...lab, name: 'b' })]
  await expect(runningLab()).rejects.toThrow('there are 2 labs, which one? a | b')
  expect((await runningLab('b')).name).toBe('b')
  for (const own of owns) own.remove()
})

test('a folder that others may look into is refused', () => {
  chmodSync(labsFolder(), 0o755)
  expect(() => labsFolder()).toThrow('is not a folder of this user’s alone'.replace('’', "'"))
})

test.each(['', '../a', 'A', 'a b', 'a'.repeat(41)])('%j is no name of a lab', (name) => {
  expect(() => checkName(name)).toThrow('is no name of a lab')
})
