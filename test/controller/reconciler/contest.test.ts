/** Somebody else on the machine keeps changing what is ours: that is told of, and no busy loop. */
import { afterEach, expect, test } from 'vitest'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { databaseOf, openSite, quiet, rowOf, type TestSite, until } from './site.ts'

const { insert, mutate } = operations(openVSwitch)

let site: TestSite
afterEach(() => site.close())

test('a stray port that comes back as another row each time is taken away once a second, not at once for ever', async () => {
  site = await openSite()
  const database = databaseOf('h1')
  let made = 0
  const stray = () => {
    const bridge = rowOf(database, 'Bridge', 'br-int')
    if (!bridge || rowOf(database, 'Port', 'weft-phy9')) return
    made++
    database.transact([
      insert('Interface', { name: 'weft-phy9', type: 'patch' }, 'stray_interface'),
      insert('Port', { name: 'weft-phy9', interfaces: ['stray_interface'] }, 'stray'),
      mutate('Bridge', bridge._uuid, 'ports', 'insert', ['stray']),
    ])
  }
  database.onCommit(() => void setImmediate(stray))
  site.dialFrom(database, '198.51.100.1')
  await until('it is told', () => site.events('rows_contested').length > 0)
  await quiet()
  const before = made
  expect(before).toBeLessThan(5)
  site.clock.advance(1000)
  await until('the next attempt', () => made > before)
  await quiet()
  expect(made).toBe(before + 1)
  expect(site.events('rows_contested')).toHaveLength(1)
  database.close()
})
