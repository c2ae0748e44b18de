import { type Duplex, duplexPair } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { bundleControl, commitBundle } from '../../../southbound/openflow/bundle.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { ConnectionError, errorNumber, OpenflowError } from '../../../southbound/openflow/error.ts'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { decode, encode, flowMod, type Message } from '../../../southbound/openflow/message.ts'
import { allFlows } from '../../../southbound/openflow/multipart.ts'

const hello = encode({
  type: 'hello',
  xid: 1,
  elements: [{ kind: 'version_bitmap', versions: [4] }],
})
const NOTHING = new Uint8Array(0)
const flow = (n: number) =>
  encodeFlow({ table_id: 0, priority: n, cookie: 0n, match: { reg1: n }, instructions: [] })

async function pair(): Promise<[Connection, Connection]> {
  const [a, b] = duplexPair()
  return Promise.all([Connection.open(a), Connection.open(b)])
}

/** A connection and the raw stream of its peer, which has said hello. */
async function raw(options = {}): Promise<[Connection, Duplex]> {
  const [a, b] = duplexPair()
  b.write(hello)
  b.on('data', () => {})
  return [await Connection.open(a, options), b]
}

test('two ends greet each other, ask, answer and leave', async () => {
  const [controller, agent] = await pair()
  agent.onMessage((message) => {
    if (message.type === 'barrier_request') void agent.send({ ...message, type: 'barrier_reply' })
    if (message.type === 'get_config_request') {
      const error = errorNumber('bad_request', 'eperm')
      void agent.send({ type: 'error', xid: message.xid, ...error, data: encode(message) })
    }
  })
  await controller.barrier()
  const error = await controller.request({ type: 'get_config_request' }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(OpenflowError)
  expect(error).toMatchObject({ reason: 'bad_request.eperm', type: 1, code: 5 })
  controller.close()
  expect(await controller.closed).toBeUndefined()
  expect(await agent.closed).toBeUndefined()
  await expect(agent.barrier()).rejects.toThrow(ConnectionError)
})

test('the xid of a request by the peer is not taken for an answer', async () => {
  const [controller, agent] = await pair()
  const got: Message[] = []
  controller.onMessage((message) => got.push(message))
  const xid = 77
  const waiting = controller.request({ type: 'barrier_request', xid })
  agent.onMessage((message) => {
    void agent.send({ type: 'get_config_request', xid })
    void agent.send({ type: 'barrier_reply', xid: message.xid })
  })
  expect((await waiting).type).toBe('barrier_reply')
  expect(got.map(({ type }) => type)).toEqual(['get_config_request'])
})

test('what comes before the first listener is kept for it, in order', async () => {
  const [controller, peer] = await raw()
  for (const xid of [5, 6, 7]) peer.write(encode({ type: 'get_config_request', xid }))
  await sleep(5)
  const got: number[] = []
  controller.onMessage(({ xid }) => got.push(xid))
  await sleep(1)
  expect(got).toEqual([5, 6, 7])
})

test('messages are put together however they trickle in', async () => {
  const [controller, peer] = await raw()
  const got: Message[] = []
  controller.onMessage((message) => got.push(message))
  const all = Buffer.concat([
    encode({ type: 'get_config_request', xid: 5 }),
    encode({ xid: 6, ...flowMod('add', flow(1)) }),
    encode({ type: 'echo_request', xid: 7, data: new Uint8Array(3000) }),
    encode({ type: 'get_config_request', xid: 8 }),
  ])
  for (const byte of all.subarray(0, 200)) peer.write(Uint8Array.of(byte))
  for (let at = 200; at < all.length; at += 777) peer.write(all.subarray(at, at + 777))
  await sleep(5)
  expect(got.map(({ xid }) => xid)).toEqual([5, 6, 8])
})

test('replies of many parts come as one list', async () => {
  const [controller, agent] = await pair()
  agent.onMessage((message) => {
    if (message.type !== 'multipart_request' || message.kind !== 'flow') return
    for (let part = 0; part < 3; part++) {
      const body = [0, 1].map((n) => ({
        ...flow(2 * part + n),
        ...{ duration_sec: 0, duration_nsec: 0, idle_timeout: 0, hard_timeout: 0, flags: 0 },
        ...{ packet_count: 5n, byte_count: 500n },
      }))
      const { xid } = message
      void agent.send({ type: 'multipart_reply', xid, kind: 'flow', more: part < 2, body })
    }
  })
  const flows = await controller.multipart({ kind: 'flow', body: allFlows() })
  expect(flows.map(({ priority }) => priority)).toEqual([0, 1, 2, 3, 4, 5])
  await expect(
    controller.multipart({ kind: 'flow', body: allFlows() }, { maxBytes: 300 }),
  ).rejects.toThrow('over 300 bytes')
})

test('replies of an experimenter that no table declares come as their bytes', async () => {
  const [controller, agent] = await pair()
  const asked: unknown[] = []
  agent.onMessage((message) => {
    if (message.type !== 'multipart_request' || message.kind !== 'experimenter') return
    asked.push(message)
    const reply = { ...message, type: 'multipart_reply' } as const
    void agent.send({ ...reply, more: true, body: Uint8Array.of(1, 2, 3, 4) })
    const exp_type = message.exp_type === 9 ? 10 : message.exp_type
    void agent.send({ ...reply, exp_type, more: false, body: Uint8Array.of(5) })
  })
  const request = { kind: 'experimenter', experimenter: 0xabcd, exp_type: 5 } as const
  const replies = await controller.multipart({ ...request, body: Uint8Array.of(7) })
  expect(asked).toMatchObject([{ ...request, body: Uint8Array.of(7) }])
  expect(replies.map((bytes) => [...bytes])).toEqual([[1, 2, 3, 4], [5]])
  expect(await controller.multipart(request)).toHaveLength(2)
  await expect(controller.multipart({ ...request, exp_type: 9 })).rejects.toThrow(
    'answers a multipart request',
  )
})

test.each([
  ['a length below 8', '0400000400000001', 'message of 4 bytes'],
  ['another version', '010e000800000001', 'version 1'],
  ['a damaged body', '040e001000000001ffffffffffffffff', 'flow_mod'],
  ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex'), 'version 71'],
])('a peer that sends garbage is cut off with a reason: %s', async (_name, garbage, reason) => {
  const [controller, peer] = await raw()
  const waiting = controller.barrier()
  peer.write(Buffer.from(garbage, 'hex'))
  await expect(waiting).rejects.toThrow(ConnectionError)
  const end = await controller.closed
  expect(end).toMatchObject({ name: 'ConnectionError', code: 'garbage' })
  expect(end?.message).toContain(reason)
})

test('a peer of another version is told so and left', async () => {
  const [a, b] = duplexPair()
  const told: Buffer[] = []
  b.on('data', (chunk: Buffer) => told.push(chunk))
  b.write(Buffer.from('0100000800000009', 'hex'))
  await expect(Connection.open(a)).rejects.toMatchObject({ code: 'version' })
  await sleep(1)
  const error = decode(new Uint8Array(Buffer.concat(told).subarray(16)))
  expect(error).toMatchObject({ type: 'error', xid: 9, error_type: 0, code: 0 })
})

test('a peer that never says hello, or falls silent, is cut off', async () => {
  const [a] = duplexPair()
  await expect(Connection.open(a, { echoIntervalMs: 5 })).rejects.toMatchObject({ code: 'silent' })
  const [controller] = await raw({ echoIntervalMs: 5 })
  expect(await controller.closed).toMatchObject({ code: 'silent' })
})

test('two idle ends keep each other alive', async () => {
  const [a, b] = duplexPair()
  const ends = await Promise.all([
    Connection.open(a, { echoIntervalMs: 10 }),
    Connection.open(b, { echoIntervalMs: 10 }),
  ])
  await sleep(120)
  expect(ends.map((end) => end.isOpen)).toEqual([true, true])
  ends[0].close()
})

test('every wait ends by its signal', async () => {
  const [a] = duplexPair()
  await expect(Connection.open(a, { signal: AbortSignal.timeout(5) })).rejects.toThrow('timeout')
  const [controller] = await raw()
  const signal = AbortSignal.timeout(5)
  await expect(controller.barrier({ signal })).rejects.toThrow('timeout')
  await expect(controller.multipart({ kind: 'desc' }, { signal })).rejects.toThrow('timeout')
  await expect(commitBundle(controller, [flowMod('add', flow(1))], { signal })).rejects.toThrow(
    'timeout',
  )
  expect(controller.isOpen).toBe(true)
})

test('a peer that reads nothing makes send() wait, then ends the connection', async () => {
  const [a, b] = duplexPair()
  b.write(hello)
  const controller = await Connection.open(a, { maxQueuedBytes: 300_000 })
  const big = encode({ type: 'echo_request', xid: 5, data: new Uint8Array(60_000) })
  let waits = true
  void controller.send(big)
  void controller.send(big).then(() => {
    waits = false
  })
  await sleep(5)
  expect(waits).toBe(true)
  for (let i = 0; i < 10; i++) void controller.send(big)
  expect(await controller.closed).toMatchObject({ code: 'overflow' })
})

test('an error that a listener throws ends that connection alone, with it as the reason', async () => {
  const [controller, agent] = await pair()
  agent.onMessage(() => {
    throw new Error('no such bridge')
  })
  await expect(controller.barrier()).rejects.toThrow(ConnectionError)
  expect((await agent.closed)?.message).toBe('no such bridge')
})

test('a bundle whose message is refused is not committed and names the message', async () => {
  const [controller, agent] = await pair()
  const seen: number[] = []
  agent.onMessage((message) => {
    if (message.type === 'bundle_control') {
      seen.push(message.control_type)
      void agent.send({ ...message, control_type: message.control_type + 1 })
    } else if (message.type === 'bundle_add') {
      const inner = decode(message.message)
      expect(inner.xid).toBe(message.xid)
      if (inner.type === 'flow_mod' && inner.priority === 2) {
        const error = errorNumber('flow_mod_failed', 'table_full')
        void agent.send({ type: 'error', xid: message.xid, ...error, data: NOTHING })
      }
    }
  })
  const mods = (count: number) => Array.from({ length: count }, (_, n) => flowMod('add', flow(n)))
  await commitBundle(controller, mods(2))
  const error = await commitBundle(controller, mods(5)).catch((e: unknown) => e)
  expect(error).toMatchObject({ reason: 'flow_mod_failed.table_full', index: 2 })
  const { open_request, close_request, commit_request, discard_request } = bundleControl
  await controller.request({ type: 'echo_request', data: NOTHING })
  expect(seen).toEqual([
    ...[open_request, close_request, commit_request],
    ...[open_request, close_request, discard_request],
  ])
})

test('a bundle to a peer that stops reading ends by its signal', async () => {
  const [a, b] = duplexPair()
  b.write(hello)
  const controller = await Connection.open(a)
  b.once('data', () => {
    b.pause()
    const control = { bundle_id: 2, control_type: bundleControl.open_reply, flags: 3 } as const
    b.write(encode({ type: 'bundle_control', xid: 3, ...control, properties: NOTHING }))
  })
  const mods = Array.from({ length: 5000 }, (_, n) => flowMod('add', flow(n)))
  await expect(commitBundle(controller, mods, { signal: AbortSignal.timeout(20) })).rejects.toThrow(
    'timeout',
  )
  controller.close(new Error('enough'))
})
