/**
 * What the model gives where the client leaves it out: numbers, VNIs, MAC addresses, IP addresses.
 * Everything moves forward: the counters are part of the revision, so that what was freed a moment
 * ago is the last to be given again, and a restarted controller goes on where it stopped.
 */
import { formatIpv4, formatMac } from '../../southbound/wire/address.ts'
import { subnetRange } from './cidr.ts'
import { ModelError, problem } from './errors.ts'
import { addressValue, entryBounds, entryValue, sortable, vidValue } from './indexes.ts'
import { isQuarantined } from './quarantine.ts'
import type { PhysicalNetwork, Subnet } from './schema.ts'
import type { Draft, View } from './snapshot.ts'
import { lastPhysicalNumber, vidRange, vniPool } from './values.ts'
import { hasVid } from './vids.ts'

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

/** @throws ModelError `vni_exhausted` */
export function allocateVni(draft: Draft): number {
  const last = draft.counter('vni')
  const start = last === 0 || last >= vniPool.last ? vniPool.first : last + 1
  const taken = (number: number): boolean =>
    held(draft, 'networkByVni', sortable(number)) || isQuarantined(draft, { kind: 'vni', number })
  const vni = firstFree(start, vniPool.last, taken) ?? firstFree(vniPool.first, start - 1, taken)
  if (vni === undefined) {
    throw new ModelError([
      problem('vni_exhausted', {
        pointer: '/vni',
        value: undefined,
        expected: 'a VNI of your own',
      }),
    ])
  }
  draft.setCounter('vni', vni)
  return vni
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
 * A pure function of the port's number, unless a client took that very address. @throws ModelError
 * `mac_exhausted`
 */
export function allocateMac(view: View, network: string, portNumber: number): string {
  for (const prefix of macPrefixes) {
    const mac = formatMac(prefix * 2 ** 32 + portNumber)
    if (!held(view, 'portByMac', `${network} ${mac}`)) return mac
  }
  throw new ModelError([
    problem('mac_exhausted', { pointer: '/mac', value: undefined, expected: 'a MAC of your own' }),
  ])
}

export function subnetsOf(view: View, network: string): Subnet[] {
  return [...view.find('subnetByNetwork', network)].map((key) => view.get('subnet', key) as Subnet)
}

/**
 * The next free address of the first subnet that has one; undefined when the network has no subnet.
 * The network address, the broadcast address and the first address (a gateway's) are never given.
 * @throws ModelError `subnet_full`
 */
export function allocateAddress(draft: Draft, network: string): string | undefined {
  const subnets = subnetsOf(draft, network)
  for (const subnet of subnets) {
    const { first, last } = subnetRange(subnet)
    const [low, high] = [first + 2, last - 1]
    const name = `subnet.${subnet.uuid}`
    const next = draft.counter(name) + 1
    const start = next > low && next <= high ? next : low
    const address = gap(draft, network, start, high) ?? gap(draft, network, low, start - 1)
    if (address === undefined) continue
    draft.setCounter(name, address)
    return formatIpv4(address)
  }
  if (subnets.length === 0) return undefined
  throw new ModelError([
    problem('subnet_full', {
      pointer: '/addresses',
      value: network,
      expected: 'another subnet, or ports to be deleted first',
    }),
  ])
}

/** The counter of a subnet or a physical network goes with it. */
export function forgetCounters(draft: Draft, { uuid }: { readonly uuid: string }): void {
  for (const name of [`subnet.${uuid}`, vidCounter(uuid)])
    if (draft.counter(name) !== 0) draft.setCounter(name, undefined)
}

/**
 * The first address from `low` to `high` that no port of the network has, by walking the taken ones
 * in order.
 */
function gap(view: View, network: string, low: number, high: number): number | undefined {
  if (low > high) return undefined
  const from = entryBounds(addressValue(network, low))[0]
  const to = entryBounds(addressValue(network, high))[1]
  let free = low
  for (const [entry] of view.index('portByAddress').range(from, to)) {
    if (entryValue(entry) !== addressValue(network, free)) return free
    free++
  }
  return free <= high ? free : undefined
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
