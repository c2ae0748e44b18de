/** Rewrites a journal, and prints why it could not be. */
import { Database } from '../../../southbound/ovsdb/database.ts'
import { openStorage } from '../../../southbound/ovsdb/journal-storage.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'

const storage = openStorage(openVSwitch, process.argv[2] ?? '')
const { tables } = new Database(openVSwitch, { storage })
try {
  storage.compact(tables)
} catch (error) {
  process.stdout.write(String(error))
}
