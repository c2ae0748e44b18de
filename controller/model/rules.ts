/**
 * Rules between objects that belong to one collection: what a MTU, a range, an address must be in
 * view of the others. A new rule is a row of the table and a function that costs by the object.
 *
 * Neighbours: check.ts runs them, with those that follow from the tables.
 */
import { formatIpv4, parseIpv4 } from '../../southbound/wire/address.ts'
import { isUsable, rangeOf, subnetRange } from './cidr.ts'
import { type Problem, problem } from './errors.ts'
import { subnetsOf } from './ipam.ts'
import {
  type Collection,
  type Declared,
  type Objects,
  type Port,
  type Subnet,
  vxlanOverheadBytes,
} from './schema.ts'
import type { View } from './snapshot.ts'

/**
 * `edited`: whether the same commit also puts that object, which then is reported for itself.
 * `asked`: whether the spec says that property itself; a value that nobody sent is called the default.
 */
export interface Context {
  readonly view: View
  readonly edited: (collection: Collection, key: string) => boolean
  readonly asked: (field: string) => boolean
}

const defaulted = (field: string, { asked }: Context): string =>
  asked(field) ? '' : ' (the default)'

type Rule<C extends Collection> = (object: Objects[C], key: string, at: Context) => Problem[]

export const rules: { readonly [C in Declared]: readonly Rule<C>[] } = {
  host: [checkVtepAddress, checkUnderlayMtu],
  bridge: [],
  tenant: [],
  network: [checkNetworkMtu],
  subnet: [checkCidr, checkOverlap],
  port: [checkAddresses, checkOfport],
}

function checkVtepAddress(host: Objects['host']): Problem[] {
  const { vtepAddress: value } = host
  if (isUsable(parseIpv4(value))) return []
  const expected = 'a unicast address outside 0.0.0.0/8, 127.0.0.0/8 and 224.0.0.0 upwards'
  return [problem('address_unusable', { pointer: '/vtepAddress', value, expected })]
}

/** A port may be bound on any host, so a network must cross the smallest underlay of the site. */
function checkNetworkMtu(network: Objects['network'], _: string, at: Context): Problem[] {
  const { view } = at
  const narrowest = view.index('hostByUnderlayMtu').first()?.[1]
  const host = narrowest === undefined ? undefined : view.get('host', narrowest)
  if (!host || network.mtuBytes + vxlanOverheadBytes <= host.underlayMtuBytes) return []
  const most = host.underlayMtuBytes - vxlanOverheadBytes
  const least = network.mtuBytes + vxlanOverheadBytes
  return [
    problem('mtu_exceeds_underlay', {
      pointer: '/mtuBytes',
      value: network.mtuBytes,
      note: defaulted('mtuBytes', at),
      by: `VXLAN adds ${vxlanOverheadBytes} and host ${host.id} carries ${host.underlayMtuBytes}`,
      expected: `at most ${most}, or an underlay of at least ${least}`,
    }),
  ]
}

function checkUnderlayMtu(host: Objects['host'], _: string, at: Context): Problem[] {
  const widest = at.view.index('networkByMtu').last()?.[1]
  const network = widest === undefined ? undefined : at.view.get('network', widest)
  if (!network || widest === undefined || at.edited('network', widest)) return []
  const least = network.mtuBytes + vxlanOverheadBytes
  if (least <= host.underlayMtuBytes) return []
  return [
    problem('underlay_mtu_too_small', {
      pointer: '/underlayMtuBytes',
      value: host.underlayMtuBytes,
      note: defaulted('underlayMtuBytes', at),
      by: `${widest} with its packets of ${network.mtuBytes} bytes`,
      expected: `at least ${least}`,
    }),
  ]
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

function checkAddresses(port: Port, _: string, { view }: Context): Problem[] {
  const network = `${port.tenant}/${port.network}`
  if (port.addresses.length === 0 || !view.get('network', network)) return []
  const subnets = subnetsOf(view, network)
  return port.addresses.flatMap((address, at) => {
    const pointer = `/addresses/${at}`
    const value = parseIpv4(address)
    const home = subnets.find((subnet) => {
      const { first, last } = subnetRange(subnet)
      return first <= value && value <= last
    })
    if (!home) {
      const ranges = subnets.map(({ cidr, id }) => `${cidr} (subnet ${id})`).join(' or ')
      const expected = ranges ? `an address in ${ranges}` : `a subnet of network ${network} first`
      return [problem('address_outside_subnet', { pointer, value: address, expected })]
    }
    const { first, last } = subnetRange(home)
    if (value !== first && value !== last) return []
    const expected = `${formatIpv4(first + 1)} to ${formatIpv4(last - 1)}`
    return [problem('address_reserved', { pointer, value: address, by: home.id, expected })]
  })
}

function checkOfport(port: Port): Problem[] {
  if (port.ofport === undefined || port.hostId !== undefined) return []
  const facts = { pointer: '/ofport', value: port.ofport, expected: 'a hostId beside it' }
  return [problem('ofport_without_host', facts)]
}
