/**
 * Whether a packet has a field: its prerequisites, of the OXM rows, looked up in the key. An action
 * on a field that the packet does not have does nothing, as in Open vSwitch.
 * Neighbours: key-layout.ts (slots), set-field.ts (who asks).
 */
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { FRAGMENT_LATER } from './ipv6-chain.ts'
import { type KeyField, keyField, keyNames, VLAN_PRESENT, VLAN_TCI } from './key-layout.ts'

/** Flat tests [slot, mask, number of values, values …]: the slot under the mask has one of them. */
type Tests = Uint32Array

const test = (name: FieldName, mask: number, ...values: number[]) => {
  const { slot, shift } = keyField[name]
  const shifted = values.map((value) => value << shift)
  return [slot, mask << shift, values.length, ...shifted]
}

function testsOf(name: FieldName): Tests {
  const tests: number[] = []
  for (const [other, values] of Object.entries(fieldOf[name].needs)) {
    if (other === 'vlan_vid') tests.push(VLAN_TCI, VLAN_PRESENT, 1, VLAN_PRESENT)
    if (values.length === 0) continue
    tests.push(...test(other as FieldName, Number(fieldOf[other as FieldName].ones), ...values))
    // Only the first fragment has the header behind the IP header.
    if (other === 'ip_proto') tests.push(...test('ip_frag', FRAGMENT_LATER, 0))
    if (other === 'icmpv6_type') tests.push(...test('icmpv6_code', 0xff, 0))
  }
  return Uint32Array.from(tests)
}

const tests = new Map(keyNames.map((name) => [keyField[name], testsOf(name)]))

/** What hasField evaluates; look it up once, when an action is compiled. */
export const prerequisites = (field: KeyField): Tests => tests.get(field)!

export function hasField(key: Uint32Array, needed: Tests): boolean {
  for (let i = 0; i < needed.length; ) {
    const value = (key[needed[i]!]! & needed[i + 1]!) >>> 0
    const end = i + 3 + needed[i + 2]!
    let found = false
    for (let j = i + 3; j < end; j++) if (needed[j] === value) found = true
    if (!found) return false
    i = end
  }
  return true
}
