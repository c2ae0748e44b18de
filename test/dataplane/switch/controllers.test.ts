import { duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import type { ServeStream } from '../../../dataplane/switch/announcements.ts'
import { addBridge } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { quiet } from '../rig.ts'

test('who says hello to a bridge that is gone by then is not let in', async () => {
  let serve: ServeStream | undefined
  const host = new Switch({
    systemId: 'h1',
    dial: () => Promise.reject(new Error('nobody is there')),
    async bridgeOpened(_name, it) {
      serve = it
      return () => {}
    },
  })
  addBridge(host, 'br0')
  await quiet()
  const bridge = host.bridge('br0')
  const [near, far] = duplexPair()
  const refused = expect(serve?.(near)).rejects.toThrow('br0 is gone')
  await quiet()
  host.database.transact([
    operations(openVSwitch).update('Open_vSwitch', host.root._uuid, { bridges: [] }),
  ])
  await quiet()
  const connection = await Connection.open(far)
  await refused
  await connection.closed
  expect(bridge?.sessions.size).toBe(0)
  host.close()
})
