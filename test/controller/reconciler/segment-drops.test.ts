/** What a device has counted at the port to a physical network, however much it says. */
import { expect, test } from 'vitest'
import { row } from '../../../controller/compiler/rows.ts'
import { segmentDrops } from '../../../controller/reconciler/vtep/bridges.ts'
import { keys } from '../../../southbound/agent/other-config.ts'

test('counters of one reason and network are one number, and so many keys cost no more each', () => {
  const items = Array.from({ length: 4094 }, (_, at) =>
    row([`network/acme/n${at + 1}`], {
      ...{ table: 'Physical_Network', physicalNetwork: 'lan', vid: at + 1 },
      ...{ logicalSwitch: `weft-${at}`, acl: undefined },
    }),
  )
  const config = (entries: number) => {
    const other_config: Record<string, string> = { [keys.physicalNetwork]: 'lan' }
    for (let at = 0; at < entries; at++)
      other_config[`${keys.dropped}vid-${(at % 4094) + 1}-in-${at}`] = '7'
    return { other_config }
  }
  const drops = segmentDrops(config(8188), items)
  expect(drops).toHaveLength(4094)
  expect(drops[0]).toEqual({ reason: 'source_looped', packets: 14, network: 'acme/n1' })
  // Of a device that never stops only so much is read.
  const sum = segmentDrops(config(60_000), items).reduce((all, { packets }) => all + packets, 0)
  expect(sum).toBe(50_000 * 7)
})
