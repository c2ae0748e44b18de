/** A bridge to a physical network as a value of other_config. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  bridgesOf,
  formatBridge,
  type PhysicalBridge,
  parseBridge,
} from '../../../southbound/agent/physical-bridge.ts'
import { runs } from '../../random.ts'

const interfaceName = fc.stringMatching(/^[A-Za-z0-9][\w.-]{0,14}$/)
const bridge: fc.Arbitrary<PhysicalBridge> = fc.record({
  name: interfaceName,
  isOurs: fc.constant(true),
  uplinks: fc.uniqueArray(interfaceName, { maxLength: 5 }).map((names) => names.sort()),
  mtuBytes: fc.option(fc.integer({ min: 68, max: 65_535 }), { nil: undefined }),
  vids: fc.option(
    fc.array(
      fc
        .tuple(fc.integer({ min: 1, max: 4094 }), fc.integer({ min: 1, max: 4094 }))
        .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
      { minLength: 1, maxLength: 4 },
    ),
    { nil: undefined },
  ),
  physicalNetwork: fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/), { nil: undefined }),
})

test('what is written is read again', () => {
  fc.assert(
    fc.property(bridge, (one) => {
      expect(parseBridge(one.name, formatBridge(one))).toEqual(one)
    }),
    runs(100),
  )
})

test.each([
  ['br/a', '', 'br/a'],
  ['..', '', '..'],
  ['a-name-of-16-cha', '', 'a-name-of-16-cha'],
  ['br', 'uplinks=eth1 uplinks=eth2', 'uplinks=eth2'],
  ['br', 'uplinks=eth1,$(reboot)', '$(reboot)'],
  ['br', 'mtu=9000 speed=fast', 'speed'],
  ['br', 'mtu=-1', '-1'],
  ['br', 'vids=7-', '7-'],
  ['br', 'vids=4095', '4095'],
  ['br', 'vids=9-8', '9-8'],
  ['br', 'physical-network=a/b', 'a/b'],
])('%s: %s is refused for %s', (name, text, wrong) => {
  expect(parseBridge(name, text)).toEqual({ wrong })
})

test('a bridge to be made goes before an offer of its name, and what is no pair is no offer', () => {
  const { bridges, wrong } = bridgesOf({
    'weft-offers': 'office:br0, lan:br1,lan,:x,a:b:c',
    'weft-bridge-br0': 'uplinks=eth1',
    'weft-bridge-br9': 'uplinks',
    'weft-seen-bridge-br8': 'ok',
  })
  expect(
    bridges.map(({ name, isOurs, physicalNetwork }) => [name, isOurs, physicalNetwork]),
  ).toEqual([
    ['br0', true, undefined],
    ['br1', false, 'lan'],
  ])
  expect(wrong).toEqual([['br9', 'uplinks']])
})
