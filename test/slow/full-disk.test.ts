/** A store on a disk that is full, and on one that is read-only: a small tmpfs in a mount namespace of the test's own. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { needs } from '../needs.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-full-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const here = (name: string) =>
  fileURLToPath(new URL(`../controller/store/${name}`, import.meta.url))

/** Runs shell lines with a tmpfs of 2 MiB at $0; it is gone with them. @returns what they print */
async function onSmallDisk(script: string, ...args: readonly string[]): Promise<string> {
  const lines = `set -e; mount -t tmpfs -o size=2m none "$0"; ${script}`
  const unshare = ['--mount', '--propagation', 'private', 'sh', '-c', lines, folder]
  const { stdout } = await promisify(execFile)('unshare', [...unshare, process.execPath, ...args])
  return stdout
}

describe('on a small disk', needs('root', 'linux'), () => {
  test('a full disk refuses writes by type, the site stays, and with room again it goes on', async () => {
    const script =
      'head -c 600000 /dev/zero > "$0/ballast"; exec "$1" "$2" "$0/site.db" "$0/ballast"'
    expect(JSON.parse(await onSmallDisk(script, here('unwritable.ts')))).toEqual({
      ...{ refused: 'disk_full', group: ['disk_full', 'disk_full'], problem: 'disk_full' },
      ...{ told: true, unchanged: true, readable: true },
      recovered: { next: true, problem: 'none' },
      reopened: true,
    })
  })

  test('a store on a read-only disk is refused by type', async () => {
    const open = `
      const { Store } = await import(process.argv[1])
      try { Store.open(process.argv[2]).close(); console.log('open') } catch (error) { console.log(error.type) }`
    const script =
      '"$1" -e "$2" "$3" "$0/site.db"; mount -o remount,ro "$0"; exec "$1" -e "$2" "$3" "$0/site.db"'
    const store = fileURLToPath(new URL('../../controller/store/store.ts', import.meta.url))
    expect(await onSmallDisk(script, open, store)).toBe('open\nread_only\n')
  })
})
