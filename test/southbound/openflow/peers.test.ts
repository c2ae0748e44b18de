/**
 * Every message, action and field that we encode, put before Open vSwitch and os-ken. The examples
 * in peers/ say what they must make of it; the tables in the README are made of the same examples:
 * `WEFT_WRITE_DOCS=1 npx vitest run test/southbound/openflow/peers.test.ts` writes them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Action, actionRows } from '../../../southbound/openflow/action.ts'
import type { FlowBytes } from '../../../southbound/openflow/flow.ts'
import { encodeInstructions } from '../../../southbound/openflow/instruction.ts'
import { encodeMatch } from '../../../southbound/openflow/match.ts'
import { decode, encode, flowMod } from '../../../southbound/openflow/message.ts'
import { messageRows } from '../../../southbound/openflow/message-rows.ts'
import { bandRows } from '../../../southbound/openflow/meter.ts'
import { multipartRows } from '../../../southbound/openflow/multipart.ts'
import { type FieldName, fieldNames } from '../../../southbound/openflow/oxm.ts'
import { queueProperties } from '../../../southbound/openflow/queue.ts'
import { tableFeatureProperties } from '../../../southbound/openflow/table-features.ts'
import { needs } from '../../needs.ts'
import { actionExamples } from './peers/actions.ts'
import { type Example, osKenMatch } from './peers/example.ts'
import { fieldExamples, maskNotPrinted, refusedByOvs, unknownToOsKen } from './peers/fields.ts'
import { messageExamples } from './peers/messages.ts'
import { multipartExamples } from './peers/multiparts.ts'
import { ofpParse } from './peers/ofp-parse.ts'
import { contradiction, type OsKen, startOsKen } from './peers/os-ken.ts'

/** That of the message in the example of bundle_add: both must have the same. */
const XID = 5
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const side = ({ message }: Example) => (message.type === 'multipart_request' ? 'request' : 'reply')
const examples: readonly (readonly [name: string, Example])[] = [
  ...Object.entries(messageExamples).flatMap(([name, all]) =>
    all.map((one) => [name, one] as const),
  ),
  ...Object.entries(multipartExamples).flatMap(([name, all]) =>
    all.map((one) => [`multipart ${name} ${side(one)}`, one] as const),
  ),
]
const bytesOf = ({ message }: Example) => encode({ xid: XID, ...message })
const emptyFlow: FlowBytes = {
  table_id: 0,
  priority: 1,
  cookie: 0n,
  match: new Uint8Array(0),
  instructions: new Uint8Array(0),
}
/** The same in os-ken's form. */
const osKenFlow = (match: object, instructions: readonly object[]) => ({
  OFPFlowMod: {
    ...{ cookie: 0, cookie_mask: 0, table_id: 0, command: 0, idle_timeout: 0, hard_timeout: 0 },
    ...{ priority: 1, buffer_id: 0xffffffff, out_port: 0xffffffff, out_group: 0xffffffff },
    ...{ flags: 0, match, instructions },
  },
})
const flow = (parts: Partial<FlowBytes>) =>
  encode({ xid: XID, ...flowMod('add', { ...emptyFlow, ...parts }) })

/** An action and those inside it. */
const kindsIn = (action: Action): readonly string[] =>
  'actions' in action ? [action.kind, ...action.actions.flatMap(kindsIn)] : [action.kind]

const messageNames = Object.keys(messageRows).filter((name) => !name.startsWith('multipart_'))

test('every row has an example', () => {
  const missing = (rows: object, there: readonly string[]) =>
    Object.keys(rows).filter((name) => !there.includes(name))
  expect(messageNames.filter((name) => !messageExamples[name])).toEqual([])
  for (const type of ['request', 'reply']) {
    const there = Object.entries(multipartExamples)
      .filter(([, all]) => all.some((one) => side(one) === type))
      .map(([name]) => name)
    expect(missing(multipartRows, there), type).toEqual([])
  }
  expect(
    missing(
      actionRows,
      actionExamples.flatMap(({ action }) => kindsIn(action)),
    ),
  ).toEqual([])
  expect(new Set(fieldExamples.map(({ field }) => field.name))).toEqual(new Set(fieldNames))
  const kinds = new Set<string>()
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
    if ('kind' in value) kinds.add(String(value.kind))
    Object.values(value).forEach(look)
  }
  for (const [, { message }] of examples) look(message)
  const inside = { ...bandRows, ...queueProperties, ...tableFeatureProperties }
  expect(missing(inside, [...kinds, 'experimenter_miss'])).toEqual([])
})

test.each(examples)('%s decodes to the value that was encoded', (_name, example) => {
  const wire = bytesOf(example)
  expect(decode(wire)).toEqual({ xid: XID, ...example.message, ...more(example) })
})
const more = ({ message }: Example) =>
  message.type.startsWith('multipart') ? { more: false } : undefined

describe('ovs-ofctl', needs('ovs'), () => {
  test('reads every message as we mean it', async () => {
    const text = await ofpParse(examples.map(([, one]) => bytesOf(one)))
    expect(text).toHaveLength(examples.length)
    for (const [i, [name, { prints }]] of examples.entries()) {
      for (const fact of prints) expect(text[i], name).toContain(fact)
    }
  })

  test('reads every action as we mean it', async () => {
    const packetOut = { type: 'packet_out', buffer_id: 0xffffffff, in_port: 1 } as const
    const text = await ofpParse(
      actionExamples.map(({ action }) =>
        encode({ ...packetOut, xid: XID, actions: [action], data: new Uint8Array(0) }),
      ),
    )
    for (const [i, { action, prints }] of actionExamples.entries()) {
      const wanted = prints.startsWith('OFP') ? prints : `actions=${prints} data_len=0`
      expect(text[i], action.kind).toContain(wanted)
    }
  })

  test('reads a match on every field, exact and masked, as we mean it', async () => {
    const text = await ofpParse(
      fieldExamples.map(({ match }) => flow({ match: encodeMatch(match) })),
    )
    for (const [i, { field, prints }] of fieldExamples.entries()) {
      expect(text[i], field.name).toContain(refusedByOvs[field.name] ?? prints)
    }
  })
})

describe('os-ken', needs('osKen'), () => {
  let osKen: OsKen
  beforeAll(() => {
    osKen = startOsKen()
  })
  afterAll(() => osKen?.close())

  const known = examples.filter(([, { osKen: value }]) => typeof value !== 'string')

  test('writes the same bytes as we for the same messages', async () => {
    for (const [name, { osKen: value, way, fault, ...one }] of known) {
      if (way === 'reads' || typeof value === 'string') continue
      const theirs = await osKen.write(value, XID)
      if (fault === undefined)
        expect(theirs, name).toBe(hex(bytesOf({ ...one, osKen: value, way })))
      else expect(theirs, name).not.toBe(hex(bytesOf({ ...one, osKen: value, way })))
    }
  })

  test('reads the same values as we in the same messages', async () => {
    for (const [name, example] of known) {
      if (example.way === 'writes') continue
      const read = await osKen.read(hex(bytesOf(example)))
      expect(contradiction(example.osKen, read), name).toBeUndefined()
    }
  })

  test('writes and reads actions as we', async () => {
    for (const { action, osKen: value } of actionExamples) {
      if (typeof value === 'string') continue
      const instructions = encodeInstructions([{ kind: 'apply_actions', actions: [action] }])
      const wire = hex(flow({ instructions }))
      const flowMod = osKenFlow(osKenMatch(), [
        { OFPInstructionActions: { type: 4, actions: [value] } },
      ])
      expect(await osKen.write(flowMod, XID), action.kind).toBe(wire)
      expect(contradiction(flowMod, await osKen.read(wire)), action.kind).toBeUndefined()
    }
  })

  test('writes and reads matches on all fields that it knows as we', async () => {
    for (const { field, match, osKen: value } of fieldExamples) {
      if (unknownToOsKen.test(field.name)) continue
      const own = { [field.name]: match[field.name] }
      const wire = hex(flow({ match: encodeMatch(own) }))
      const flowMod = osKenFlow(osKenMatch(value), [])
      expect(await osKen.write(flowMod, XID), field.name).toBe(wire)
      expect(contradiction(flowMod, await osKen.read(wire)), field.name).toBeUndefined()
    }
  })
})

const unique = (cells: readonly string[]) => [...new Set(cells)].join('; ')
const ofOvs = ({ note }: Example) => (note === undefined ? 'reads what we mean' : note)
function ofOsKen({ osKen: value, way, fault }: Example): string {
  if (typeof value === 'string') return value
  if (fault !== undefined) return fault
  return { both: 'writes and reads the same', reads: 'reads the same', writes: 'writes the same' }[
    way
  ]
}

function fieldOfOvs(name: FieldName): string {
  if (refusedByOvs[name]) return `has not (${refusedByOvs[name]})`
  return maskNotPrinted.test(name) ? 'prints what we mean, without masks' : 'prints what we mean'
}

const tables: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'messages compared': [
    ['message', 'ovs-ofctl 3.1', 'os-ken 2.5'],
    ...[...new Set(examples.map(([name]) => name))].map((name) => {
      const all = examples.filter(([other]) => other === name).map(([, one]) => one)
      return [`\`${name}\``, unique(all.map(ofOvs)), unique(all.map(ofOsKen))]
    }),
  ],
  'actions compared': [
    ['action', 'ovs-ofctl 3.1', 'os-ken 2.5'],
    ...Object.keys(actionRows).map((kind) => {
      const all = actionExamples.filter(({ action }) => kindsIn(action).includes(kind))
      return [
        `\`${kind}\``,
        unique(
          all.map(({ prints }) =>
            prints.startsWith('OFP') ? `has not (${prints})` : 'reads what we mean',
          ),
        ),
        unique(
          all.map(({ osKen: value }) =>
            typeof value === 'string' ? value : 'writes and reads the same',
          ),
        ),
      ]
    }),
  ],
  'fields compared': [
    ['fields', 'ovs-ofctl 3.1', 'os-ken 2.5'],
    [
      `all others of the ${fieldNames.length}`,
      'prints what we mean, exact and masked',
      'writes and reads the same, exact and masked',
    ],
    ...fieldNames
      .filter(
        (name) => refusedByOvs[name] || unknownToOsKen.test(name) || maskNotPrinted.test(name),
      )
      .filter((name) => !/^tun_metadata[1-9]/.test(name))
      .map((name) => [
        name === 'tun_metadata0' ? '`tun_metadata0` to `tun_metadata63`' : `\`${name}\``,
        fieldOfOvs(name),
        unknownToOsKen.test(name) ? 'has not' : 'writes and reads the same',
      ]),
  ],
}

test('the tables in the README say what is compared here', () => {
  const url = new URL('../../../southbound/openflow/README.md', import.meta.url)
  const text = readFileSync(url, 'utf8')
  let wanted = text
  for (const [title, [heading = [], ...rows]] of Object.entries(tables)) {
    const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
    const body = [line(heading), `|${'---|'.repeat(heading.length)}`, ...rows.map(line)].join('\n')
    const block = new RegExp(`(<!-- generated: ${title} -->\n)[^]*?(<!-- end -->)`)
    expect(text).toMatch(block)
    wanted = wanted.replace(block, (_, begin: string, end: string) => `${begin}${body}\n${end}`)
  }
  if (process.env.WEFT_WRITE_DOCS) writeFileSync(url, wanted)
  else expect(text).toBe(wanted)
})
