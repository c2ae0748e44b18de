/** Tables: what they can do, what a controller may take from them, what is kept of it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { actionKinds } from '../../../dataplane/pipeline/actions.ts'
import type { ReplyElement } from '../../../southbound/openflow/multipart.ts'
import type { Sent } from './cases/case.ts'
import { addFlow, apply, flow, output, udp } from './messages.ts'
import { startRig } from './rig.ts'

type Features = ReplyElement<'table_features'>
let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const features = async () => {
  const all = await rig.controller.connection.multipart({ kind: 'table_features', body: [] })
  // What is kept outlives the connection's buffer.
  return all.map((one): Features => {
    const properties = one.properties.map((it) =>
      'tables' in it ? { ...it, tables: Uint8Array.from(it.tables) } : it,
    )
    return { ...one, properties }
  })
}
const property = <K extends Features['properties'][number]['kind']>(of: Features, kind: K) =>
  of.properties.find((one) => one.kind === kind) as Extract<
    Features['properties'][number],
    { kind: K }
  >
const order = (body: readonly Features[], more = false) =>
  ({ type: 'multipart_request', kind: 'table_features', body, more }) as const
/** In as many messages as it takes. */
const orders = (all: readonly Features[]) =>
  Array.from({ length: Math.ceil(all.length / 20) }, (_, i) =>
    order(all.slice(20 * i, 20 * i + 20), 20 * i + 20 < all.length),
  )
const answersTo = async (...all: Sent[]) => [...new Set(await rig.controller.answers(...all))]

test('255 tables tell what flows in them may hold, which is what flows may hold', async () => {
  const all = await features()
  expect(all.map(({ table_id }) => table_id)).toEqual(Array.from({ length: 255 }, (_, i) => i))
  const [first, last] = [all[0]!, all[254]!]
  // Nameless until somebody names them: with a name, ovs-ofctl --names would write it into every flow.
  expect(first).toMatchObject({ name: '', config: 0, max_entries: 1_000_000 })
  expect(first).toMatchObject({ metadata_match: 2n ** 64n - 1n, metadata_write: 2n ** 64n - 1n })
  expect(property(first, 'next_tables').tables).toHaveLength(254)
  expect(property(last, 'next_tables').tables).toHaveLength(0)
  expect(
    property(first, 'instructions')
      .ids.map(({ kind }) => kind)
      .toSorted(),
  ).toEqual([
    ...['apply_actions', 'clear_actions', 'goto_table', 'meter', 'write_actions', 'write_metadata'],
  ])
  const applied = property(first, 'apply_actions').ids.map(({ kind }) => kind)
  expect(applied).toEqual(actionKinds.filter((kind) => applied.includes(kind as never)))
  expect(applied).toEqual(
    expect.arrayContaining(['output', 'set_field', 'push_pbb', 'copy_ttl_in']),
  )
  const matched = property(first, 'match').fields
  expect(matched).toContainEqual({ field: 'eth_dst', masked: true })
  expect(matched).toContainEqual({ field: 'eth_type', masked: false })
  const settable = property(first, 'apply_setfield').fields
  expect(settable).toContainEqual({ field: 'ipv6_dst', masked: false })
  expect(settable).not.toContainEqual({ field: 'eth_type', masked: false })
})

test('what the switch says of its tables it takes back, names and configuration too', async () => {
  const all = await features()
  const named = all.map((one) => ({ ...one, name: `stage ${one.table_id}`, config: 3 }))
  await rig.controller.ask(addFlow())
  expect(await answersTo(...orders(named))).toEqual(['multipart_reply'])
  expect(await features()).toEqual(named)
  expect(rig.bridge.flows.counts[0]!.active).toBe(1)
})

test('an order of less is taken, and the tables can do no less than before', async () => {
  const all = await features()
  const less = all.map((one) => ({
    ...one,
    max_entries: 5,
    metadata_match: 0n,
    properties: [
      { kind: 'instructions', ids: [{ kind: 'goto_table' }] },
      { kind: 'match', fields: [{ field: 'eth_dst', masked: true }] },
      { kind: 'apply_actions_miss', ids: [] },
    ] as const,
  }))
  expect(await answersTo(...orders(less))).toEqual(['multipart_reply'])
  expect(await features()).toEqual(all)
})

test('tables that an order leaves out leave the pipeline with their flows, and nobody is told', async () => {
  const all = await features()
  await rig.controller.ask(
    addFlow({ table_id: 9, cookie: 1n }, { flags: 1 }),
    addFlow({ table_id: 1 }),
  )
  const some = all.slice(0, 3).map((one) => ({ ...one, properties: [] }))
  expect(await rig.controller.answers(order(some))).toEqual(['multipart_reply'])
  const left = await features()
  expect(left.map(({ table_id }) => table_id)).toEqual([0, 1, 2])
  expect([...property(left[0]!, 'next_tables').tables]).toEqual([1, 2])
  expect([...rig.bridge.flows.all()].map(({ table_id }) => table_id)).toEqual([1])
  const to9 = addFlow({ instructions: [{ kind: 'goto_table', table_id: 9 }] })
  const answers = await rig.controller.answers(
    addFlow({ table_id: 9 }),
    flow('delete', { table_id: 9 }),
    to9,
    { type: 'table_mod', table_id: 9, config: 0 },
    {
      type: 'multipart_request',
      kind: 'flow',
      body: {
        table_id: 9,
        out_port: 0xffffffff,
        out_group: 0xffffffff,
        cookie: 0n,
        cookie_mask: 0n,
        match: new Uint8Array(0),
      },
    },
  )
  expect(answers).toEqual([
    'flow_mod_failed.bad_table_id',
    'flow_mod_failed.bad_table_id',
    'bad_instruction.bad_table_id',
    'table_mod_failed.bad_table',
    'bad_request.bad_table_id',
  ])
  const counted = await rig.controller.connection.multipart({ kind: 'table' })
  expect(counted.map(({ table_id }) => table_id)).toEqual([0, 1, 2])
  expect(await answersTo(...orders(all))).toEqual(['multipart_reply'])
  expect(await rig.controller.answers(addFlow({ table_id: 9 }), to9)).toEqual([])
})

test.each<[string, (one: Features) => object]>([
  ['bad_table', () => ({ table_id: 255 })],
  ['bad_table', () => ({ table_id: 1 })],
  ['bad_argument', () => ({ config: 4 })],
  ['bad_argument', () => ({ max_entries: 2 ** 31 })],
  ['bad_argument', () => ({ properties: [{ kind: 'next_tables', tables: Uint8Array.of(0) }] })],
  ['bad_argument', () => ({ properties: [{ kind: 'next_tables', tables: Uint8Array.of(255) }] })],
  ['bad_argument', () => ({ properties: [{ kind: 'match', fields: [{ header: 0x8000_c604 }] }] })],
  [
    'bad_argument',
    () => ({ properties: [{ kind: 'match', fields: [{ field: 'eth_type', masked: true }] }] }),
  ],
  [
    'bad_argument',
    () => ({
      properties: [{ kind: 'apply_setfield', fields: [{ field: 'eth_type', masked: false }] }],
    }),
  ],
  [
    'bad_argument',
    () => ({
      properties: [
        { kind: 'instructions', ids: [{ kind: 'unknown', type: 9, bytes: new Uint8Array(0) }] },
      ],
    }),
  ],
  ['bad_type', () => ({ properties: [{ kind: 'unknown', type: 99, bytes: new Uint8Array(0) }] })],
  [
    'bad_type',
    () => ({
      properties: [
        { kind: 'match', fields: [] },
        { kind: 'match', fields: [] },
      ],
    }),
  ],
])('%s answers an order that cannot be, and nothing is changed', async (code, change) => {
  const all = (await features()).slice(0, 3)
  const before = structuredClone(rig.bridge.flows.tables)
  const wrong = [{ ...all[0]!, name: 'new' }, { ...all[1]! }, { ...all[2]!, ...change(all[2]!) }]
  const some = wrong.map((one, i) => (i < 2 ? { ...one, properties: [] } : one)) as Features[]
  expect(await rig.controller.answers(order(some))).toEqual([`table_features_failed.${code}`])
  expect(rig.bridge.flows.tables).toEqual(before)
})

test('an order of a wrong length is refused with bad_len', async () => {
  const body = [0, 12, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0]
  const bytes = Uint8Array.of(4, 18, 0, 8 + body.length, 0, 0, 0, 77, ...body)
  expect(await rig.controller.answers(bytes)).toEqual(['table_features_failed.bad_len'])
})

test('an order of more than a request may hold is refused', async () => {
  rig.close()
  rig = await startRig({ requestBytes: 1000 })
  const all = await features()
  const [first] = await rig.controller.answers(...orders(all.slice(0, 21)))
  expect(first).toBe('bad_request.multipart_buffer_overflow')
})

test('a slave may ask what the tables can do, and order nothing', async () => {
  await rig.controller.ask({ type: 'role_request', role: 3, generation_id: 0n })
  const all = await features()
  expect(await rig.controller.answers(order([all[0]!]))).toEqual(['bad_request.is_slave'])
})

test('statistics of tables count flows, lookups and matches', async () => {
  await rig.controller.ask(
    addFlow({
      match: { in_port: 1 },
      instructions: [apply(output(2)), { kind: 'goto_table', table_id: 5 }],
    }),
  )
  rig.p1.send(udp())
  rig.p2.send(udp())
  const all = await rig.controller.connection.multipart({ kind: 'table' })
  expect(all).toHaveLength(255)
  expect(all[0]).toEqual({ table_id: 0, active_count: 1, lookup_count: 2n, matched_count: 1n })
  expect(all[5]).toEqual({ table_id: 5, active_count: 0, lookup_count: 1n, matched_count: 0n })
})
