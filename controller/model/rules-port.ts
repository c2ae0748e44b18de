/**
 * Rules of ports: their addresses, and the ways to be bound by declaration. A port is in one place:
 * an ofport or an interface of a host, or inside the trunk of another port.
 */
import { subnetsOf } from './address-pool.ts'
import { type AddressRange, parseRange, without } from './address-ranges.ts'
import { endsOf, subnetRange } from './cidr.ts'
import { holderFacts, type Problem, type ProblemType, problem } from './errors.ts'
import { interfaceValue } from './indexes.ts'
import { addressNumber, familyOf, formatAddress } from './ip-address.ts'
import type { Context } from './rule.ts'
import type { Host, Port } from './schema.ts'

export function checkAddresses(port: Port, _: string, { view }: Context): Problem[] {
  const network = `${port.tenant}/${port.network}`
  if (port.addresses.length === 0 || !view.get('network', network)) return []
  const subnets = subnetsOf(view, network)
  return port.addresses.flatMap((address, at) => {
    const facts = { pointer: `/addresses/${at}`, value: address }
    const value = addressNumber(address)
    const isIn = ({ first, last }: AddressRange) => first <= value && value <= last
    const home = subnets.find((subnet) => {
      const range = subnetRange(subnet)
      return range.family === familyOf(address) && isIn(range)
    })
    if (!home) {
      const ranges = subnets.map(({ cidr, id }) => `${cidr} (subnet ${id})`).join(' or ')
      const expected = ranges ? `an address in ${ranges}` : `a subnet of network ${network} first`
      return [problem('address_outside_subnet', { ...facts, expected })]
    }
    const range = subnetRange(home)
    const ends = endsOf(range)
    if (ends.some(isIn)) {
      const [left = range] = without([range], ends)
      const words = [left.first, left.last].map((each) => formatAddress(range.family, each))
      const expected = words.join(' to ')
      return [problem('address_reserved', { ...facts, by: home.id, expected })]
    }
    const reserved = home.reserved?.find((each) => isIn(parseRange(each)))
    if (reserved === undefined) return []
    const expected = `an address outside of ${reserved}, or that taken out of reserved`
    return [problem('address_kept_back', { ...facts, by: home.id, expected })]
  })
}

interface Place {
  readonly type: ProblemType
  readonly kind: Host['kind']
  readonly instead: string
}

/** Properties that name a place, with what each needs beside it and the kind of host that has it. */
const places = {
  ofport: { type: 'ofport_without_host', kind: 'ovs', instead: 'an interface' },
  interface: { type: 'interface_without_host', kind: 'vtep', instead: 'an ofport' },
} as const satisfies Record<'ofport' | 'interface', Place>

export function checkPlace(port: Port, _: string, { view }: Context): Problem[] {
  const host = port.hostId === undefined ? undefined : view.get('host', port.hostId)
  const problems: Problem[] = []
  for (const field of ['ofport', 'interface'] as const) {
    const value = port[field]
    if (value === undefined) continue
    const { type, kind, instead } = places[field]
    const facts = { pointer: `/${field}`, value }
    if (port.parent !== undefined) continue
    if (port.hostId === undefined)
      problems.push(problem(type, { ...facts, expected: 'a hostId beside it' }))
    if (host && host.kind !== kind) {
      const by = `host ${host.id} is of kind ${host.kind}`
      const expected = `${instead}, or a host of kind ${kind}`
      problems.push(problem('host_kind_mismatch', { ...facts, by, expected }))
    }
  }
  if (port.ofport !== undefined && port.interface !== undefined && !host) {
    const facts = { pointer: '/interface', value: port.interface, by: `ofport ${port.ofport}` }
    problems.push(problem('place_ambiguous', { ...facts, expected: 'one of the two' }))
  }
  if (port.vid !== undefined && port.interface === undefined && port.parent === undefined) {
    const expected = 'an interface or a parent beside it'
    problems.push(problem('vid_without_place', { pointer: '/vid', value: port.vid, expected }))
  }
  return problems
}

/**
 * Whose port is untagged on an interface has all VIDs of it. Here for what is declared; where the interface was only seen
 * to carry a port, the compiler's placement holds the same.
 */
export function checkInterfaceHolder(port: Port, _: string, { view }: Context): Problem[] {
  const { tenant, hostId, interface: value, vid } = port
  if (hostId === undefined || value === undefined || port.parent !== undefined) return []
  const slots = interfaceValue(hostId, value)
  const untagged = view.find('portByInterface', interfaceValue(hostId, value, 0))
  const keys =
    vid === undefined
      ? [...view.index('portByInterface').range(`${slots} `, `${slots}!`)].map(([, key]) => key)
      : untagged
  for (const key of keys) {
    const other = view.get('port', key)
    // Two that are untagged are one too many whosever they are: interface_taken.
    if (!other || other.tenant === tenant || other.vid === vid) continue
    const expected = 'an interface that carries no port of another tenant'
    const holder = holderFacts(port, other, `port ${key}`)
    return [problem('interface_held', { pointer: '/interface', value, ...holder, expected })]
  }
  return []
}

/** A sub-port is where its parent is; a trunk is one level deep. */
export function checkSubport(port: Port, key: string, { view }: Context): Problem[] {
  const { parent: value } = port
  if (value === undefined) return []
  const problems: Problem[] = []
  for (const field of ['hostId', 'ofport', 'interface'] as const) {
    if (port[field] === undefined) continue
    const facts = { pointer: `/${field}`, value: port[field], by: `parent ${value}` }
    const expected = `no ${field}: a sub-port is where its parent is`
    problems.push(problem('place_ambiguous', { ...facts, expected }))
  }
  if (port.vid === undefined) {
    const expected = 'vid, an integer: the VID of its frames inside the guest, 1 to 4094'
    problems.push(problem('missing', { pointer: '/vid', value: undefined, expected }))
  }
  const trunk = view.get('port', `${port.tenant}/${value}`)
  if (trunk?.parent !== undefined) {
    const expected = 'a port that has no parent'
    const facts = { pointer: '/parent', value, by: `${port.tenant}/${trunk.parent}`, expected }
    problems.push(problem('parent_is_subport', facts))
  }
  for (const by of view.find('referrer', `port ${key}`)) {
    if (by === `port ${key}`) continue
    const facts = { pointer: '/parent', value, by }
    const expected = 'no parent, or the sub-ports to be deleted first'
    problems.push(problem('has_subports', { ...facts, expected }))
    break
  }
  return problems
}
