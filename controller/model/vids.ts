/** Lists of VIDs, or VNIs, and ranges of them, such as [100, '200-299']. */
import { vidRange } from './values.ts'

export type VidList = readonly (number | string)[]

export interface VidRange {
  readonly first: number
  /** Not below `first`, but of an entry that the rules refuse. */
  readonly last: number
}

/** The range of one entry; a VID by itself is a range of one. */
export function vidRangeOf(entry: number | string): VidRange {
  if (typeof entry === 'number') return { first: entry, last: entry }
  const [first = 0, last = 0] = entry.split('-').map(Number)
  return { first, last }
}

/** In ascending order and apart: overlapping and adjoining entries are one. */
export function vidRanges(list: VidList): VidRange[] {
  const merged: { first: number; last: number }[] = []
  for (const { first, last } of list.map(vidRangeOf).sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1)
    if (last < first) continue
    if (before && first <= before.last + 1) before.last = Math.max(before.last, last)
    else merged.push({ first, last })
  }
  return merged
}

export function hasVid(list: VidList, vid: number): boolean {
  return list.map(vidRangeOf).some(({ first, last }) => first <= vid && vid <= last)
}

/** What a list leaves out of 1 to 4094, in ascending order. */
export function missingVids(list: VidList): VidRange[] {
  const missing: VidRange[] = []
  let next: number = vidRange.first
  for (const { first, last } of vidRanges(list)) {
    if (next < first) missing.push({ first: next, last: first - 1 })
    next = last + 1
  }
  if (next <= vidRange.last) missing.push({ first: next, last: vidRange.last })
  return missing
}
