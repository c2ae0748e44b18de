/**
 * Rules of subnets: their ranges, and the ports that are in them. A subnet may change under its ports as long as each address
 * stays in a subnet, and is none that nobody can have. Neighbours: rules.ts, address-pool.ts, rules-port.ts.
 */
import { allocationOf, countWithin, portsWithin, subnetsOf } from './address-pool.ts'
import { type AddressRange, parseRange, without } from './address-ranges.ts'
import { endsOf, rangeOf, subnetRange } from './cidr.ts'
import { type Problem, type ProblemType, problem } from './errors.ts'
import { EUI64_BITS, isUnicast } from './ip-address.ts'
import type { Family } from './overhead.ts'
import type { Context } from './rule.ts'
import type { Network, Subnet } from './schema.ts'
import type { View } from './snapshot.ts'

export function checkCidr(subnet: Subnet): Problem[] {
  const { family, first, last, canonical } = rangeOf(subnet.cidr)
  const facts = { pointer: '/cidr', value: subnet.cidr }
  if (canonical !== subnet.cidr)
    return [problem('cidr_host_bits', { ...facts, expected: canonical })]
  if (isUnicast(family, first) && isUnicast(family, last)) return []
  const expected =
    family === 4
      ? 'a unicast range outside 0.0.0.0/8, 127.0.0.0/8 and 224.0.0.0 upwards'
      : 'a unicast range outside ::/8, fe80::/10 and ff00::/8'
  return [problem('address_unusable', { ...facts, expected })]
}

export function checkOverlap(subnet: Subnet, key: string, { view }: Context): Problem[] {
  const other = together(view, networkOf(subnet)).overlaps.get(key)
  if (other === undefined) return []
  const expected = `a range apart from ${other.cidr}`
  const facts = { pointer: '/cidr', value: subnet.cidr, by: keyOf(other), expected }
  return [problem('subnet_overlap', facts)]
}

/** What the subnets of a network are together. */
interface Together {
  /** By its key, one that it overlaps. */
  readonly overlaps: ReadonlyMap<string, Subnet>
  /** What none of them has, where a port has an address there. */
  readonly outside: readonly FamilyRange[]
}

const found = new WeakMap<View, Map<string, Together>>()

/** Rules look at a commit when all of it has been put: what is found for one subnet holds for all of the network. */
function together(view: View, network: string): Together {
  const inView = found.get(view) ?? new Map<string, Together>()
  found.set(view, inView)
  let all = inView.get(network)
  if (!all) {
    const subnets = subnetsOf(view, network)
    all = { overlaps: overlapsOf(subnets), outside: outsideOf(view, network, subnets) }
    inView.set(network, all)
  }
  return all
}

function overlapsOf(subnets: readonly Subnet[]): Map<string, Subnet> {
  const overlaps = new Map<string, Subnet>()
  for (const family of [4, 6] as const) {
    const ranges = subnets
      .map((subnet) => ({ subnet, ...subnetRange(subnet) }))
      .filter((range) => range.family === family)
      .sort((a, b) => (a.first < b.first ? -1 : 1))
    /** Of those so far the one that ends last. */
    let widest = ranges[0]
    for (const range of ranges.slice(1)) {
      if (widest && range.first <= widest.last) {
        overlaps.set(keyOf(range.subnet), widest.subnet)
        overlaps.set(keyOf(widest.subnet), range.subnet)
      }
      if (widest && range.last > widest.last) widest = range
    }
  }
  return overlaps
}

/** What is given, and how, by the subnet alone. */
export function checkAllocation(subnet: Subnet): Problem[] {
  const { family, first, last, prefix } = subnetRange(subnet)
  const problems: Problem[] = []
  for (const field of ['allocationRanges', 'reserved'] as const) {
    for (const [at, value] of (subnet[field] ?? []).entries()) {
      const range = parseRange(value)
      const facts = { pointer: `/${field}/${at}`, value }
      if (range.last < range.first) {
        const expected = 'the lower address first'
        problems.push(problem('range_invalid', { ...facts, expected }))
      } else if (value.includes(':') !== (family === 6) || range.first < first || range.last > last)
        problems.push(
          problem('range_outside_subnet', {
            ...facts,
            by: `${subnet.tenant}/${subnet.id}`,
            expected: `addresses in ${subnet.cidr}`,
          }),
        )
    }
  }
  const by = allocationOf(subnet)
  if (subnet.allocationRanges && by !== 'pool') {
    const facts = { pointer: '/allocationRanges', value: subnet.allocationRanges, by }
    const expected = 'allocationRanges left out, or allocation pool'
    problems.push(problem('ranges_unused', { ...facts, expected }))
  }
  if (by === 'eui64' && (family !== 6 || prefix !== EUI64_BITS)) {
    const facts = { pointer: '/allocation', value: subnet.cidr }
    const expected = `an IPv6 cidr with a prefix of ${EUI64_BITS} bits, or another allocation`
    problems.push(problem('eui64_prefix', { ...facts, expected }))
  }
  return problems
}

/** Ports that a commit puts too are reported for themselves. */
export function checkAddressesLeft(subnet: Subnet, _: string, at: Context): Problem[] {
  const network = networkOf(subnet)
  const problems: Problem[] = []
  const refuse = (
    type: ProblemType,
    { pointer, value, cut }: { pointer: string; value: string; cut: readonly FamilyRange[] },
  ) => {
    const references = portsNotEdited(at, network, cut)
    const [first, ...others] = references
    if (first === undefined) return
    const more = others.length > 0 ? ` and ${others.length} more` : ''
    const expected = 'these ports to be deleted, or given other addresses, first'
    const facts = { pointer, value, by: `${first}${more}`, expected, references }
    problems.push(problem(type, facts))
  }
  const whole = { pointer: '/cidr', value: subnet.cidr }
  refuse('addresses_left_out', { ...whole, cut: together(at.view, network).outside })
  const { family, ...range } = subnetRange(subnet)
  const unusable = (ranges: readonly AddressRange[]) => ranges.map((each) => ({ family, ...each }))
  refuse('addresses_unusable', { ...whole, cut: unusable(endsOf({ family, ...range })) })
  for (const [i, value] of (subnet.reserved ?? []).entries())
    refuse('addresses_unusable', {
      ...{ pointer: `/reserved/${i}`, value },
      cut: unusable([parseRange(value)]),
    })
  return problems
}

interface FamilyRange extends AddressRange {
  readonly family: Family
}

/** Counted first, which costs little. */
function outsideOf(view: View, network: string, subnets: readonly Subnet[]): FamilyRange[] {
  return ([4, 6] as const).flatMap((family) => {
    const all = { first: 0n, last: (1n << (family === 4 ? 32n : 128n)) - 1n }
    const ranges = subnets.map(subnetRange).filter((range) => range.family === family)
    const count = (range: AddressRange) => countWithin(view, network, family, range)
    if (ranges.reduce((sum, range) => sum + count(range), 0) === count(all)) return []
    return without([all], ranges).map((each) => ({ family, ...each }))
  })
}

/** 'port acme/vm1', at most 100. */
function portsNotEdited(
  { view, edited }: Context,
  network: string,
  ranges: readonly FamilyRange[],
): readonly string[] {
  const found = new Set<string>()
  for (const range of ranges)
    for (const port of portsWithin(view, network, range.family, range)) {
      if (found.size === 100) return Object.freeze([...found])
      if (!edited('port', port)) found.add(`port ${port}`)
    }
  return Object.freeze([...found])
}

/** The least that any link of IPv6 carries, in bytes. RFC 8200 §5. */
const ipv6MtuBytes = 1280

export function checkIpv6Mtu(subnet: Subnet, _: string, { view }: Context): Problem[] {
  const { mtuBytes = ipv6MtuBytes } = view.get('network', networkOf(subnet)) ?? {}
  if (subnetRange(subnet).family !== 6 || mtuBytes >= ipv6MtuBytes) return []
  const expected = `IPv4, or a network of at least ${ipv6MtuBytes} bytes`
  const facts = { pointer: '/cidr', value: subnet.cidr, by: `${mtuBytes}`, expected }
  return [problem('ipv6_mtu_too_small', facts)]
}

export function checkIpv6MtuOfNetwork(network: Network, key: string, at: Context): Problem[] {
  if (network.mtuBytes >= ipv6MtuBytes) return []
  for (const { tenant, id, cidr } of subnetsOf(at.view, key)) {
    if (rangeOf(cidr).family !== 6 || at.edited('subnet', `${tenant}/${id}`)) continue
    const expected = `at least ${ipv6MtuBytes} bytes, or no IPv6 subnet`
    const facts = { pointer: '/mtuBytes', value: cidr, by: `${network.mtuBytes}`, expected }
    return [problem('ipv6_mtu_too_small', facts)]
  }
  return []
}

const networkOf = ({ tenant, network }: Subnet): string => `${tenant}/${network}`
const keyOf = ({ tenant, id }: Subnet): string => `${tenant}/${id}`
