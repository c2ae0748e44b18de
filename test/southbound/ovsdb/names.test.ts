/** Tables, columns and keys that are called as what every JavaScript object has. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { openStorage } from '../../../southbound/ovsdb/journal-storage.ts'
import type { Operation } from '../../../southbound/ovsdb/operation.ts'
import { parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'

const names = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf', 'length']
const map = { type: { key: 'string', value: 'string', min: 0, max: 'unlimited' } }
const columns = Object.fromEntries(names.map((name) => [name, map]))
const tables = Object.fromEntries(names.map((name) => [name, { isRoot: true, columns }]))
const schema = parseSchema({ name: 'constructor', version: '1.0.0', tables })
const pairs = (value: string) => ['map', ['__proto__', ...names].map((key) => [key, value])]
const whole = Object.fromEntries(names.map((name) => [name, pairs('x')]))
const insert = (table: string, row: object) =>
  ({ op: 'insert', table, row }) as unknown as Operation

const folder = mkdtempSync(join(tmpdir(), 'weft-names-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('such rows are stored, told to monitors, changed, and there after a restart', async () => {
  const signal = AbortSignal.timeout(5000)
  const open = () =>
    new OvsdbServer(schema, { storage: openStorage(schema, join(folder, 'names.journal')) })
  const server = open()
  const [near, far] = duplexPair()
  server.accept(far)
  const client = await OvsdbClient.open(near, { signal })
  const asked = Object.fromEntries(names.map((name) => [name, names]))
  const replica = await client.monitor(schema, asked as never, { signal })
  const conditional = Object.fromEntries(names.map((name) => [name, { columns: names, where: [] }]))
  const other = await client.monitor(schema, conditional as never, { signal })
  for (const table of names) {
    // The empty one has no columns in update2, all of which are at their default.
    await client.transact(schema, [insert(table, whole), insert(table, {})], { signal })
    const row = { length: pairs('y') }
    const change = { op: 'update', table, where: [['length', '!=', ['map', []]]], row }
    await client.transact(schema, [change as unknown as Operation], { signal })
  }
  server.close()
  const again = open()
  const before = Object.getOwnPropertyNames(Object.prototype)
  for (const table of names) {
    const copies = [replica.table(table as never), other.table(table as never), again.table(table)]
    for (const copy of copies) {
      const rows = [...copy.values()] as unknown as Record<string, Record<string, string>>[]
      const shown = rows.map((row) => names.map((name) => Object.entries(row[name] ?? {})))
      const full = (value: string) => ['__proto__', ...names].map((key) => [key, value])
      const expected = names.map((name) => full(name === 'length' ? 'y' : 'x').sort())
      expect(shown.map((row) => row.map((entries) => entries.sort()))).toEqual(
        expect.arrayContaining([expected, names.map(() => [])]),
      )
      expect(rows).toHaveLength(2)
    }
  }
  expect(Object.keys(Object)).toEqual([])
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
  again.close()
  client.close()
})
