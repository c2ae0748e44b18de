import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { dropReasons } from '../../dataplane/packet/drop.ts'

test('the table of drop reasons in the README is the one of the code', () => {
  const readme = readFileSync(new URL('../../dataplane/README.md', import.meta.url), 'utf8')
  const rows = [...readme.matchAll(/^\| `([a-z0-9_]+)` \| (.*) \|$/gm)].map(([, k, v]) => [k, v])
  expect(Object.fromEntries(rows)).toEqual(dropReasons)
})
