import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { needs } from '../../needs.ts'
import { good, schemas } from './schema-refusals.ts'

describe('ovsdb-tool', needs('ovs'), () => {
  test('makes a database of the schemas that parseSchema takes, and of no other', () => {
    const dir = mkdtempSync(join(tmpdir(), 'schema-'))
    const file = join(dir, 's.ovsschema')
    const taken = Object.entries(schemas).filter(([, schema], i) => {
      writeFileSync(file, JSON.stringify(schema))
      return spawnSync('ovsdb-tool', ['create', join(dir, `${i}.db`), file]).status === 0
    })
    rmSync(dir, { recursive: true })
    expect(taken.map(([name]) => name)).toEqual([...good])
  })
})
