/** MACs of guests as rows, and how many of them. */
import { expect, test } from 'vitest'
import { boundLocalMacs, MOST_LOCAL_MACS } from '../../../southbound/agent/local-macs.ts'
import { openRig, ops, switchOf } from './rig.ts'

test('of some thousand MACs of a network so many are told and no more, those that are told already first', () => {
  const rig = openRig()
  const mac = (n: number) =>
    `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 0xff).toString(16).padStart(2, '0')}`
  const seen = Array.from({ length: 5000 }, (_, n) => ({ vni: 5001, mac: mac(n) }))
  const others = [{ vni: 5002, mac: mac(1) }]
  const last = mac(4999)
  const red = switchOf(rig, 'red')
  rig.write(
    ops.insert(
      'Physical_Locator',
      { encapsulation_type: 'vxlan_over_ipv4', dst_ip: '192.0.2.11' },
      'own',
    ),
    ops.insert('Ucast_Macs_Local', { MAC: last, logical_switch: red, locator: 'own', ipaddr: '' }),
  )
  const bound = (of: typeof seen) =>
    boundLocalMacs((name) => rig.database.table(name), rig.read(), of)
  const { localMacs, faults } = bound([...seen, ...others])
  expect(localMacs.length).toBe(MOST_LOCAL_MACS + 1)
  expect(localMacs[0]).toEqual({ vni: 5001, mac: last })
  expect(localMacs.at(-1)).toEqual(others[0])
  expect(faults).toMatchObject([
    { code: 'local_macs_overfull', subject: { kind: 'network', vni: 5001 } },
  ])
  const few = seen.slice(0, MOST_LOCAL_MACS)
  expect(bound(few)).toEqual({ localMacs: few, faults: [] })
})
