/** Conditions from a peer that means no good. */
import { expect, test } from 'vitest'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'

test('a condition whose function is no string is answered with an error, not a crash', () => {
  const server = new OvsdbServer(openVSwitch)
  for (const operator of [['=='], { '==': 1 }, null, 7, '__proto__', 'constructor']) {
    const where = [['name', operator, 'br-int']]
    const select = () => server.transact([{ op: 'select', table: 'Bridge', where }])
    expect(select, JSON.stringify(operator)).toThrow(OvsdbError)
  }
})
