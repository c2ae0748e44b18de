/** The journal of a server: what survives a kill at any byte, and what is refused. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { openStorage, type StorageOptions } from '../../../southbound/ovsdb/journal-storage.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import {
  database,
  ephemeral,
  integer,
  map,
  one,
  optional,
  ref,
  set,
  string,
  table,
  weak,
} from '../../../southbound/ovsdb/schema.ts'
import { parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { zooSchema } from './zoo.ts'

const { insert, update, deleteRows } = operations(openVSwitch)

let directory = ''
let files = 0
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'journal-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const newPath = () => join(directory, `${files++}.journal`)
const open = (path: string, options?: StorageOptions) =>
  new OvsdbServer(openVSwitch, { storage: openStorage(openVSwitch, path, options) })

/** Small, so that its own line is not most of a file; references, since they are counted anew. */
const shop = database('Shop', '1.0.0', {
  Item: table(
    { name: one(string()), tags: map(string(), integer()), parts: set(ref('Part')) },
    { isRoot: true, indexes: [['name']] },
  ),
  Part: table({
    sizes: set(integer()),
    near: optional(weak('Item')),
    seen: ephemeral(one(integer())),
  }),
})
const shopOf = (path: string) => new OvsdbServer(shop, { storage: openStorage(shop, path) })
const item = operations(shop)

/** All rows of a server but their versions and what is ephemeral, as text. */
function rowsOf(server: OvsdbServer<typeof shop>): string {
  const rows = (['Item', 'Part'] as const).flatMap((name) =>
    [...server.table(name).values()].map((row) =>
      JSON.stringify([name, { ...row, _version: 0, seen: 0 }]),
    ),
  )
  return rows.sort().join('\n')
}

/** Writes transactions of many kinds; rows and file size after each, the empty database first. */
function history(path: string, transactions: number): { rows: string; size: number }[] {
  const server = shopOf(path)
  const states = [{ rows: '', size: statSync(path).size }]
  const run = (list: Parameters<typeof server.transact>[0]) => {
    server.transact(list)
    states.push({ rows: rowsOf(server), size: statSync(path).size })
  }
  for (let i = 0; states.length <= transactions; i++) {
    const name = `item ${i} ü`
    run([
      item.insert('Part', { sizes: [i, -1 - i] }, 'p'),
      item.insert('Item', { name, parts: ['p'], tags: { a: i } }, 'i'),
      item.update('Part', 'p', { near: 'i' }),
    ])
    run([item.mutate('Item', [['name', '==', name]], 'tags', 'insert', { b: 1 })])
    run([item.update('Part', [], { seen: i }), item.mutate('Part', [], 'sizes', 'delete', [i - 1])])
    if (i % 3 === 2) run([item.deleteRows('Item', [['tags', 'includes', { a: i - 1 }]])])
  }
  server.close()
  return states
}

describe('a journal cut at any byte opens as the last transaction that was whole', () => {
  test.each([
    ['every byte of a small one', 4, 1],
    ['some bytes of a large one', 400, 211],
  ])(
    '%s',
    (_name, transactions, stride) => {
      const path = newPath()
      const states = history(path, transactions)
      const bytes = readFileSync(path)
      expect(bytes.length).toBe(states.at(-1)?.size)
      const cut = newPath()
      for (let size = 0; size <= bytes.length; size += stride) {
        writeFileSync(cut, bytes.subarray(0, size))
        const server = shopOf(cut)
        const expected = states.findLast((state) => state.size <= size) ?? states[0]
        if (rowsOf(server) !== expected?.rows)
          expect(rowsOf(server), `${size}`).toBe(expected?.rows)
        // And goes on from there.
        server.transact([item.insert('Item', { name: 'after' })])
        const rows = rowsOf(server)
        server.close()
        if (size % 20 !== 0) continue
        const again = shopOf(cut)
        expect(rowsOf(again)).toBe(rows)
        again.close()
      }
    },
    60_000,
  )
})

test('what was answered before a kill -9 is there afterwards', async () => {
  const path = newPath()
  for (let round = 0; round < 3; round++) {
    const program = new URL('./journal-writer.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    for await (const text of child.stdout.setEncoding('utf8')) {
      output += text
      if (output.length > 2000 * (round + 1)) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    expect(child.signalCode).toBe('SIGKILL')
    const answered = output.split('\n').slice(0, -1)
    expect(answered.length).toBeGreaterThan(20)
    const server = open(path)
    const found = new Set([...server.table('QoS').values()].map((row) => row.type))
    expect(answered.filter((type) => !found.has(type))).toEqual([])
    server.transact([deleteRows('QoS', [])])
    server.close()
  }
})

test('a file that grew is rewritten, and holds the same rows', () => {
  const path = newPath()
  const server = open(path, { compactBytes: 4096 })
  const [result] = server.transact([insert('QoS', { type: '0' })])
  let largest = 0
  for (let i = 1; i <= 2000; i++) {
    server.transact([update('QoS', result?.uuid ?? '', { type: String(i) })])
    largest = Math.max(largest, statSync(path).size)
  }
  expect(largest).toBeLessThan(40_000)
  expect(existsSync(`${path}.new`)).toBe(false)
  server.close()
  writeFileSync(`${path}.new`, 'what a kill while rewriting leaves')
  const again = open(path)
  expect([...again.table('QoS').values()].map((row) => row.type)).toEqual(['2000'])
  again.close()
})

test('ephemeral columns and uuids: the former are empty again, the latter stay', () => {
  const path = newPath()
  const server = open(path)
  const [root] = server.transact([
    insert('Open_vSwitch', { next_cfg: 7, statistics: { cpu: '2' }, db_version: '8.3.1' }),
  ])
  server.close()
  const again = open(path)
  expect(again.table('Open_vSwitch').get(root?.uuid ?? '')).toMatchObject({
    next_cfg: 7,
    statistics: {},
    db_version: '8.3.1',
  })
  expect(() => again.transact([insert('Open_vSwitch', {})])).toThrow(/constraint violation/)
  again.close()
})

describe('refused, with the reason', () => {
  test('a line that is damaged with good ones behind it', () => {
    const path = newPath()
    const states = history(path, 9)
    const bytes = readFileSync(path)
    const at = (states[3]?.size ?? 0) + 30
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(path, bytes)
    expect(() => shopOf(path)).toThrow(`damaged at byte ${states[3]?.size}`)
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })

  test('a file that is something else', () => {
    const path = newPath()
    writeFileSync(path, 'OVSDB JSON 4 abcd\n{}')
    expect(() => open(path)).toThrow(/no journal/)
    expect(readFileSync(path, 'utf8')).toBe('OVSDB JSON 4 abcd\n{}')
  })

  test('a file that another server has open', () => {
    const path = newPath()
    const server = open(path)
    expect(() => open(path)).toThrow(/in use/)
    server.close()
    open(path).close()
  })

  test('a file that another server has open under another name', () => {
    const path = newPath()
    const server = open(path, { compactBytes: 1000 })
    const link = newPath()
    symlinkSync(path, link)
    expect(() => open(link)).toThrow(/in use/)
    server.close()
    // And rewriting leaves the link a link.
    const linked = open(link, { compactBytes: 1000 })
    for (let i = 0; i < 100; i++) linked.transact([insert('QoS', { type: String(i) })])
    linked.close()
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    const again = open(path)
    expect(again.table('QoS').size).toBe(100)
    again.close()
  })

  test('commits on a full disk, one by one, and not one that was answered is lost', async () => {
    const path = newPath()
    const program = new URL('./journal-writer.ts', import.meta.url).pathname
    // Blocks of 512 bytes: the system refuses what is beyond, as a full disk does.
    const line = `ulimit -f 60 && exec "${process.execPath}" "${program}" "${path}" 10000000`
    const child = spawn('sh', ['-c', line], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [output, problem] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(problem).toMatch(/I\/O error/)
    const answered = output.split('\n').slice(0, -1)
    expect(answered.length).toBeGreaterThan(100)
    const server = open(path)
    expect([...server.table('QoS').values()].map((row) => row.type)).toEqual(answered)
    server.transact([insert('QoS', {})])
    server.close()
  })

  test('a rewriting on a full disk, which leaves the file and nothing beside it', async () => {
    const path = newPath()
    const server = open(path, { compactBytes: 10_000_000 })
    const types = Array.from({ length: 300 }, (_, n) => `${n} ${'x'.repeat(100)}`)
    server.transact(types.map((type) => insert('QoS', { type })))
    server.close()
    const program = new URL('./journal-compactor.ts', import.meta.url).pathname
    const line = `ulimit -f 20 && exec "${process.execPath}" "${program}" "${path}"`
    const child = spawn('sh', ['-c', line], { stdio: ['ignore', 'pipe', 'inherit'] })
    expect(await text(child.stdout)).toMatch(/^OvsdbError: I\/O error/)
    expect(existsSync(`${path}.new`)).toBe(false)
    const again = open(path)
    expect([...again.table('QoS').values()].map((row) => row.type)).toEqual(types)
    again.close()
  })

  test('another schema, unless it is to be converted', () => {
    const path = newPath()
    const old = parseSchema(zooSchema)
    const server = new OvsdbServer(old, { storage: openStorage(old, path) })
    server.transact([{ op: 'insert', table: 'Plain', row: { integer: 3, string: 'x' } } as never])
    server.close()
    const next = parseSchema({
      name: 'Zoo',
      version: '2.0.0',
      tables: { Plain: { columns: { integer: { type: 'integer' }, more: { type: 'string' } } } },
    })
    expect(() => openStorage(next, path)).toThrow(
      /another schema: Zoo 1\.2\.3.* not this Zoo 2\.0\.0/,
    )
    expect(() => openStorage(shop, path)).toThrow(/another schema: Zoo 1\.2\.3.* not this Shop/)
    const converted = new OvsdbServer(next, { storage: openStorage(next, path, { convert: true }) })
    expect([...converted.table('Plain').values()]).toMatchObject([{ integer: 3, more: '' }])
    converted.close()
    new OvsdbServer(next, { storage: openStorage(next, path) }).close()
  })

  test('a second time in one process, and in a folder that is not there', () => {
    const path = newPath()
    const storage = openStorage(shop, path)
    expect(() => openStorage(shop, path)).toThrow(/is in use, by this process or another/)
    storage.close()
    const nowhere = join(path, 'nofolder', 'x.journal')
    expect(() => openStorage(shop, nowhere)).toThrow(OvsdbError)
    expect(() => openStorage(shop, nowhere)).toThrow(`I/O error: ${nowhere}`)
  })

  test('a commit that the disk refuses fails, and changes nothing', () => {
    const path = newPath()
    const storage = openStorage(openVSwitch, path)
    const server = new OvsdbServer(openVSwitch, { storage })
    storage.close()
    expect(() => server.transact([insert('QoS', {})])).toThrow(/I\/O error/)
    expect(server.table('QoS').size).toBe(0)
    truncateSync(path)
    open(path).close()
  })
})
