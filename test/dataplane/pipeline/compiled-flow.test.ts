/** What switches of one process share of flows that they are told alike. */
import { expect, test } from 'vitest'
import { sharedCompiler } from '../../../dataplane/pipeline/compiled-flow.ts'
import { encodeFlow, type Flow } from '../../../southbound/openflow/flow.ts'
import { apply, output } from '../rig.ts'

const flow: Flow = {
  ...{ table_id: 1, priority: 10, cookie: 7n, flags: 0, idle_timeout: 0, hard_timeout: 0 },
  match: { eth_type: 0x0800, ipv4_dst: 0x0a00000b },
  instructions: [apply(output(2))],
}

test('equal flows are one object, whoever gives them', () => {
  const compile = sharedCompiler()
  expect(compile(encodeFlow(flow))).toBe(compile(encodeFlow({ ...flow })))
})

test.each([
  { cookie: 8n },
  { cookie: 7n + (1n << 32n) },
  { cookie: (7n << 32n) + 7n },
  { priority: 11 },
  { table_id: 2 },
  { match: { eth_type: 0x0800, ipv4_dst: 0x0a00000c } },
  { instructions: [apply(output(3))] },
])('one that differs is another one: %o', (other) => {
  const compile = sharedCompiler()
  const one = compile(encodeFlow(flow))
  const two = compile(encodeFlow({ ...flow, ...other }))
  expect(two).not.toBe(one)
  expect([one.cookie, two.cookie]).toEqual([flow.cookie, other.cookie ?? flow.cookie])
  expect(compile(encodeFlow(flow))).toBe(one)
  expect(compile(encodeFlow({ ...flow, ...other }))).toBe(two)
})
