/**
 * Rules between objects that belong to one collection: what a MTU, a range, an address must be in
 * view of the others. A new rule is a row of the table and a function that costs by the object.
 *
 * Neighbours: check.ts runs them, with those that follow from the tables; rules-mtu.ts,
 * rules-segment.ts, rules-bridge.ts,
 * rules-port.ts and rules-trunk.ts have those of their subjects.
 */
import { type Problem, problem } from './errors.ts'
import { familyOf, isVtepAddress, vtepAddressRule } from './ip-address.ts'
import { checkQuarantined } from './quarantine.ts'
import type { Rule } from './rule.ts'
import { checkUplinks } from './rules-bridge.ts'
import {
  checkBridgeMtu,
  checkPhysicalMtu,
  checkSegmentMtu,
  checkTunnelMtu,
  checkUnderlayMtu,
} from './rules-mtu.ts'
import { checkAddresses, checkInterfaceHolder, checkPlace, checkSubport } from './rules-port.ts'
import {
  checkBridgeKind,
  checkExtension,
  checkVidAllowed,
  checkVids,
  checkVidsInUse,
  checkVnis,
} from './rules-segment.ts'
import {
  checkAddressesLeft,
  checkAllocation,
  checkCidr,
  checkIpv6Mtu,
  checkIpv6MtuOfNetwork,
  checkOverlap,
} from './rules-subnet.ts'
import { checkTransparent, checkTrunkNetwork } from './rules-trunk.ts'
import type { Declared, Host } from './schema.ts'

export const rules: { readonly [C in Declared]: readonly Rule<C>[] } = {
  physicalNetwork: [checkVids, checkVidsInUse, checkPhysicalMtu],
  vniPool: [checkVnis],
  host: [checkVtepAddresses, checkUnderlayMtu],
  bridge: [checkBridgeKind, checkVids, checkUplinks, checkBridgeMtu],
  tenant: [],
  network: [
    checkTunnelMtu,
    checkSegmentMtu,
    checkVidAllowed,
    checkExtension,
    checkTransparent,
    checkIpv6MtuOfNetwork,
    checkQuarantined,
  ],
  subnet: [checkCidr, checkOverlap, checkAllocation, checkAddressesLeft, checkIpv6Mtu],
  port: [checkAddresses, checkPlace, checkInterfaceHolder, checkSubport, checkTrunkNetwork],
  token: [],
  siteToken: [],
}

function checkVtepAddresses(host: Host): Problem[] {
  const { vtepAddress, alternateVtepAddress: other } = host
  const problems: Problem[] = []
  for (const field of ['vtepAddress', 'alternateVtepAddress'] as const) {
    const value = host[field]
    if (value === undefined || isVtepAddress(value)) continue
    const facts = { pointer: `/${field}`, value, expected: vtepAddressRule }
    problems.push(problem('address_unusable', facts))
  }
  if (other !== undefined && familyOf(other) === familyOf(vtepAddress)) {
    const expected = `an IPv${familyOf(other) === 4 ? 6 : 4} address`
    const facts = { pointer: '/alternateVtepAddress', value: other, by: vtepAddress, expected }
    problems.push(problem('same_family', facts))
  }
  return problems
}
