/**
 * Who may what, as one table. A route says what it needs; what is not in the row of a role is refused. To a principal of
 * one tenant every other tenant is `hidden`: the answer is that of a tenant that does not exist.
 *
 * Neighbours: principal.ts has the roles, northbound/ asks before it looks at anything.
 */
import type { Principal, Role } from './principal.ts'

/** What a route needs, each with what it lets one do. */
export const needs = {
  public: 'nothing: it says nothing of the site but its revision',
  'tenant:read': 'look at a tenant, its networks, subnets and ports, and at their events',
  'tenant:write': 'make, change and delete networks, subnets and ports of a tenant',
  'tenant:admin': 'read, make and end tokens of a tenant',
  'tenants:write': 'make, change and delete tenants',
  'infra:read': 'look at hosts, bridges, physical networks, all events, revisions and metrics',
  'infra:write': 'make, change and delete hosts, bridges and physical networks; apply to the site',
  'access:write': 'read, make and end tokens of the site',
} as const

export type Need = keyof typeof needs

/** `hidden`: as if it did not exist. */
export type Verdict = 'allowed' | 'forbidden' | 'hidden'

const ofReader: readonly Need[] = ['public', 'tenant:read']
const ofMember: readonly Need[] = [...ofReader, 'tenant:write']
const ofTenant: Readonly<Record<Exclude<Role, 'operator'>, ReadonlySet<Need>>> = {
  reader: new Set(ofReader),
  member: new Set(ofMember),
  admin: new Set([...ofMember, 'tenant:admin']),
}
const ofSite: Readonly<Partial<Record<Role, ReadonlySet<Need>>>> = {
  operator: new Set(Object.keys(needs) as Need[]),
  reader: new Set([...ofReader, 'infra:read']),
}

/** @param tenant that the path names; undefined: it names none */
export function verdict(
  { role, tenant: own }: Principal,
  need: Need,
  tenant: string | undefined,
): Verdict {
  if (own === undefined) return ofSite[role]?.has(need) ? 'allowed' : 'forbidden'
  if (tenant !== undefined && tenant !== own) return 'hidden'
  return role !== 'operator' && ofTenant[role].has(need) ? 'allowed' : 'forbidden'
}
