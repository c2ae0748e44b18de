/** A document with a physical network on real hosts: the lab has the cable, the controller makes the bridges to it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { openNetnsLab } from '../../topologies/lab/netns/lab.ts'
import { addressOf } from '../lab/vlan-site.ts'
import { until } from './agent-site.ts'
import { needed } from './site-under-test.ts'

const file = fileURLToPath(new URL('../../topologies/vlan.yaml', import.meta.url))

describe('vlan.yaml on real hosts', needed, () => {
  test.each(['open-vswitch', 'weft-switch'])(
    'guests on %s reach those on Open vSwitch by VLAN, untagged and through an extended network',
    async (device) => {
      const text = `${readFileSync(file, 'utf8')}\nlab: { hosts: { h2: { switch: ${device} } } }\n`
      const document = parseDocument(text, file)
      const lab = await openNetnsLab({ document, documentFile: file })
      try {
        const largest = { 11: 8972, 21: 8972, 31: 1472, 41: 8972 }
        for (const [near, bytes] of Object.entries(largest)) {
          const far = lab.workload(`h2.vm${Number(near) + 1}`)
          const ask = { bytes, timeoutMs: 1000 }
          const guest = lab.workload(`h1.vm${near}`)
          // Open vSwitch drops what it sends to a VTEP before it has learned its MAC.
          await until(`a ping of ${near}`, () => guest.ping(far.address, { ...ask, bytes: 56 }))
          expect(await guest.ping(far.address, ask), near).toBe(true)
          expect(await far.ping(addressOf(Number(near)), ask), `${near}, back`).toBe(true)
        }
      } finally {
        await lab.close()
      }
    },
    60_000,
  )
})
