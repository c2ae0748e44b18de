/** A file that may not grow: the process has a limit, which needs no rights to set. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'weft-unwritable-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const program = fileURLToPath(new URL('unwritable.ts', import.meta.url))

test('a store that cannot grow refuses writes by type, changes nothing and stays readable', async () => {
  const script = 'ulimit -f 2048; exec "$@"'
  const { stdout } = await promisify(execFile)('sh', [
    ...['-c', script, 'sh', process.execPath, program, join(folder, 'site.db')],
  ])
  expect(JSON.parse(stdout)).toEqual({
    ...{ refused: 'io_error', group: ['io_error', 'io_error'], problem: 'io_error' },
    ...{ told: true, unchanged: true, readable: true, reopened: true },
  })
}, 60_000)
