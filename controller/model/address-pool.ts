/**
 * Addresses of ports: which a subnet gives, the next of them that is free, and who has which. A search walks no ports: how
 * many addresses of a range are taken is known by the index, so that a free one is found by halving the range, whether a
 * subnet of 65,536 has 10 ports or 65,000.
 *
 * Neighbours: ipam.ts gives all else, rules-subnet.ts and rules-port.ts say what cannot be.
 */
import { parseMac } from '../../southbound/wire/address.ts'
import { type AddressRange, parseRange, sizeOf, without } from './address-ranges.ts'
import { endsOf, subnetRange } from './cidr.ts'
import { ModelError, problem } from './errors.ts'
import { addressValue, entryBounds } from './indexes.ts'
import { addressNumber, EUI64_BITS, eui64Address, familyOf, formatAddress } from './ip-address.ts'
import type { Family } from './overhead.ts'
import type { Subnet } from './schema.ts'
import type { Draft, View } from './snapshot.ts'

export function subnetsOf(view: View, network: string): Subnet[] {
  return [...view.find('subnetByNetwork', network)].map((key) => view.get('subnet', key) as Subnet)
}

/** Each is held against each, by whoever makes one, and by each port. */
const MOST_SUBNETS = 256

/** Before one more is made. @throws ModelError `subnets_exhausted` */
export function checkRoomForSubnet(view: View, network: string): void {
  const count = view.index('subnetByNetwork').count(...entryBounds(network))
  if (count < MOST_SUBNETS) return
  const facts = { pointer: '/network', value: network, by: `${count}` }
  const expected = 'another network, or subnets to be deleted first'
  throw new ModelError([problem('subnets_exhausted', { ...facts, expected })])
}

export const allocationOf = ({ allocation = 'pool' }: Subnet) => allocation

/** Ranges of what no port can have: reserved by the tenant, or by the protocol. */
export function unusableOf(subnet: Subnet): AddressRange[] {
  return [...endsOf(subnetRange(subnet)), ...(subnet.reserved ?? []).map(parseRange)]
}

const pools = new WeakMap<Subnet, readonly AddressRange[]>()

/** What a subnet gives by itself, in ascending order and apart; nothing unless its allocation is `pool`. */
export function poolOf(subnet: Subnet): readonly AddressRange[] {
  let pool = pools.get(subnet)
  if (!pool) {
    const { first, last } = subnetRange(subnet)
    // The first address is a gateway's by custom.
    const all = subnet.allocationRanges?.map(parseRange) ?? [{ first: first + 2n, last }]
    pool = allocationOf(subnet) === 'pool' ? without(all, unusableOf(subnet)) : []
    pools.set(subnet, pool)
  }
  return pool
}

/**
 * What a port that says no addresses gets: one of each family of which the network has a subnet that gives any.
 * @throws ModelError `subnet_full`
 */
export function giveAddresses(draft: Draft, network: string, mac: string): string[] {
  const subnets = subnetsOf(draft, network)
  return ([4, 6] as const).flatMap((family) => {
    const giving = subnets.filter(
      (each) => subnetRange(each).family === family && allocationOf(each) !== 'fixed',
    )
    if (giving.length === 0) return []
    for (const subnet of giving) {
      const address =
        allocationOf(subnet) === 'eui64'
          ? eui64Address(subnetRange(subnet).first, parseMac(mac))
          : nextFree(draft, network, subnet)
      if (address !== undefined) return [formatAddress(family, address)]
    }
    throw new ModelError([fullProblem(draft, network, family, giving)])
  })
}

/** An address that followed from the MAC that a port had follows the one that it has now. */
export function followMac(
  view: View,
  network: string,
  addresses: readonly string[],
  { before, now }: { readonly before: string; readonly now: string },
): readonly string[] {
  if (before === now) return addresses
  const prefixes = subnetsOf(view, network).flatMap((subnet) =>
    allocationOf(subnet) === 'eui64' ? [subnetRange(subnet).first] : [],
  )
  return addresses.map((address) => {
    if (familyOf(address) === 4) return address
    const value = addressNumber(address)
    const prefix = (value >> BigInt(EUI64_BITS)) << BigInt(EUI64_BITS)
    const isDerived = prefixes.includes(prefix) && value === eui64Address(prefix, parseMac(before))
    return isDerived ? formatAddress(6, eui64Address(prefix, parseMac(now))) : address
  })
}

/** The next one after the last that was given, so that what was freed is the last to be given again; undefined: all are taken. */
function nextFree(draft: Draft, network: string, subnet: Subnet): bigint | undefined {
  const { family, first } = subnetRange(subnet)
  // A counter is a safe number: of IPv6 it counts from the subnet's first address, and stays where that is too far.
  const base = family === 4 ? 0n : first
  const name = addressCounter(subnet.uuid)
  const start = base + BigInt(draft.counter(name)) + 1n
  const pool = poolOf(subnet)
  const ahead = pool.flatMap((range) =>
    range.last < start ? [] : [{ ...range, first: range.first > start ? range.first : start }],
  )
  for (const range of [...ahead, ...pool]) {
    const address = firstFree(draft, network, family, range)
    if (address === undefined) continue
    if (address - base <= BigInt(Number.MAX_SAFE_INTEGER))
      draft.setCounter(name, Number(address - base))
    return address
  }
  return undefined
}

export const addressCounter = (uuid: string): string => `subnet.${uuid}`

/** The first address of a range that no port has, in steps that double and then by halves: O(log² n). */
function firstFree(
  view: View,
  network: string,
  family: Family,
  { first, last }: AddressRange,
): bigint | undefined {
  const isFullUpTo = (end: bigint): boolean =>
    BigInt(countWithin(view, network, family, { first, last: end })) >= end - first + 1n
  let full = first - 1n
  let step = 1n
  let end = first
  while (isFullUpTo(end)) {
    if (end === last) return undefined
    full = end
    step *= 2n
    end = end + step < last ? end + step : last
  }
  while (end - full > 1n) {
    const middle = (full + end) / 2n
    if (isFullUpTo(middle)) full = middle
    else end = middle
  }
  return end
}

/** Keys of the ports of a network with an address in a range, by address; a port may come twice. */
export function* portsWithin(
  view: View,
  network: string,
  family: Family,
  range: AddressRange,
): Generator<string> {
  const [from, to] = entriesOf(network, family, range)
  for (const [, port] of view.index('portByAddress').range(from, to)) yield port
}

/** How many addresses of a range ports of the network have. */
export function countWithin(
  view: View,
  network: string,
  family: Family,
  range: AddressRange,
): number {
  return view.index('portByAddress').count(...entriesOf(network, family, range))
}

function entriesOf(network: string, family: Family, { first, last }: AddressRange) {
  const [from] = entryBounds(addressValue(network, family, first))
  const [, to] = entryBounds(addressValue(network, family, last))
  return [from, to] as const
}

function fullProblem(view: View, network: string, family: Family, subnets: readonly Subnet[]) {
  const by = subnets.map((subnet) => {
    const pool = poolOf(subnet)
    const taken = pool.reduce((sum, each) => sum + countWithin(view, network, family, each), 0)
    return `subnet ${subnet.tenant}/${subnet.id} (${subnet.cidr}) has ${taken} of ${sizeOf(pool)} taken`
  })
  return problem('subnet_full', {
    pointer: '/addresses',
    value: network,
    by: by.join(', '),
    expected: 'ports to be deleted first, more allocationRanges or another subnet',
  })
}
