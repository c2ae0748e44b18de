/**
 * Rules between objects that belong to one collection: what a MTU, a range, an address must be in
 * view of the others. A new rule is a row of the table and a function that costs by the object.
 *
 * Neighbours: check.ts runs them, with those that follow from the tables; rules-mtu.ts,
 * rules-segment.ts, rules-bridge.ts,
 * rules-port.ts and rules-trunk.ts have those of their subjects.
 */
import { isUsable, rangeOf, subnetRange } from './cidr.ts'
import { type Problem, problem } from './errors.ts'
import { familyOf, isVtepAddress, vtepAddressRule } from './ip-address.ts'
import { subnetsOf } from './ipam.ts'
import { checkQuarantined } from './quarantine.ts'
import type { Context, Rule } from './rule.ts'
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
} from './rules-segment.ts'
import { checkTransparent, checkTrunkNetwork } from './rules-trunk.ts'
import type { Declared, Host, Subnet } from './schema.ts'

export const rules: { readonly [C in Declared]: readonly Rule<C>[] } = {
  physicalNetwork: [checkVids, checkVidsInUse, checkPhysicalMtu],
  host: [checkVtepAddresses, checkUnderlayMtu],
  bridge: [checkBridgeKind, checkVids, checkUplinks, checkBridgeMtu],
  tenant: [],
  network: [
    checkTunnelMtu,
    checkSegmentMtu,
    checkVidAllowed,
    checkExtension,
    checkTransparent,
    checkQuarantined,
  ],
  subnet: [checkCidr, checkOverlap],
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

function checkCidr(subnet: Subnet): Problem[] {
  const range = rangeOf(subnet.cidr)
  const facts = { pointer: '/cidr', value: subnet.cidr }
  if (range.canonical !== subnet.cidr) {
    return [problem('cidr_host_bits', { ...facts, expected: range.canonical })]
  }
  if (isUsable(range.first) && isUsable(range.last)) return []
  const expected = 'a unicast range outside 0.0.0.0/8, 127.0.0.0/8 and 224.0.0.0 upwards'
  return [problem('address_unusable', { ...facts, expected })]
}

function checkOverlap(subnet: Subnet, key: string, { view }: Context): Problem[] {
  const { first, last } = subnetRange(subnet)
  for (const other of subnetsOf(view, `${subnet.tenant}/${subnet.network}`)) {
    const otherKey = `${other.tenant}/${other.id}`
    const range = subnetRange(other)
    if (otherKey === key || last < range.first || range.last < first) continue
    const expected = `a range apart from ${other.cidr}`
    const facts = { pointer: '/cidr', value: subnet.cidr, by: otherKey, expected }
    return [problem('subnet_overlap', facts)]
  }
  return []
}
