/**
 * From spec to object: defaults, what the model gives (ipam.ts), what stays. A property that the
 * client leaves out and the model once gave keeps its value, so that the same PUT twice changes
 * nothing.
 */
import { checkRoomForSubnet, followMac, giveAddresses } from './address-pool.ts'
import { canonicalRange } from './address-ranges.ts'
import { canonicalCidr } from './cidr.ts'
import { canonicalAddress } from './ip-address.ts'
import { allocateMac, allocatePhysicalNumber, nextNumber } from './ipam.ts'
import type { Place, Resolve, Unrevised } from './place.ts'
import { resolveNetwork } from './resolve-network.ts'
import { bridgeKinds } from './rules-segment.ts'
import type { Collection, Objects, Specs } from './schema.ts'

/** Properties of an object always stand in the same order: equal objects have equal JSON. */
const resolvers: { readonly [C in Collection]: Resolve<C> } = {
  physicalNetwork: (spec, { id, before, draft, uuid }) => ({
    id,
    uuid: before?.uuid ?? uuid(),
    number: before?.number ?? allocatePhysicalNumber(draft),
    mtuBytes: spec.mtuBytes ?? 1500,
    vids: Object.freeze([...(spec.vids ?? ['1-4094'])]),
  }),
  vniPool: ({ vnis }, { id, before, uuid }) => ({
    id,
    uuid: before?.uuid ?? uuid(),
    vnis: Object.freeze([...vnis]),
  }),
  host: (spec, { id, before, uuid }) => ({
    id,
    uuid: before?.uuid ?? uuid(),
    kind: spec.kind ?? 'ovs',
    systemId: spec.systemId ?? id,
    vtepAddress: canonicalAddress(spec.vtepAddress),
    underlayMtuBytes: spec.underlayMtuBytes ?? 1500,
    ...(spec.alternateVtepAddress === undefined
      ? {}
      : { alternateVtepAddress: canonicalAddress(spec.alternateVtepAddress) }),
    ...(spec.certificateFingerprint === undefined
      ? {}
      : { certificateFingerprint: spec.certificateFingerprint.replaceAll(':', '').toLowerCase() }),
    ...given('draining', spec.draining),
    ...given('adopt', spec.adopt),
  }),
  bridge: (spec, { parent, id, before, draft, uuid }) => ({
    host: parent,
    id,
    uuid: before?.uuid ?? uuid(),
    kind: spec.kind ?? bridgeKinds[draft.get('host', parent)?.kind ?? 'ovs'],
    uplinks: Object.freeze([...(spec.uplinks ?? [])]),
    ...(spec.vids === undefined ? {} : { vids: Object.freeze([...spec.vids]) }),
    ...given('mtuBytes', spec.mtuBytes),
    ...given('physicalNetwork', spec.physicalNetwork),
  }),
  tenant: ({ quota }, { id, before, uuid }) => ({
    id,
    uuid: before?.uuid ?? uuid(),
    ...given('quota', quota && Object.freeze({ ...quota })),
  }),
  network: resolveNetwork,
  subnet: (spec, { parent, id, before, draft, uuid }) => {
    if (!before) checkRoomForSubnet(draft, `${parent}/${spec.network}`)
    return {
      tenant: parent,
      id,
      uuid: before?.uuid ?? uuid(),
      network: spec.network,
      cidr: canonicalCidr(spec.cidr),
      ...given('allocation', spec.allocation),
      ...given('allocationRanges', canonicalRanges(spec.allocationRanges)),
      ...given('reserved', canonicalRanges(spec.reserved)),
    }
  },
  port: resolvePort,
  token: (spec, { parent, id, before, uuid }) => ({
    tenant: parent,
    id,
    uuid: before?.uuid ?? uuid(),
    role: spec.role,
    ...secretOf(spec),
  }),
  siteToken: (spec, { id, before, uuid }) => ({
    id,
    uuid: before?.uuid ?? uuid(),
    role: spec.role,
    ...secretOf(spec),
  }),
  binding: (spec, { id }) => {
    const { hostId, ofport } = spec
    if (ofport !== undefined) return { port: id, hostId, ofport }
    return { port: id, hostId, interface: spec.interface, vid: spec.vid }
  },
  carrier: (_, { id }) => {
    const [network = '', hostId = ''] = id.split(' ')
    return { network, hostId }
  },
  quarantined: ({ holders }, { before }) => ({
    ...(before as Objects['quarantined']),
    holders: Object.freeze([...holders]),
  }),
}

function resolvePort(
  spec: Specs['port'],
  { parent, id, before, draft, uuid, claimedMacs }: Place<'port'>,
): Unrevised<'port'> {
  const network = `${parent}/${spec.network}`
  const number = before?.number ?? nextNumber(draft, 'port')
  const mac =
    spec.mac?.toLowerCase() ?? before?.mac ?? allocateMac(draft, network, number, claimedMacs)
  const addresses =
    spec.addresses?.map(canonicalAddress) ??
    (before && followMac(draft, network, before.addresses, { before: before.mac, now: mac })) ??
    giveAddresses(draft, network, mac)
  return {
    tenant: parent,
    id,
    uuid: before?.uuid ?? uuid(),
    number,
    network: spec.network,
    mac,
    addresses: Object.freeze([...new Set(addresses)]),
    ...given('hostId', spec.hostId),
    ...given('ofport', spec.ofport),
    ...given('interface', spec.interface),
    ...given('parent', spec.parent),
    ...given('vid', spec.vid),
  }
}

/** What a token lets in by, until when. */
function secretOf({ sha256, expires, description }: Specs['token'] | Specs['siteToken']) {
  return { sha256, ...given('expires', expires), ...given('description', description) }
}

/** A property that is there only when the client gave it. */
function given<K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: V }
}

const canonicalRanges = (ranges: readonly string[] | undefined) =>
  ranges && Object.freeze(ranges.map(canonicalRange))

/** @throws ModelError when nothing is left to give. */
export function resolve<C extends Collection>(
  collection: C,
  spec: Specs[C],
  place: Place<C>,
): Unrevised<C> {
  const fields = resolvers[collection](spec, place)
  const { labels } = spec as { readonly labels?: Readonly<Record<string, string>> }
  if (labels === undefined) return fields
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return { ...fields, labels: Object.freeze(Object.fromEntries(sorted)) }
}

/**
 * Whether resolving takes from a pool that explicit values of other edits must be taken out of
 * first.
 */
export function allocates(collection: Collection, spec: Specs[Collection]): boolean {
  if (collection === 'network') return allocatesSegment(spec as Specs['network'])
  if (collection === 'port') return (spec as Specs['port']).addresses === undefined
  return false
}

/** A VLAN network goes after all that says its VID; a VXLAN network with an extension says it. */
function allocatesSegment({ type = 'vxlan', vni, vid, extension }: Specs['network']): boolean {
  if (type === 'vlan') return vid === undefined
  return type === 'vxlan' && vni === undefined && extension === undefined
}

/** Two frozen objects but for the revision. Properties are scalars, arrays of them, or such objects. */
export function sameObject(a: object, b: object): boolean {
  const one = a as Record<string, unknown>
  const other = b as Record<string, unknown>
  for (const field of new Set([...Object.keys(one), ...Object.keys(other)])) {
    if (field !== 'revision' && !sameValue(one[field], other[field])) return false
  }
  return true
}

function sameValue(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((each, at) => each === b[at])
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  return !Array.isArray(a) && !Array.isArray(b) && sameObject(a, b)
}
