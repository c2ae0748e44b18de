import { expect, test } from 'vitest'
import { aclRules } from '../../../southbound/agent/iproute2/acl.ts'
import { aclCases, entryOf, invalidAclCases } from './acl-cases.ts'

test.each(aclCases.map(([name, columns, ...matches]) => ({ name, columns, matches })))(
  'an ACL_entry with $name is matched by nftables',
  ({ columns, matches }) => {
    expect(aclRules(entryOf(columns))).toEqual({ matches })
  },
)

test.each(invalidAclCases)('an ACL_entry with %s cannot be matched', (_name, columns, invalid) => {
  expect(aclRules(entryOf(columns))).toEqual({ invalid })
})
