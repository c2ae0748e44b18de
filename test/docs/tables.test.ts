/** Tables in READMEs are generated: `WEFT_WRITE_DOCS=1 npx vitest run test/docs` writes them, without it they are compared. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { dropReasons } from '../../controller/compiler/reason.ts'
import { table } from '../../controller/compiler/stages.ts'
import { eventTypes } from '../../controller/reconciler/events.ts'

type Rows = readonly (readonly (string | number)[])[]

/** file -> title -> heading and rows. */
const documents: Record<string, Record<string, { heading: readonly string[]; rows: Rows }>> = {
  'controller/README.md': {
    stages: { heading: ['stage', 'table'], rows: Object.entries(table) },
    'drop reasons': {
      heading: ['reason', 'code', 'the frame is dropped because'],
      rows: Object.entries(dropReasons).map(([name, [code, sentence]]) => [name, code, sentence]),
    },
    events: { heading: ['event', 'says'], rows: Object.entries(eventTypes) },
  },
}

for (const [file, tables] of Object.entries(documents)) {
  test(`the generated tables of ${file} are what the code says`, () => {
    const url = new URL(`../../${file}`, import.meta.url)
    const text = readFileSync(url, 'utf8')
    let wanted = text
    for (const [title, { heading, rows }] of Object.entries(tables)) {
      const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
      const rule = `|${'---|'.repeat(heading.length)}`
      const body = [line(heading), rule, ...rows.map(line)].join('\n')
      const block = new RegExp(`(<!-- generated: ${title} -->\n)[^]*?(<!-- end -->)`)
      expect(text, `${file} has a place for ${title}`).toMatch(block)
      wanted = wanted.replace(block, (_, begin: string, end: string) => `${begin}${body}\n${end}`)
    }
    if (process.env.WEFT_WRITE_DOCS) writeFileSync(url, wanted)
    else expect(text).toBe(wanted)
  })
}
