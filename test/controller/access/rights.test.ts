/** Who may what: the expected answers stand here by hand, role × need × whose tenant. */
import { expect, test } from 'vitest'
import type { Principal } from '../../../controller/access/principal.ts'
import { type Need, needs, type Verdict, verdict } from '../../../controller/access/rights.ts'

const who = {
  operator: { subject: 'o', role: 'operator' },
  'site reader': { subject: 's', role: 'reader' },
  admin: { subject: 'a', role: 'admin', tenant: 'acme' },
  member: { subject: 'm', role: 'member', tenant: 'acme' },
  reader: { subject: 'r', role: 'reader', tenant: 'acme' },
} as const satisfies Record<string, Principal>

const [A, F, H] = ['allowed', 'forbidden', 'hidden'] as const
type Five = readonly [Verdict, Verdict, Verdict, Verdict, Verdict]

/** In the order of `who`: at the tenant's own path, or at a path of no tenant. */
const own: Readonly<Record<Need, Five>> = {
  public: [A, A, A, A, A],
  'tenant:read': [A, A, A, A, A],
  'tenant:write': [A, F, A, A, F],
  'tenant:admin': [A, F, A, F, F],
  'tenants:write': [A, F, F, F, F],
  'infra:read': [A, A, F, F, F],
  'infra:write': [A, F, F, F, F],
  'access:write': [A, F, F, F, F],
}
/** At a path of another tenant. */
const foreign: Readonly<Record<Need, Five>> = {
  public: [A, A, H, H, H],
  'tenant:read': [A, A, H, H, H],
  'tenant:write': [A, F, H, H, H],
  'tenant:admin': [A, F, H, H, H],
  'tenants:write': [A, F, H, H, H],
  'infra:read': [A, A, H, H, H],
  'infra:write': [A, F, H, H, H],
  'access:write': [A, F, H, H, H],
}

const paths = [
  ['its own tenant', 'acme', own],
  ['no tenant', undefined, own],
  ['another tenant', 'globex', foreign],
] as const

for (const [path, tenant, table] of paths) {
  for (const need of Object.keys(needs) as Need[]) {
    test(`${need} at ${path}`, () => {
      const verdicts = Object.values(who).map((principal) => verdict(principal, need, tenant))
      expect(verdicts).toEqual(table[need])
    })
  }
}
