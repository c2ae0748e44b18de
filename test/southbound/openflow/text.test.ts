import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Action, actionRows, actionsPart } from '../../../southbound/openflow/action.ts'
import { encodeFlow, type Flow } from '../../../southbound/openflow/flow.ts'
import { encodeGroup } from '../../../southbound/openflow/group.ts'
import { encodeMatch } from '../../../southbound/openflow/match.ts'
import { fieldNames, fieldOf } from '../../../southbound/openflow/oxm.ts'
import { CONTROLLER } from '../../../southbound/openflow/port.ts'
import {
  formatActions,
  formatFlow,
  formatMatch,
  parseActions,
  parseFlow,
  parseMatch,
} from '../../../southbound/openflow/text.ts'
import { actionTexts } from '../../../southbound/openflow/text-action.ts'
import { formatGroup, parseGroup } from '../../../southbound/openflow/text-group.ts'
import { formatMeter, parseMeter } from '../../../southbound/openflow/text-meter.ts'
import { Writer } from '../../../southbound/wire/writer.ts'
import { runs } from '../../random.ts'
import { pipelineFlows } from './pipeline-flows.ts'
import { actionValues } from './text-action-values.ts'
import { validMatches } from './text-match-values.ts'
import { acceptedActions, acceptedFlows, flowOfKind } from './text-values.ts'
import { messages } from './values.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const shown = (flow: Flow) => {
  const { match, instructions, ...head } = encodeFlow(flow)
  return { ...head, match: hex(match), instructions: hex(instructions) }
}
function bytesOf(actions: readonly Action[]): string {
  const writer = new Writer(1024)
  actionsPart.write(writer, actions)
  return hex(writer.copy())
}
/** max_len says nothing to a port that is not the controller, and has no words. */
const spoken = (action: Action): Action => {
  if (action.kind === 'output' && action.port !== CONTROLLER) return { ...action, max_len: 0 }
  if (action.kind !== 'clone' && action.kind !== 'ct') return action
  return { ...action, actions: action.actions.map(spoken) }
}

describe('what is printed is read as the same', () => {
  test('a match of any fields with their prerequisites', () => {
    fc.assert(
      fc.property(validMatches, (match) => {
        const text = formatMatch(match)
        expect(hex(encodeMatch(parseMatch(text))), text).toBe(hex(encodeMatch(match)))
        expect(parseMatch(text), text).toEqual(match)
      }),
      runs(1500),
    )
  })

  test.each(fieldNames)('a match of %s', (name) => {
    const entry = (value: number | bigint) => ({ ...needsOf(name), [name]: value })
    for (const value of [fieldOf[name].ones, typeof fieldOf[name].ones === 'bigint' ? 0n : 0]) {
      const match = entry(value)
      expect(parseMatch(formatMatch(match)), formatMatch(match)).toEqual(match)
    }
  })

  test('a flow that Open vSwitch accepts', () => {
    fc.assert(
      fc.property(fc.oneof(acceptedFlows, acceptedActions), (flow) => {
        const text = formatFlow(encodeFlow(flow))
        expect(text).not.toContain('unknown')
        expect(shown(parseFlow(text)), text).toEqual(shown(flow))
        expect(formatFlow(parseFlow(text))).toBe(text)
      }),
      runs(500),
    )
  })

  test.each(Object.keys(actionValues) as (keyof typeof actionValues)[])('%s', (kind) => {
    fc.assert(
      fc.property(flowOfKind(kind), (flow) => {
        const text = formatFlow(encodeFlow(flow))
        expect(text).not.toContain('unknown')
        expect(shown(parseFlow(text)), text).toEqual(shown(flow))
      }),
      runs(40),
    )
  })

  test('any actions that a peer may send, sensible or not: what has no words is its bytes', () => {
    const packetOuts = messages.packet_out
    if (!packetOuts) throw new Error('no packet_out')
    fc.assert(
      fc.property(packetOuts, (message) => {
        if (message.type !== 'packet_out') return
        const text = formatActions(message.actions)
        const back = parseActions(text)
        expect(back).toHaveLength(message.actions.length)
        message.actions.forEach((action, i) => {
          const right = [bytesOf([action]), bytesOf([spoken(action)])]
          expect(right, text).toContain(bytesOf(back.slice(i, i + 1)))
        })
      }),
      runs(1000),
    )
  })

  test('every flow of the pipeline', () => {
    for (const [name, flow] of Object.entries(pipelineFlows)) {
      expect(encodeFlow(parseFlow(formatFlow(flow))), name).toEqual(flow)
    }
  })

  test('groups', () => {
    const bucket = fc.record({
      weight: fc.integer({ min: 0, max: 65535 }),
      watch_port: fc.constantFrom(0xffffffff, 1, 0xfffffffe),
      watch_group: fc.constantFrom(0xffffffff, 7),
      actions: acceptedActions.map(({ instructions: [one] }) =>
        one?.kind === 'apply_actions' ? one.actions : [],
      ),
    })
    const groups = fc.record({
      group_id: fc.integer({ min: 0, max: 0xffffff00 }),
      group_type: fc.integer({ min: 0, max: 5 }),
      buckets: fc.array(bucket, { maxLength: 4 }),
    })
    fc.assert(
      fc.property(groups, (group) => {
        const text = formatGroup(encodeGroup(group))
        expect(encodeGroup(parseGroup(text)), text).toEqual(encodeGroup(group))
      }),
      runs(200),
    )
  })

  test('meters', () => {
    const u32 = fc.integer({ min: 0, max: 0xffffffff })
    const band = fc.oneof(
      fc.record({ kind: fc.constant('drop' as const), rate: u32, burst_size: u32 }),
      fc.record({
        kind: fc.constant('dscp_remark' as const),
        rate: u32,
        burst_size: u32,
        prec_level: fc.integer({ min: 0, max: 255 }),
      }),
    )
    const meters = fc.record({
      meter_id: u32,
      flags: fc.integer({ min: 0, max: 0xffff }),
      bands: fc.array(band, { maxLength: 3 }),
    })
    fc.assert(
      fc.property(meters, (meter) => {
        expect(parseMeter(formatMeter(meter)), formatMeter(meter)).toEqual(meter)
      }),
      runs(200),
    )
  })
})

/** The first value of every prerequisite of a field. */
function needsOf(name: string): Record<string, number | readonly [number, number]> {
  const out: Record<string, number | readonly [number, number]> = {}
  for (const [other, values] of Object.entries(fieldOf[name as keyof typeof fieldOf].needs)) {
    const free = other === 'vlan_vid' ? 0x1005 : other === 'ct_state' ? ([0x21, 0xff] as const) : 5
    Object.assign(out, { ...needsOf(other), ...out, [other]: values[0] ?? free })
  }
  return out
}

test('every kind of action has a row of text, and no other kind has', () => {
  // NXAST_WRITE_METADATA is the instruction's twin on OpenFlow 1.0, whose text is the instruction's.
  const kinds = Object.keys(actionRows).filter((kind) => kind !== 'write_metadata')
  expect(Object.keys(actionTexts).sort()).toEqual(kinds.sort())
})

test('the README names every action that has words', () => {
  const readme = readFileSync(
    new URL('../../../southbound/openflow/README.md', import.meta.url),
    'utf8',
  )
  const missing = Object.values(actionTexts).filter(
    ({ names }) => !new RegExp(`\\b${names[0]}\\b`).test(readme),
  )
  expect(missing.map(({ names }) => names[0])).toEqual([])
})
