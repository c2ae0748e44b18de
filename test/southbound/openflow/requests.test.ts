import { duplexPair } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { malformedReply } from '../../../southbound/openflow/answer.ts'
import { bundleControl, commitBundle } from '../../../southbound/openflow/bundle.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { OpenflowError } from '../../../southbound/openflow/error.ts'
import type { FlowUpdate } from '../../../southbound/openflow/flow-update.ts'
import { deleteFlows, encode, type Message } from '../../../southbound/openflow/message.ts'
import { type MonitorEvent, monitorFlows } from '../../../southbound/openflow/monitor.ts'
import { everything, multipartRows } from '../../../southbound/openflow/multipart.ts'

const NOTHING = new Uint8Array(0)
const hello = encode({ type: 'hello', xid: 1, elements: [] })

/** Two ends; what the second gets goes to `seen` and to `answer`. */
async function ends(answer: (message: Message, agent: Connection) => unknown = () => {}) {
  const [a, b] = duplexPair()
  const [controller, agent] = await Promise.all([Connection.open(a), Connection.open(b)])
  const seen: Message[] = []
  agent.onMessage((message) => {
    seen.push(message)
    return answer(message, agent)
  })
  const news: Message[] = []
  controller.onMessage((message) => void news.push(message))
  const types = () => seen.map(({ type }) => type)
  return { controller, agent, peer: b, seen, news, types }
}

test('a request that nothing answers is refused with what to do instead', async () => {
  const { controller } = await ends()
  const request = controller.request(deleteFlows())
  await expect(request).rejects.toThrow(TypeError)
  await expect(request).rejects.toThrow('nothing answers a flow_mod: send() it, or sendBatch()')
})

test('an answer of another type is refused', async () => {
  const { controller } = await ends(({ xid }, agent) => agent.send({ type: 'barrier_reply', xid }))
  await expect(controller.request({ type: 'features_request' })).rejects.toThrow(
    'a barrier_reply answers a features_request',
  )
})

test.each(Object.keys(multipartRows) as (keyof typeof multipartRows)[])(
  'a multipart without a body asks for everything, if there is such a thing: %s',
  (kind) => {
    const body = everything(kind) as never
    if (kind === 'flow_monitor') return expect(body).toBeUndefined()
    const bytes = Buffer.from(encode({ type: 'multipart_request', kind, body }))
    const wanted: Readonly<Record<string, string>> = {
      flow: 'ff000000ffffffffffffffff00000000000000000000000000000000000000000001000400000000',
      aggregate: 'ff000000ffffffffffffffff00000000000000000000000000000000000000000001000400000000',
      port_stats: 'ffffffff00000000',
      queue: 'ffffffffffffffff',
      group: 'fffffffc00000000',
      meter: 'ffffffff00000000',
      meter_config: 'ffffffff00000000',
    }
    const head = kind.startsWith('ipfix') ? 24 : 16
    return expect(bytes.subarray(head).toString('hex')).toBe(wanted[kind] ?? '')
  },
)

test('a multipart that has no default says so', async () => {
  const { controller } = await ends()
  await expect(controller.multipart({ kind: 'flow_monitor' })).rejects.toThrow(
    'a request for flow_monitor wants a body',
  )
})

test('a multipart is charged for what it is in memory, not on the wire', async () => {
  const flow = { table_id: 0, priority: 1, cookie: 1n, match: NOTHING, instructions: NOTHING }
  const counters = { duration_sec: 0, duration_nsec: 0, packet_count: 0n, byte_count: 0n }
  const one = { ...flow, ...counters, idle_timeout: 0, hard_timeout: 0, flags: 0 }
  const { controller } = await ends(({ xid }, agent) =>
    agent.send({ type: 'multipart_reply', kind: 'flow', xid, body: Array(100).fill(one) }),
  )
  expect(await controller.multipart({ kind: 'flow' }, { maxBytes: 100_000 })).toHaveLength(100)
  // 5,600 bytes of flows.
  await expect(controller.multipart({ kind: 'flow' }, { maxBytes: 20_000 })).rejects.toThrow('over')
})

test('an end that serves answers what it cannot decode, and goes on', async () => {
  const [a, b] = duplexPair()
  const [controller, agent] = await Promise.all([Connection.open(a), Connection.open(b)])
  agent.onMessage(({ xid }) => agent.send({ type: 'barrier_reply', xid }))
  agent.onMalformed((bytes) => void agent.send(malformedReply(bytes)))
  const errors: OpenflowError[] = []
  const fail = (error: Error) => void (error instanceof OpenflowError && errors.push(error))
  controller.watch(1000, 100, { answer() {}, fail })
  const short = Uint8Array.of(4, 14, 0, 16, 0, 0, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8)
  void controller.send(short)
  void controller.send(Uint8Array.of(1, 18, 0, 8, 0, 0, 4, 1))
  await controller.barrier()
  expect(errors.map(({ xid, reason }) => [xid, reason])).toEqual([
    [1024, 'bad_request.bad_len'],
    [1025, 'bad_request.bad_version'],
  ])
  expect(errors[0]?.data).toEqual(short)
})

test('a bundle that is given up while it is opened is discarded, and its iterable closed', async () => {
  const { controller, seen, news } = await ends(({ type, xid }, agent) => {
    // Late: by then nobody waits for it.
    if (type === 'bundle_control') setTimeout(() => agent.send({ ...opened, xid }), 5)
  })
  const open_reply = { bundle_id: 1, control_type: 1, flags: 3, properties: NOTHING }
  const opened = { type: 'bundle_control', ...open_reply } as const
  let closed = false
  function* mods() {
    try {
      for (;;) yield deleteFlows()
    } finally {
      closed = true
    }
  }
  const signal = AbortSignal.timeout(2)
  await expect(commitBundle(controller, mods(), { signal })).rejects.toThrow('timeout')
  await sleep(20)
  const { open_request, discard_request } = bundleControl
  expect(seen).toMatchObject([{ control_type: open_request }, { control_type: discard_request }])
  expect(closed).toBe(true)
  expect(news).toEqual([])
})

const change: FlowUpdate = {
  ...{ event: 'added', reason: 0, priority: 1, idle_timeout: 0, hard_timeout: 0, table_id: 0 },
  ...{ cookie: 7n, match: NOTHING, instructions: NOTHING },
}
const update = (xid: number, event: 'added' | 'deleted') =>
  encode({ type: 'multipart_reply', kind: 'flow_monitor', xid, body: [{ ...change, event }] })

test('a change in the same chunk as the flows that were there is told after them', async () => {
  const [a, b] = duplexPair()
  b.write(hello)
  b.on('data', () => {})
  const controller = await Connection.open(a)
  const events: string[] = []
  const started = monitorFlows(controller, { initial: true }, ({ event }) => events.push(event))
  const xid = controller.nextXid() - 1
  // Of a monitor of before: what it tells is among the flows that are there.
  b.write(Buffer.concat([update(0, 'deleted'), update(xid, 'added'), update(0, 'deleted')]))
  await started
  expect(events).toEqual(['added', 'deleted'])
})

test('a monitor that is given up is cancelled; another may follow, but none beside it', async () => {
  let isAnswered = false
  const { controller, agent, seen, types } = await ends((message, agent) => {
    if (message.type !== 'multipart_request' || !isAnswered) return
    void agent.send({ type: 'multipart_reply', kind: 'flow_monitor', xid: message.xid, body: [] })
  })
  const signal = AbortSignal.timeout(2)
  await expect(monitorFlows(controller, { signal }, () => {})).rejects.toThrow('timeout')
  isAnswered = true
  const events: MonitorEvent[] = []
  const stop = await monitorFlows(controller, { id: 5 }, (event) => events.push(event))
  await expect(monitorFlows(controller, { id: 6 }, () => {})).rejects.toThrow(RangeError)
  await stop()
  await stop()
  await (await monitorFlows(controller, {}, () => {}))()
  await sleep(1)
  const once = ['multipart_request', 'flow_monitor_cancel']
  expect(types()).toEqual([...once, ...once, ...once])
  expect(seen[3]).toMatchObject({ id: 5 })
  expect(events).toEqual([])
  // An async listener that fails ends the connection, as one of onMessage does.
  await monitorFlows(controller, {}, async () => Promise.reject(new Error('no such bridge')))
  void agent.send(update(0, 'added'))
  expect((await controller.closed)?.message).toBe('no such bridge')
})
