/**
 * A network from its spec: what each type has, what it is given, what it must not have. Neighbours:
 * resolve.ts, ipam.ts.
 */
import { type Problem, problem, refuse } from './errors.ts'
import { allocateVid, allocateVni, nextNumber } from './ipam.ts'
import type { Place, Unrevised } from './place.ts'
import { defaultMtuBytes } from './rules-mtu.ts'
import type { Network, Specs } from './schema.ts'

type Spec = Specs['network']
type Type = Network['type']

/** The types that have each property which not all have. */
const owners = {
  vni: ['vxlan'],
  vlanTransparent: ['vxlan'],
  extension: ['vxlan'],
  physicalNetwork: ['vlan', 'flat'],
  vid: ['vlan'],
} as const satisfies Partial<Record<keyof Spec, readonly Type[]>>

/** @throws ModelError `property_of_type`, `missing`, or when nothing is left to give */
export function resolveNetwork(spec: Spec, place: Place<'network'>): Unrevised<'network'> {
  const { parent, id, before, draft, uuid } = place
  const type = spec.type ?? 'vxlan'
  refuse(misfits(spec, type))
  // The type is fixed for life: check.ts says so, with nothing given that the other type would have.
  const head = {
    tenant: parent,
    id,
    uuid: before?.uuid ?? uuid(),
    number: before?.number ?? nextNumber(draft, 'network'),
  }
  const segment = segmentOf(spec, type, place)
  const mtuBytes =
    spec.mtuBytes ?? defaultMtuBytes({ ...head, ...segment } as Unrevised<'network'>, draft)
  // mtuBytes stands where it always stood, so that an object from before has the same JSON.
  const { vlanTransparent, extension, ...own } = segment as Record<string, unknown>
  return {
    ...head,
    ...own,
    mtuBytes,
    ...(vlanTransparent === undefined ? {} : { vlanTransparent }),
    ...(extension === undefined ? {} : { extension }),
  } as unknown as Unrevised<'network'>
}

function segmentOf(spec: Spec, type: Type, { before, draft }: Place<'network'>): object {
  if (type === 'flat') return { type, physicalNetwork: spec.physicalNetwork }
  if (type === 'vlan') {
    const physical = draft.get('physicalNetwork', `${spec.physicalNetwork}`)
    const vid = spec.vid ?? before?.vid ?? (physical ? allocateVid(draft, physical) : 0)
    return { type, physicalNetwork: spec.physicalNetwork, vid }
  }
  const { vlanTransparent, extension } = spec
  return {
    type,
    vni: spec.vni ?? before?.vni ?? allocateVni(draft),
    ...(vlanTransparent ? { vlanTransparent } : {}),
    ...(extension === undefined ? {} : { extension: Object.freeze({ ...extension }) }),
  }
}

function misfits(spec: Spec, type: Type): Problem[] {
  const problems: Problem[] = []
  for (const [field, types] of Object.entries(owners)) {
    const value = spec[field as keyof typeof owners]
    if (value === undefined || (types as readonly Type[]).includes(type)) continue
    const expected = `${field} left out, or type ${types.join(' or ')}`
    const facts = { pointer: `/${field}`, value, by: type, expected }
    problems.push(problem('property_of_type', facts))
  }
  if (type !== 'vxlan' && spec.physicalNetwork === undefined) {
    const expected = 'physicalNetwork, a string: the id of a physical network'
    problems.push(problem('missing', { pointer: '/physicalNetwork', value: undefined, expected }))
  }
  return problems
}
