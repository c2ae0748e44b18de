/**
 * What the model gives where the client leaves it out: numbers, VNIs, VIDs, MAC addresses; address-pool.ts
 * has IP addresses. Everything moves forward: the counters are part of the revision, so that what was freed
 * a moment ago is the last to be given again, and a restarted controller goes on where it stopped.
 */
import { formatMac } from '../../southbound/wire/address.ts'
import { addressCounter } from './address-pool.ts'
import { ModelError, problem } from './errors.ts'
import { sortable, vidValue } from './indexes.ts'
import { isQuarantined } from './quarantine.ts'
import type { PhysicalNetwork } from './schema.ts'
import type { Draft, View } from './snapshot.ts'
import { lastPhysicalNumber, vidRange, vniPool } from './values.ts'
import { hasVid, type VidRange, vidRanges } from './vids.ts'

/** A number that no object of the collection has or had; it goes into the registers of switches. */
export function nextNumber(draft: Draft, collection: 'network' | 'port'): number {
  const name = `${collection}.number`
  const number = draft.counter(name) + 1
  draft.setCounter(name, number)
  return number
}

/** Port numbers of a switch are few: the last is followed by the first. @throws ModelError `physical_networks_exhausted` */
export function allocatePhysicalNumber(draft: Draft): number {
  const taken = (number: number): boolean =>
    held(draft, 'physicalNetworkByNumber', sortable(number)) ||
    isQuarantined(draft, { kind: 'physicalNetwork', number })
  const start = draft.counter('physicalNetwork.number') + 1
  const number = firstFree(start, lastPhysicalNumber, taken) ?? firstFree(1, start - 1, taken)
  if (number !== undefined) {
    draft.setCounter('physicalNetwork.number', number)
    return number
  }
  const expected = `at most ${lastPhysicalNumber} physical networks, those that hosts still have counted in`
  throw new ModelError([
    problem('physical_networks_exhausted', { pointer: '', value: undefined, expected }),
  ])
}

/** What networks are given that say no VNI, in ascending order and apart. */
function vniRanges(view: View): readonly VidRange[] {
  const pools = [...view.list('vniPool').values()]
  return pools.length === 0 ? [vniPool] : vidRanges(pools.flatMap(({ vnis }) => vnis))
}

/** The next one after the last that was given, of the pools of the site. @throws ModelError `vni_exhausted` */
export function allocateVni(draft: Draft): number {
  const given = draft.counter('vni')
  const taken = (number: number): boolean =>
    held(draft, 'networkByVni', sortable(number)) || isQuarantined(draft, { kind: 'vni', number })
  const pool = vniRanges(draft)
  const ahead = pool.map(({ first, last }) => ({ first: Math.max(first, given + 1), last }))
  for (const { first, last } of [...ahead, ...pool]) {
    const vni = firstFree(first, last, taken)
    if (vni === undefined) continue
    draft.setCounter('vni', vni)
    return vni
  }
  const size = pool.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  const expected = 'more VNIs in a VNI pool, networks to be deleted first, or a VNI of your own'
  const facts = { pointer: '/vni', value: size, expected }
  throw new ModelError([problem('vni_exhausted', facts)])
}

/**
 * A VID that networks may use on this physical network and none does; 1, which switches like to use
 * untagged, is the last. @throws ModelError `vid_exhausted`
 */
export function allocateVid(draft: Draft, physical: PhysicalNetwork): number {
  const { id, vids, uuid } = physical
  const taken = (candidate: number): boolean =>
    !hasVid(vids, candidate) ||
    held(draft, 'networkByVid', vidValue(id, candidate)) ||
    isQuarantined(draft, { kind: 'vid', physicalNetwork: id, number: candidate })
  const start = Math.max(draft.counter(vidCounter(uuid)), vidRange.first) + 1
  const vid = firstFree(start, vidRange.last, taken) ?? firstFree(vidRange.first, start - 1, taken)
  if (vid === undefined) {
    const expected = 'more VIDs for the physical network, or networks to be deleted first'
    const facts = { pointer: '/vid', value: undefined, by: id, expected }
    throw new ModelError([problem('vid_exhausted', facts)])
  }
  draft.setCounter(vidCounter(uuid), vid)
  return vid
}

const vidCounter = (uuid: string): string => `vid.${uuid}`

/**
 * First bytes of given MAC addresses: locally administered, unicast; the rest is the number of the
 * port.
 */
const macPrefixes = [0x0257, 0x0657, 0x0a57, 0x0e57]

/**
 * A pure function of the port's number, unless a client took that very address, or takes it in the same commit
 * (`claimed`). Numbers are never given again, nor are these, in the whole site. @throws ModelError `mac_exhausted`
 */
export function allocateMac(
  view: View,
  network: string,
  portNumber: number,
  claimed: ReadonlySet<string>,
): string {
  for (const prefix of macPrefixes) {
    const mac = formatMac(prefix * 2 ** 32 + portNumber)
    const value = `${network} ${mac}`
    if (!claimed.has(value) && !held(view, 'portByMac', value)) return mac
  }
  throw new ModelError([
    problem('mac_exhausted', { pointer: '/mac', value: undefined, expected: 'a MAC of your own' }),
  ])
}

/** The counter of a subnet or a physical network goes with it. */
export function forgetCounters(draft: Draft, { uuid }: { readonly uuid: string }): void {
  for (const name of [addressCounter(uuid), vidCounter(uuid)])
    if (draft.counter(name) !== 0) draft.setCounter(name, undefined)
}

function firstFree(
  from: number,
  to: number,
  taken: (candidate: number) => boolean,
): number | undefined {
  for (let candidate = from; candidate <= to; candidate++) if (!taken(candidate)) return candidate
  return undefined
}

function held(
  view: View,
  index: 'networkByVni' | 'networkByVid' | 'portByMac' | 'physicalNetworkByNumber',
  value: string,
): boolean {
  for (const _ of view.find(index, value)) return true
  return false
}
