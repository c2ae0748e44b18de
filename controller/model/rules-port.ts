/**
 * Rules of ports: their addresses, and the ways to be bound by declaration. A port is in one place:
 * an ofport or an interface of a host, or inside the trunk of another port.
 */
import { formatIpv4, parseIpv4 } from '../../southbound/wire/address.ts'
import { subnetRange } from './cidr.ts'
import { type Problem, type ProblemType, problem } from './errors.ts'
import { subnetsOf } from './ipam.ts'
import type { Context } from './rule.ts'
import type { Host, Port } from './schema.ts'

export function checkAddresses(port: Port, _: string, { view }: Context): Problem[] {
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
 * Rows of hardware_vtep name a VNI and nothing else, so no port of a network on a VLAN is declared on a host of kind vtep,
 * in a trunk there neither. `port.network` and the type of a network are fixed: who changes no port changes none of this.
 */
export function checkNetworkOfPlace(port: Port, key: string, { view, edited }: Context): Problem[] {
  const { tenant, hostId, parent } = port
  const home = parent === undefined ? hostId : view.get('port', `${tenant}/${parent}`)?.hostId
  const host = home === undefined ? undefined : view.get('host', home)
  if (host?.kind !== 'vtep') return []
  const mismatch = (member: Port, lead: string): Problem[] => {
    const network = view.get('network', `${tenant}/${member.network}`)
    if (!network || network.type === 'vxlan') return []
    const [field, value] = parent === undefined ? ['hostId', hostId] : ['parent', parent]
    const by = `host ${host.id} is of kind vtep, ${lead}network ${tenant}/${network.id} of type ${network.type}`
    const expected = 'a host of kind ovs, or a network of type vxlan'
    return [problem('host_kind_mismatch', { pointer: `/${field}`, value, by, expected })]
  }
  const problems = mismatch(port, 'and ')
  for (const by of view.find('referrer', `port ${key}`)) {
    const subportKey = by.replace('port ', '')
    const subport = view.get('port', subportKey)
    if (!subport || edited('port', subportKey)) continue
    problems.push(...mismatch(subport, `and sub-port ${subportKey} in `))
  }
  return problems
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
