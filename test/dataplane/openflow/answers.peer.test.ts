/** The same requests put before Open vSwitch: where it answers otherwise, the row says so. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALL_GROUPS } from '../../../southbound/openflow/group.ts'
import { ALL_METERS } from '../../../southbound/openflow/meter.ts'
import { needs } from '../../needs.ts'
import { type OpenVswitch, startOpenVswitch } from '../../southbound/openflow/open-vswitch.ts'
import { cases } from './cases/all.ts'
import { flow, group, meter } from './messages.ts'
import { controllerOf } from './rig.ts'

describe('Open vSwitch', needs('ovs'), () => {
  let ovs: OpenVswitch
  let mac = 0
  beforeAll(async () => {
    ovs = await startOpenVswitch()
    const connection = await ovs.connect()
    const ports = await connection.multipart({ kind: 'port_desc' })
    mac = ports.find(({ port_no }) => port_no === 1)!.hw_addr
    connection.close()
  })
  afterAll(() => ovs?.close())

  for (const [about, table] of Object.entries(cases)) {
    describe(about, () => {
      test.each(Object.entries(table))('%s', async (_name, one) => {
        const { before = [], send, answer, openVswitch = answer } = one
        const controller = controllerOf(await ovs.connect())
        await controller.ask(
          flow('delete', {}, { table_id: 0xff }),
          group('delete', ALL_GROUPS),
          meter({ command: 2, meter_id: ALL_METERS }),
          meter({ command: 2, meter_id: 0xfffffffe }),
          meter({ command: 2, meter_id: 0xfffffffd }),
        )
        await controller.ask(...before)
        const sent = typeof send === 'function' ? send({ mac }) : send
        const answers = await controller.answers(...(Array.isArray(sent) ? sent : [sent as never]))
        controller.connection.close()
        expect(answers.join(' ')).toBe(openVswitch)
      })
    })
  }
})
