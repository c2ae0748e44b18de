/**
 * The table in dataplane/README.md of what of OpenFlow 1.3 is supported:
 * `WEFT_WRITE_DOCS=1 npx vitest run test/dataplane/openflow/supported.test.ts` writes it, without
 * it the table is compared. Every row names a test that exists.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cases } from './cases/all.ts'
import { supported } from './supported.ts'

const folder = new URL('../', import.meta.url)

test('every row of OpenFlow 1.3 is shown by a test or says why there is none', () => {
  expect(supported.filter(({ shown }) => shown === '')).toEqual([])
  const known = new Map<string, string>()
  const textOf = (file: string) => {
    const text = known.get(file) ?? readFileSync(new URL(file, folder), 'utf8')
    known.set(file, text)
    return text
  }
  const inCases = new Set(Object.values(cases).flatMap((table) => Object.keys(table)))
  for (const { kind, name, shown } of supported) {
    if (shown.startsWith('- ')) continue
    const at = shown.indexOf(': ')
    const [file, title] = [shown.slice(0, at), shown.slice(at + 2)]
    const row = `${kind} ${name}`
    if (file === 'openflow/answers.test.ts') expect([...inCases], row).toContain(title)
    else if (file === 'openflow/fields.test.ts')
      expect(textOf(file), row).toMatch(new RegExp(`\\[\\s*'${name}'`))
    // The names of those come out of the case files, and are found in them by supported.ts.
    else if (file !== 'actions.test.ts') expect(textOf(file), row).toContain(title)
  }
})

test('the table of what is supported in the README is what the tests show', () => {
  const url = new URL('../../../dataplane/README.md', import.meta.url)
  const text = readFileSync(url, 'utf8')
  const cell = (shown: string) =>
    shown.startsWith('- ') ? shown.slice(2) : shown.replace(/^([^:]+): (.*)$/, '`$1`: $2')
  const lines = supported.map(
    ({ kind, name, shown }) => `| ${kind} | \`${name}\` | ${cell(shown)} |`,
  )
  const body = ['| what | name | shown by (in test/dataplane) |', '|---|---|---|', ...lines].join(
    '\n',
  )
  const block = /(<!-- generated: OpenFlow 1\.3 -->\n)[\s\S]*?(<!-- end -->)/
  expect(text).toMatch(block)
  const wanted = text.replace(block, (_, begin: string, end: string) => `${begin}${body}\n${end}`)
  if (process.env.WEFT_WRITE_DOCS) writeFileSync(url, wanted)
  else expect(text).toBe(wanted)
})
