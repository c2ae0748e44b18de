/** Pictures and the published schema are generated: `WEFT_WRITE_DOCS=1 npx vitest run test/docs` writes them, without it they are compared. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { publishedSchema } from '../../controller/model/document-schema.ts'
import { generateDocument } from '../../topologies/generate.ts'
import { drawTopology } from '../../topologies/picture/draw.ts'

const folder = new URL('../../topologies/', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, folder), 'utf8')
const write = (path: string, text: string): void => {
  if (process.env.WEFT_WRITE_DOCS) writeFileSync(new URL(path, folder), text)
}
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length))

test.each(names)('the picture of %s is of the document, and the README shows it', (name) => {
  const picture = drawTopology(parseDocument(read(`${name}.yaml`), `${name}.yaml`))
  write(`pictures/${name}.svg`, picture)
  expect(read(`pictures/${name}.svg`)).toBe(picture)
  expect(read('README.md')).toContain(`](pictures/${name}.svg)`)
})

test('the picture of a large site is of what the README says to type', () => {
  const [, hosts, tenants] =
    /lab generate --hosts (\d+) --tenants (\d+) > large\.yaml/.exec(read('README.md')) ?? []
  const rest = { networks: 1, ports: 10, spread: 20, mtuBytes: 1500, seed: 1 }
  const large = generateDocument({ hosts: Number(hosts), tenants: Number(tenants), ...rest })
  const picture = drawTopology(parseDocument(large, 'large.yaml'))
  write('pictures/large.svg', picture)
  expect(read('pictures/large.svg')).toBe(picture)
  expect(read('README.md')).toContain('](pictures/large.svg)')
})

test('schema.json is what documents are held against, and every document names it', () => {
  write('schema.json', `${JSON.stringify(publishedSchema, undefined, 2)}\n`)
  expect(JSON.parse(read('schema.json'))).toEqual(JSON.parse(JSON.stringify(publishedSchema)))
  for (const name of names)
    expect(read(`${name}.yaml`), name).toMatch(/^# yaml-language-server: \$schema=schema\.json\n/)
})
