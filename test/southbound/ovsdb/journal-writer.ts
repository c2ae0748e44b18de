/** Commits to a journal until it is killed; prints each transaction once it is answered. */
import { openStorage } from '../../../southbound/ovsdb/journal-storage.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'

const { insert } = operations(openVSwitch)
const path = process.argv[2] ?? ''
// Small enough that the kill also meets a rewriting.
const compactBytes = Number(process.argv[3] ?? 2000)
const storage = openStorage(openVSwitch, path, { compactBytes })
const server = new OvsdbServer(openVSwitch, { storage })
for (let i = 0; ; i++) {
  const type = `${i} of ${process.pid}`
  server.transact([insert('QoS', { type })])
  process.stdout.write(`${type}\n`)
  if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
}
