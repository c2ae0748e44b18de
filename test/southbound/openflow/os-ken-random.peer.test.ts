/**
 * Random values put before os-ken, in both directions, by a fixed seed: thousands of every field and
 * action that it knows, hundreds of every message, many to a message so that one process answers them
 * in seconds. What the examples of peers/ say of names and classes holds here too.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Action, actionRows } from '../../../southbound/openflow/action.ts'
import { encodeInstructions } from '../../../southbound/openflow/instruction.ts'
import { encodeMatch, type Match } from '../../../southbound/openflow/match.ts'
import { type Body, encode, flowMod } from '../../../southbound/openflow/message.ts'
import { messageRows } from '../../../southbound/openflow/message-rows.ts'
import { multipartRows } from '../../../southbound/openflow/multipart.ts'
import { fieldNames, fieldOf, rankOf } from '../../../southbound/openflow/oxm.ts'
import type { AnyPart } from '../../../southbound/wire/record.ts'
import { needs } from '../../needs.ts'
import { actionExamples } from './peers/actions.ts'
import { type Example, osKenMatch } from './peers/example.ts'
import { osKenNames, unknownToOsKen } from './peers/fields.ts'
import { messageExamples } from './peers/messages.ts'
import { multipartExamples } from './peers/multiparts.ts'
import { contradiction, type OsKen, startOsKen } from './peers/os-ken.ts'
import { drawn, fieldValue } from './peers/random.ts'

const SEED = 20_263
const XID = 5
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const sample = <T>(values: fc.Arbitrary<T>, numRuns: number) =>
  fc.sample(values, { seed: SEED, numRuns })

/** What os-ken checks against the rest of the message: no buffer, since the packet is there. */
const bound: Readonly<Record<string, readonly string[]>> = { packet_out: ['buffer_id'] }

interface Case {
  readonly name: string
  readonly wire: string
  readonly value: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly way: Example['way']
}

const flowOf = (
  name: string,
  { match = {}, actions = [] as readonly Action[], oxm_fields = [] as object[] },
  theirs: readonly object[],
): Case => ({
  name,
  wire: hex(
    encode({
      xid: XID,
      ...flowMod('add', {
        ...{ table_id: 0, priority: 1, cookie: 0n, match: encodeMatch(match) },
        instructions: encodeInstructions(
          actions.length ? [{ kind: 'apply_actions', actions }] : [],
        ),
      }),
    }),
  ),
  value: {
    OFPFlowMod: {
      ...{ cookie: 0, cookie_mask: 0, table_id: 0, command: 0, idle_timeout: 0, hard_timeout: 0 },
      ...{ priority: 1, buffer_id: 0xffffffff, out_port: 0xffffffff, out_group: 0xffffffff },
      ...{ flags: 0, match: osKenMatch(...oxm_fields) },
      instructions: theirs.length ? [{ OFPInstructionActions: { type: 4, actions: theirs } }] : [],
    },
  },
  way: 'both',
})

describe('os-ken', needs('osKen'), () => {
  let osKen: OsKen
  beforeAll(() => {
    osKen = startOsKen()
  })
  afterAll(() => osKen?.close())

  async function compare(cases: readonly Case[]): Promise<void> {
    // Asked all at once, so that neither side waits for the other.
    for (let at = 0; at < cases.length; at += 200) {
      await Promise.all(
        cases.slice(at, at + 200).map(async ({ name, wire, value, way }) => {
          if (way !== 'reads') expect(await osKen.write(value, XID), name).toBe(wire)
          if (way === 'writes') return
          expect(contradiction(value, await osKen.read(wire)), `${name} ${wire}`).toBeUndefined()
        }),
      )
    }
  }

  test('writes and reads 2,000 random values of every field as we, half of them masked', async () => {
    const EACH = 2000
    const fields = fieldNames
      .filter((name) => !unknownToOsKen.test(name))
      .sort((a, b) => rankOf(fieldOf[a].header) - rankOf(fieldOf[b].header))
    // os-ken has no two names for a field, and a match holds each once.
    const values = fields.map((name) =>
      sample(fieldValue(fieldOf[name], osKenNames[name] ?? name), EACH),
    )
    const IN_ONE = 12
    const cases: Case[] = []
    for (let n = 0; n < EACH; n++) {
      for (let from = 0; from < fields.length; from += IN_ONE) {
        const some = fields.slice(from, from + IN_ONE)
        const match = Object.fromEntries(some.map((name, i) => [name, values[from + i]?.[n]?.ours]))
        const oxm_fields = some.map((_, i) => values[from + i]?.[n]?.theirs as object)
        cases.push(flowOf(some.join(), { match: match as Match, oxm_fields }, []))
      }
    }
    expect(fields.length * EACH).toBeGreaterThan(100_000)
    await compare(cases)
  }, 120_000)

  test('writes and reads 2,000 random values of every action that has numbers as we', async () => {
    const EACH = 2000
    const known = actionExamples.flatMap(({ action, osKen: theirs }) => {
      if (typeof theirs === 'string' || action.kind === 'unknown') return []
      const { names, values } = drawn(actionRows[action.kind][1] as AnyPart, action, theirs)
      return names.length ? [{ kind: action.kind, values: sample(values, EACH) }] : []
    })
    expect(known.length).toBeGreaterThan(15)
    const cases = Array.from({ length: EACH }, (_, n) => {
      const some = known.map(({ values }) => values[n])
      const actions = some.map((one) => one?.ours as unknown as Action)
      return flowOf(
        'actions',
        { actions },
        some.map((one) => one?.theirs as object),
      )
    })
    await compare(cases)
  }, 120_000)

  test('writes or reads 300 random values of every message that has numbers as we', async () => {
    const EACH = 300
    const cases: Case[] = []
    const kinds = new Set<string>()
    const add = (
      name: string,
      { osKen: theirs, way, fault }: Example,
      part: AnyPart,
      ours: object,
      make: (ours: object) => Body,
    ) => {
      if (typeof theirs === 'string') return
      const { names, values } = drawn(part, ours as never, theirs, bound[name])
      if (names.length === 0) return
      kinds.add(name)
      // What os-ken writes wrongly it reads all the same.
      const direction = fault === undefined ? way : 'reads'
      if (fault !== undefined && way === 'writes') return
      for (const one of sample(values, EACH)) {
        const wire = hex(encode({ xid: XID, ...make(one.ours) }))
        cases.push({ name, wire, value: one.theirs, way: direction })
      }
    }
    for (const [name, examples] of Object.entries(messageExamples)) {
      const row = (messageRows as Readonly<Record<string, readonly [unknown, AnyPart]>>)[name]
      for (const example of examples) {
        if (row) add(name, example, row[1], example.message, (ours) => ours as Body)
      }
    }
    for (const [name, examples] of Object.entries(multipartExamples)) {
      const row = (multipartRows as Readonly<Record<string, readonly [unknown, AnyPart, AnyPart]>>)[
        name
      ]
      for (const example of examples) {
        const { message, osKen: theirs } = example
        const { body } = message as { body?: object }
        if (!row || !body || typeof theirs === 'string') continue
        const part = row[message.type === 'multipart_request' ? 1 : 2]
        const make = (ours: object) => ({ ...message, body: ours }) as Body
        if (!Array.isArray(body) && message.type === 'multipart_request') {
          add(`${name} request`, example, part, body, make)
          continue
        }
        // One element of a list, or the only one.
        const [[outer = '', members = {}] = []] = Object.entries(theirs)
        const list = Array.isArray(members.body) ? members.body : [members.body]
        const [ours, ...others] = Array.isArray(body) ? body : [body]
        if (typeof ours !== 'object' || typeof list[0] !== 'object' || !list[0]) continue
        const makeOne = (one: object) => make(Array.isArray(body) ? [one, ...others] : one)
        const first = cases.length
        add(`${name} ${message.type}`, { ...example, osKen: list[0] }, part, ours, makeOne)
        for (const one of cases.splice(first)) {
          const inside = Array.isArray(members.body) ? [one.value, ...list.slice(1)] : one.value
          cases.push({ ...one, value: { [outer]: { ...members, body: inside } } })
        }
      }
    }
    expect([...kinds].length, [...kinds].join(', ')).toBeGreaterThan(30)
    await compare(cases)
  }, 120_000)
})
