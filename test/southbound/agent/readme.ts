/** Blocks of southbound/agent/README.md that are generated: compared, or written with WEFT_WRITE_DOCS=1. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'

const url = new URL('../../../southbound/agent/README.md', import.meta.url)

export function generated(name: string, lines: readonly string[]): void {
  const text = readFileSync(url, 'utf8')
  const block = new RegExp(`(<!-- generated: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`)
  expect(text).toMatch(block)
  const wanted = text.replace(
    block,
    (_, begin: string, end: string) => `${begin}${lines.join('\n')}\n${end}`,
  )
  if (process.env.WEFT_WRITE_DOCS) writeFileSync(url, wanted)
  else expect(text).toBe(wanted)
}
