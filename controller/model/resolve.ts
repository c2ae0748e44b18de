/**
 * From spec to object: defaults, what the model gives (ipam.ts), what stays. A property that the
 * client leaves out and the model once gave keeps its value, so that the same PUT twice changes
 * nothing.
 */
import { allocateAddress, allocateMac, allocateVni, nextNumber } from './ipam.ts'
import type { Collection, Objects, Specs } from './schema.ts'
import type { Draft } from './snapshot.ts'

export interface Place<C extends Collection> {
  readonly parent: string
  readonly id: string
  readonly before: Objects[C] | undefined
  readonly draft: Draft
  readonly uuid: () => string
}

/** Distributes, so that a union of collections is a union of objects. */
export type Unrevised<C extends Collection> = C extends Collection
  ? Omit<Objects[C], 'revision'>
  : never

type Resolve<C extends Collection> = (spec: Specs[C], place: Place<C>) => Unrevised<C>

/** Properties of an object always stand in the same order: equal objects have equal JSON. */
const resolvers: { readonly [C in Collection]: Resolve<C> } = {
  host: (spec, { id, before, uuid }) => ({
    id,
    uuid: before?.uuid ?? uuid(),
    kind: 'ovs',
    systemId: spec.systemId ?? id,
    vtepAddress: spec.vtepAddress,
    underlayMtuBytes: spec.underlayMtuBytes ?? 1500,
    ...(spec.certificateFingerprint === undefined
      ? {}
      : { certificateFingerprint: spec.certificateFingerprint.replaceAll(':', '').toLowerCase() }),
  }),
  bridge: (spec, { parent, id, before, uuid }) => ({
    host: parent,
    id,
    uuid: before?.uuid ?? uuid(),
    kind: 'ovs',
    uplinks: Object.freeze([...(spec.uplinks ?? [])]),
    ...(spec.mtuBytes === undefined ? {} : { mtuBytes: spec.mtuBytes }),
  }),
  tenant: (_, { id, before, uuid }) => ({ id, uuid: before?.uuid ?? uuid() }),
  network: (spec, { parent, id, before, draft, uuid }) => ({
    tenant: parent,
    id,
    uuid: before?.uuid ?? uuid(),
    number: before?.number ?? nextNumber(draft, 'network'),
    type: 'vxlan',
    vni: spec.vni ?? before?.vni ?? allocateVni(draft),
    mtuBytes: spec.mtuBytes ?? 1450,
  }),
  subnet: (spec, { parent, id, before, uuid }) => ({
    tenant: parent,
    id,
    uuid: before?.uuid ?? uuid(),
    network: spec.network,
    cidr: spec.cidr,
  }),
  port: resolvePort,
  binding: (spec, { id }) => ({ port: id, hostId: spec.hostId, ofport: spec.ofport }),
}

function resolvePort(
  spec: Specs['port'],
  { parent, id, before, draft, uuid }: Place<'port'>,
): Unrevised<'port'> {
  const network = `${parent}/${spec.network}`
  const number = before?.number ?? nextNumber(draft, 'port')
  return {
    tenant: parent,
    id,
    uuid: before?.uuid ?? uuid(),
    number,
    network: spec.network,
    mac: spec.mac?.toLowerCase() ?? before?.mac ?? allocateMac(draft, network, number),
    addresses: Object.freeze(spec.addresses?.slice() ?? before?.addresses ?? given(draft, network)),
    ...(spec.hostId === undefined ? {} : { hostId: spec.hostId }),
    ...(spec.ofport === undefined ? {} : { ofport: spec.ofport }),
  }
}

function given(draft: Draft, network: string): string[] {
  const address = allocateAddress(draft, network)
  return address === undefined ? [] : [address]
}

/** @throws ModelError when nothing is left to give. */
export function resolve<C extends Collection>(
  collection: C,
  spec: Specs[C],
  place: Place<C>,
): Unrevised<C> {
  return resolvers[collection](spec, place)
}

/**
 * Whether resolving takes from a pool that explicit values of other edits must be taken out of
 * first.
 */
export function allocates(collection: Collection, spec: Specs[Collection]): boolean {
  if (collection === 'network') return (spec as Specs['network']).vni === undefined
  if (collection === 'port') return (spec as Specs['port']).addresses === undefined
  return false
}

/** Two frozen objects but for the revision. Properties are scalars or arrays of them. */
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
  return a === b
}
