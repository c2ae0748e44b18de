import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { conjunctiveMatcher } from '../../../dataplane/classifier/conjunction.ts'
import { linearMatcher } from '../../../dataplane/classifier/linear.ts'
import {
  type Clause,
  type CompiledMatch,
  compileMatch,
  type NewMatcher,
} from '../../../dataplane/classifier/matcher.ts'
import { newSecret } from '../../../dataplane/classifier/secret-hash.ts'
import { tupleSpace } from '../../../dataplane/classifier/tuple-space.ts'
import { KEY_WORDS } from '../../../dataplane/packet/key-layout.ts'
import type { Match } from '../../../southbound/openflow/match.ts'
import { randomOf } from '../../fuzz/random.ts'
import { runs } from '../../random.ts'
import { cases } from './cases.ts'

interface Flow {
  readonly name: number
  readonly priority: number
  readonly compiled: CompiledMatch
  readonly order: number
  readonly clauses?: readonly Clause[] | undefined
}

const seeded = randomOf(7)
const SECRET = newSecret(() => seeded.below(2 ** 32) / 2 ** 32)

const matchers: readonly (readonly [string, NewMatcher])[] = [
  ['linear', linearMatcher],
  ['tuple space', tupleSpace],
]

function keyOf(packet: Match): Uint32Array {
  const key = new Uint32Array(KEY_WORDS)
  const compiled = compileMatch(packet)
  for (let i = 0; i < compiled.length; i += 3) key[compiled[i]!] = compiled[i + 2]!
  return key
}

describe.each(matchers)('%s', (_name, newMatcher) => {
  test.each(cases)('$name', ({ flows, removed, lookups }) => {
    const matcher = conjunctiveMatcher<Flow>(newMatcher, SECRET)
    const made = flows.map(
      ({ priority, match, clauses }, name): Flow => ({
        name,
        priority,
        compiled: compileMatch(match),
        order: name,
        clauses,
      }),
    )
    for (const flow of made) matcher.insert(flow)
    for (const name of removed ?? []) matcher.remove(made[name]!)
    const found = lookups.map(([packet]) => matcher.lookup(keyOf(packet))?.name)
    expect(found).toEqual(lookups.map(([, flow]) => flow))
  })
})

test.each(matchers)(
  '%s: a flow that is removed and put back wins as before',
  (_name, newMatcher) => {
    const matcher = conjunctiveMatcher<Flow>(newMatcher, SECRET)
    const [first, second] = [{ in_port: 1 }, { eth_type: 0x800 }].map(
      (match, name): Flow => ({ name, priority: 5, compiled: compileMatch(match), order: name }),
    ) as [Flow, Flow]
    for (const flow of [first, second]) matcher.insert(flow)
    matcher.remove(first)
    expect(matcher.lookup(keyOf({ in_port: 1, eth_type: 0x800 }))).toBe(second)
    matcher.insert(first)
    expect(matcher.lookup(keyOf({ in_port: 1, eth_type: 0x800 }))).toBe(first)
  },
)

test('the tuple space answers as the linear matcher does, whatever is inserted and removed', () => {
  const nibble = fc.nat(15)
  // Few bits and few fields, so that packets meet flows and masks overlap.
  const masked = fc.tuple(nibble, nibble).map(([value, mask]) => [value & mask, mask] as const)
  const field = fc.option(masked, { nil: undefined })
  const flow = fc
    .record({ priority: fc.nat(3), a: field, b: field, c: field })
    .map(({ priority, a, b, c }) => ({
      priority,
      match: {
        ...(a && { reg0: a }),
        ...(b && { reg7: b }),
        ...(c && { metadata: c.map(BigInt) as never }),
      },
    }))
  const step = fc.oneof(
    { weight: 3, arbitrary: flow.map((what) => ({ do: 'insert' as const, what })) },
    { weight: 1, arbitrary: fc.nat(60).map((what) => ({ do: 'remove' as const, what })) },
  )
  const packets = Array.from({ length: 64 }, (_, i) =>
    keyOf({ reg0: i & 15, reg7: (i * 7) & 15, metadata: BigInt((i * 5) & 15) }),
  )
  let answered = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      const slow = linearMatcher<Flow>()
      const fast = tupleSpace<Flow>(SECRET)
      const inside: Flow[] = []
      for (const [name, { do: what, what: of }] of steps.entries()) {
        if (what === 'insert') {
          const made: Flow = {
            name,
            priority: of.priority,
            compiled: compileMatch(of.match),
            order: name,
          }
          inside.push(made)
          slow.insert(made)
          fast.insert(made)
        } else {
          const [gone] = inside.splice(of % (inside.length || 1), 1)
          if (gone) for (const matcher of [slow, fast]) matcher.remove(gone)
        }
      }
      for (const key of packets) {
        const expected = slow.lookup(key)
        expect(fast.lookup(key)).toBe(expected)
        if (expected) answered++
        const all = (matcher: typeof slow) => {
          const names: number[] = []
          matcher.each(key, ({ name }) => names.push(name))
          return names.sort((a, b) => a - b)
        }
        expect(all(fast)).toEqual(all(slow))
      }
    }),
    runs(300),
  )
  expect(answered).toBeGreaterThan(5000)
})

test('ten thousand flows of one mask, and their removal, leave an empty tuple space', () => {
  const matcher = tupleSpace<Flow>(SECRET)
  const flows = Array.from(
    { length: 10_000 },
    (_, name): Flow => ({
      name,
      priority: name % 5,
      compiled: compileMatch({ eth_dst: name }),
      order: name,
    }),
  )
  for (const flow of flows) matcher.insert(flow)
  for (const { name } of flows) expect(matcher.lookup(keyOf({ eth_dst: name }))?.name).toBe(name)
  for (const flow of flows) matcher.remove(flow)
  for (const { name } of flows) expect(matcher.lookup(keyOf({ eth_dst: name }))).toBeUndefined()
})
