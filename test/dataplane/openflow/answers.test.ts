/** Every request and every error of OpenFlow 1.3.5, one row each (cases/), put before this switch. */
import { describe, expect, test } from 'vitest'
import { cases } from './cases/all.ts'
import { PORT_MAC, startRig } from './rig.ts'

for (const [about, table] of Object.entries(cases)) {
  describe(about, () => {
    test.each(Object.entries(table))('%s', async (_name, { before = [], send, answer }) => {
      const rig = await startRig()
      const { controller } = rig
      expect(await controller.answers(...before)).toEqual([])
      const sent = typeof send === 'function' ? send({ mac: PORT_MAC + 1 }) : send
      const answers = await controller.answers(...(Array.isArray(sent) ? sent : [sent as never]))
      expect(answers.join(' ')).toBe(answer)
      expect(controller.connection.isOpen).toBe(true)
      rig.close()
    })
  })
}
