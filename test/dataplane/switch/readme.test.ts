import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ignored } from '../../../dataplane/switch/ignored.ts'

test('the README lists what the database takes and the switch does not do', () => {
  const readme = readFileSync(new URL('../../../dataplane/README.md', import.meta.url), 'utf8')
  const [, list = ''] =
    /<!-- generated from switch\/ignored\.ts.*-->\n((?:- .*\n)+)/.exec(readme) ?? []
  expect(list).toBe(ignored.map(([what]) => `- ${what}\n`).join(''))
})
