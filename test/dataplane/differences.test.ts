import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { known } from '../fuzz/switch/known.ts'
import { mutations } from '../fuzz/switch/mutation-rows.ts'

test('the README lists every difference to Open vSwitch that the fuzzer takes as known', () => {
  const readme = readFileSync(new URL('../../dataplane/README.md', import.meta.url), 'utf8')
  const rows = Object.entries(known).map(
    ([name, { what, why }]) => `| ${name} | ${what} | ${why} |`,
  )
  const table = ['| name | Open vSwitch 3.1 | the specification |', '|---|---|---|', ...rows]
  expect(readme).toContain(table.join('\n'))
})

test.each(Object.entries(mutations))(
  'the seeded bug "%s" has one place in the code',
  (_, { file, find }) => {
    const code = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    expect(code.split(find)).toHaveLength(2)
  },
)
