/**
 * Fuzzes the readers of ovs-ofctl's syntax: flows, matches, actions, groups and meters, broken by words.
 * Only TextError may come out; what is read is printed, read again and is the same.
 * Neighbours: engine.ts, ../southbound/openflow/text-values.ts (flows that make sense).
 */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { actionsPart } from '../../southbound/openflow/action.ts'
import { encodeFlow } from '../../southbound/openflow/flow.ts'
import { encodeGroup } from '../../southbound/openflow/group.ts'
import { encodeMatch, type Match } from '../../southbound/openflow/match.ts'
import { bandsPart } from '../../southbound/openflow/meter.ts'
import { fieldNames } from '../../southbound/openflow/oxm.ts'
import * as text from '../../southbound/openflow/text.ts'
import { actionTexts } from '../../southbound/openflow/text-action.ts'
import { formatGroup, parseGroup } from '../../southbound/openflow/text-group.ts'
import { formatMeter, parseMeter } from '../../southbound/openflow/text-meter.ts'
import { Writer } from '../../southbound/wire/writer.ts'
import { actionValues } from '../southbound/openflow/text-action-values.ts'
import { validMatches } from '../southbound/openflow/text-match-values.ts'
import { acceptedActions, acceptedFlows, flowOfKind } from '../southbound/openflow/text-values.ts'
import { valuesOf } from '../southbound/openflow/values.ts'
import { Counter, type Target } from './engine.ts'
import type { Random } from './random.ts'
import { phrases } from './text-phrases.ts'

const writer = new Writer(1024)
const bytesOf = (part: { write(writer: Writer, value: never): void }, value: unknown): string => {
  writer.length = 0
  part.write(writer, value as never)
  return Buffer.from(writer.copy()).toString('hex')
}
const flowBytes = (flow: Parameters<typeof encodeFlow>[0]) => {
  const { match, instructions } = encodeFlow(flow)
  return `${Buffer.from(match).toString('hex')} ${Buffer.from(instructions).toString('hex')}`
}
const meter = (value: ReturnType<typeof parseMeter>) =>
  `${value.meter_id} ${value.flags} ${bytesOf(bandsPart, value.bands)}`
const group = (value: ReturnType<typeof parseGroup>) =>
  `${value.group_type} ${Buffer.from(encodeGroup(value).buckets).toString('hex')}`

/** Each grammar: reads a text and prints it again; `bytes`: what two equal readings share. */
interface Grammar {
  readonly texts: fc.Arbitrary<string>
  parse(text: string): unknown
  bytes(value: never): string
  format(value: never): string
  /** Names of rows that a value holds. */
  rows(value: never): readonly string[]
}
const kinds = (list: readonly { kind: string }[]): string[] =>
  list.flatMap((one) => [
    `action ${one.kind}`,
    ...('actions' in one ? kinds(one.actions as readonly { kind: string }[]) : []),
  ])
const matchRows = (match: Match) => Object.keys(match).map((name) => `field ${name}`)
const grammars: Readonly<Record<string, Grammar>> = {
  flow: {
    texts: fc.oneof(
      fc.oneof(acceptedFlows, acceptedActions).map((flow) => text.formatFlow(flow)),
      ...(Object.keys(actionValues) as (keyof typeof actionValues)[]).map((kind) =>
        flowOfKind(kind).map((flow) => text.formatFlow(flow)),
      ),
    ),
    parse: text.parseFlow,
    bytes: flowBytes,
    format: text.formatFlow,
    rows: ({ match, instructions }: ReturnType<typeof text.parseFlow>) => [
      ...matchRows(match),
      ...instructions.map(({ kind }) => `instruction ${kind}`),
      ...kinds(instructions),
    ],
  },
  match: {
    texts: validMatches.map(text.formatMatch),
    parse: text.parseMatch,
    bytes: (match) => Buffer.from(encodeMatch(match)).toString('hex'),
    format: text.formatMatch,
    rows: matchRows,
  },
  actions: {
    texts: (valuesOf(actionsPart, 'actions') as fc.Arbitrary<never>).map(text.formatActions),
    parse: text.parseActions,
    bytes: (actions) => bytesOf(actionsPart, actions),
    format: text.formatActions,
    rows: kinds,
  },
  group: {
    texts: acceptedActions.map(({ instructions }) =>
      formatGroup({
        ...{ group_id: 3, group_type: 1 },
        buckets: kindsOf(instructions).map((actions) => ({
          ...{ weight: 2, watch_port: 0xffffffff, watch_group: 0xffffffff, actions },
        })),
      }),
    ),
    parse: parseGroup,
    bytes: group,
    format: formatGroup,
    rows: ({ buckets }: ReturnType<typeof parseGroup>) =>
      buckets.flatMap(({ actions }) => kinds(actions)),
  },
  meter: {
    texts: (valuesOf(bandsPart, 'bands') as fc.Arbitrary<never[]>)
      .filter((bands) => !bands.some(({ kind }) => kind === 'experimenter'))
      .map((bands) => formatMeter({ meter_id: 3, flags: 5, bands })),
    parse: parseMeter,
    bytes: meter,
    format: formatMeter,
    rows: ({ bands }: ReturnType<typeof parseMeter>) => bands.map(({ kind }) => `band ${kind}`),
  },
}
function kindsOf(instructions: ReturnType<typeof text.parseFlow>['instructions']) {
  return instructions.flatMap((one) => (one.kind === 'apply_actions' ? [one.actions] : []))
}

const words = [
  ...[
    '=',
    ':',
    ',',
    '(',
    ')',
    '->',
    '[',
    ']',
    '[]',
    '..',
    '/',
    ' ',
    '0x',
    '-1',
    '#',
    '\u0000',
    'é',
    '🦔',
  ],
  ...['18446744073709551616', '4294967296', '65536', '1e9', '00:00', '::', '1.2.3', 'ANY', 'drop'],
  ...[
    'actions=',
    'unknown(type=0x19,00)',
    'hex:',
    'normal',
    'table=',
    'resubmit(,)',
    '__proto__',
    'constructor',
  ],
  '('.repeat(2000),
  'clone('.repeat(40),
  '9'.repeat(400),
]
/** Words and marks of a text. */
const pieces = (one: string): string[] => one.match(/[\w.:]+|[^\w.:]/g) ?? []

function broken(random: Random, one: string, other: string): string {
  const list = pieces(one)
  const others = pieces(other)
  for (let n = random.below(3); n >= 0 && list.length > 0; n--) {
    const at = random.below(list.length)
    const way = random.below(7)
    if (way === 0) list.splice(at, 1)
    else if (way === 1) list.splice(at, 0, random.pick(words))
    else if (way === 2) list[at] = random.pick(words)
    else if (way === 3) list.length = at
    else if (way === 4)
      list.splice(at, random.below(4), ...others.slice(random.below(others.length + 1)))
    else if (way === 5) list[at] = list[at]!.slice(1 + random.below(2))
    else list[at] += random.pick(['0', '1', 'x', '/', 'ff'])
  }
  return list.join('')
}

/** None for the bytes of a peer that say what has no words, and are refused as text. */
function rowsOf(grammar: Grammar, one: string): readonly string[] {
  try {
    return grammar.rows(grammar.parse(one) as never)
  } catch (error) {
    if (error instanceof text.TextError) return []
    throw error
  }
}

const EACH = 3000
const known = [
  ...Object.keys(actionTexts).map((kind) => ['action', kind] as const),
  ...fieldNames.map((name) => ['field', name] as const),
]

export function textTarget(seed: number): Target {
  const decoded = new Counter()
  const refused = new Counter()
  const errors = new Counter()
  let material: (readonly [name: string, texts: readonly string[]])[] = []
  /** The last input, and the rows of the text that it was made from. */
  let last: readonly [input: string, rows: () => readonly string[]] = ['', () => []]
  const renew = (from: number) => {
    material = Object.entries(grammars).map(([name, { texts }]) => [
      name,
      fc.sample(texts, { seed: from, numRuns: EACH }),
    ])
  }
  renew(seed)

  return {
    renew,
    errors: errors.counts,
    /** An input is the name of its grammar, a line feed, the text. */
    passesHeader: (input) => /^\w+\n[^,=:(]*[\w)]/.test(Buffer.from(input).toString()),
    next(random) {
      const [name, texts] = random.pick(material)
      const one = random.pick(random.once(3) ? (phrases[name] ?? texts) : texts)
      const other = random.pick(random.pick(material)[1])
      const input = `${name}\n${random.once(6) ? one : broken(random, one, other)}`
      last = [input, () => rowsOf(grammars[name]!, one)]
      return new Uint8Array(Buffer.from(input))
    },
    run(input) {
      const whole = Buffer.from(input).toString()
      const [name = '', ...rest] = whole.split('\n')
      const grammar = grammars[name]
      if (!grammar) return false
      try {
        const value = grammar.parse(rest.join('\n')) as never
        const printed = grammar.format(value)
        const back = grammar.parse(printed) as never
        if (grammar.format(back) !== printed)
          throw new Error(`'${printed}' is read as something else`)
        if (grammar.bytes(back) !== grammar.bytes(value))
          throw new Error(`'${printed}' has other bytes`)
        for (const row of new Set(grammar.rows(value))) decoded.add(row)
        return true
      } catch (error) {
        if (!(error instanceof text.TextError)) throw error
        errors.addError(error)
        if (last[0] === whole) for (const row of last[1]()) refused.add(row)
        return false
      }
    },
    coverage: () =>
      known.map(([table, row]) => ({
        ...{ table, row, decoded: decoded.of(`${table} ${row}`) },
        ...{ refused: refused.of(`${table} ${row}`), refusable: true },
      })),
  }
}
