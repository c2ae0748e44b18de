/** Documents as JSON, and documents made to keep the controller busy. */
import { expect, test } from 'vitest'
import { type DocumentError, parseEdits } from '../../../controller/model/document-edits.ts'
import { parseJsonText } from '../../../controller/model/json-text.ts'
import { parseYaml } from '../../../controller/model/yaml.ts'
import { problemsOf, put } from './site.ts'

const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`

test('JSON is read as the YAML that it is', () => {
  const text =
    '{"tenants": {"acme": {"labels": {"\\u0061": "\\"b\\":", "c": "1.0e3"}}}, "n": [1e3, -0.5, null]}'
  expect(parseJsonText(text)).toEqual({ value: parseYaml(`# YAML\n${text}`).value })
})

test.each([
  ['a key twice', '{"a": 1, "b": {"a": 1}, "a": 2}'],
  ['a key twice, once spelled out', '{"ab": 1, "a\\u0062": 2}'],
  ['nesting without end', deep(64)],
  ['no object', '[{"a": 1}]'],
  ['no JSON', '{a: 1}'],
])('what is not plain is left to YAML: %s', (_, text) => {
  expect(parseJsonText(text)).toBeUndefined()
})

test('a refusal has its line in JSON too', () => {
  const refused = (text: string) => {
    try {
      return parseEdits(text, 'site.json')
    } catch (error) {
      return (error as DocumentError).message
    }
  }
  expect(refused('{\n  "tenants": {\n    "acme": { "quotas": 1 }\n  }\n}')).toMatch(
    /^site.json:3:15: /,
  )
  expect(refused('{"hosts": {},\n "hosts": {}}')).toMatch(/^site.json:2:2: .*hosts is there twice/)
  expect(refused('? [a]\n: 1')).toMatch(/a key is a text/)
})

test('who makes one mistake ten thousand times is told of it a hundred times', () => {
  const many = Array.from({ length: 10_000 }, (_, at) =>
    put('port', `acme/p${at}`, { network: `n${at}` }),
  )
  expect(problemsOf(...many).map(({ type }) => type)).toEqual(Array(100).fill('unknown_reference'))
})

test('a network has 256 subnets, which keeps what is held against each of them small', () => {
  const many = Array.from({ length: 400 }, (_, at) =>
    put('subnet', `acme/s${at}`, { network: 'web', cidr: `10.${1 + (at >> 6)}.${at & 63}.0/24` }),
  )
  expect(problemsOf(...many.slice(0, 255))).toEqual([])
  const [first, ...others] = problemsOf(...many)
  expect(first).toMatchObject({ type: 'subnets_exhausted', key: 'acme/s255', pointer: '/network' })
  expect(others.length).toBeLessThan(150)
})

test('what many keys of one map cost grows with the keys, not with their square', () => {
  const cost = (keys: number): number => {
    const text = Array.from({ length: keys }, (_, at) => `k${at}: 1\n`).join('')
    const before = process.cpuUsage()
    parseYaml(text)
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  cost(2000)
  // Of the square it would be 256.
  expect(cost(32_000) / cost(2000)).toBeLessThan(100)
})
