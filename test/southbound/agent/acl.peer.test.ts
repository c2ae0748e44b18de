import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { aclRules } from '../../../southbound/agent/iproute2/acl.ts'
import { needs } from '../../needs.ts'
import { aclCases, entryOf } from './acl-cases.ts'

describe('nft', needs('root', 'netns', 'nft'), () => {
  test('takes every rule that an ACL entry becomes', () => {
    const rules = aclCases.flatMap(([, columns]) => {
      const made = [aclRules(entryOf(columns)), aclRules(entryOf(columns), [1, 2])]
      return made.flatMap((one) => ('matches' in one ? one.matches : []))
    })
    const input = ['add table bridge t', 'add chain bridge t c']
    for (const rule of rules) input.push(`add rule bridge t c ${rule} accept`)
    const script = 'nft -f - && nft -j list chain bridge t c'
    const listed = execFileSync('unshare', ['--net', 'sh', '-c', script], {
      input: `${input.join('\n')}\n`,
      encoding: 'utf8',
    })
    expect(listed.split('"rule"')).toHaveLength(rules.length + 1)
  })
})
