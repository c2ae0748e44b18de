/** Ranges of addresses as pairs of numbers, and lists of them. Pure. Neighbours: cidr.ts, ipam.ts. */
import { addressNumber, canonicalAddress, formatAddress } from './ip-address.ts'
import type { Family } from './overhead.ts'

/** From the first address to the last one; none where `last` is below `first`. */
export interface AddressRange {
  readonly first: bigint
  readonly last: bigint
}

/** '10.0.0.10-10.0.0.20', or one address. The text must have passed the schema. */
export function parseRange(text: string): AddressRange {
  const [first = '', last = first] = text.split('-')
  return { first: addressNumber(first), last: addressNumber(last) }
}

/** The one spelling of its addresses. */
export const canonicalRange = (text: string): string =>
  text.split('-').map(canonicalAddress).join('-')

export function formatRange(family: Family, { first, last }: AddressRange): string {
  const [from, to] = [first, last].map((address) => formatAddress(family, address))
  return first === last ? `${from}` : `${from}-${to}`
}

/** How many addresses; of ranges that are apart. */
export const sizeOf = (ranges: readonly AddressRange[]): bigint =>
  ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n)

/** In ascending order and apart. */
export function merged(ranges: readonly AddressRange[]): AddressRange[] {
  const found: { first: bigint; last: bigint }[] = []
  for (const { first, last } of ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = found.at(-1)
    if (last < first) continue
    if (before && first <= before.last + 1n) before.last = last > before.last ? last : before.last
    else found.push({ first, last })
  }
  return found
}

/** What is left of `ranges` outside of `cut`, in ascending order and apart. */
export function without(
  ranges: readonly AddressRange[],
  cut: readonly AddressRange[],
): AddressRange[] {
  const holes = merged(cut)
  return merged(ranges).flatMap(({ first, last }) => {
    const left: AddressRange[] = []
    let from = first
    for (const hole of holes) {
      if (hole.last < from || hole.first > last) continue
      if (hole.first > from) left.push({ first: from, last: hole.first - 1n })
      from = hole.last + 1n
    }
    return from > last ? left : [...left, { first: from, last }]
  })
}
