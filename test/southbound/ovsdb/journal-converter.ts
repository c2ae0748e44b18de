/** Converts its database to and fro until it is killed; prints each row once it is answered. */
import { openStorage, storedSchema } from '../../../southbound/ovsdb/journal-storage.ts'
import { parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'

const path = process.argv[2] ?? ''
const schemaOf = (extra: string) => {
  const columns = { mark: { type: 'string' }, [extra]: { type: 'integer' } }
  return parseSchema({ name: 'T', version: '1.0.0', tables: { A: { columns } } })
}
const [even, odd] = [schemaOf('even'), schemaOf('odd')]
const first = storedSchema(path) ?? even
const server = new OvsdbServer(first, { storage: openStorage(first, path) })
for (let i = 0; ; i++) {
  const mark = `${i} of ${process.pid}`
  server.transact([{ op: 'insert', table: 'A', row: { mark } }])
  process.stdout.write(`${mark}\n`)
  server.convert('T', i % 2 === 0 ? odd : even)
  if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
}
