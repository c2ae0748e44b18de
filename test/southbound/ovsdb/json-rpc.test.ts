import type { Buffer } from 'node:buffer'
import { type Duplex, duplexPair } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import {
  JsonRpc,
  type JsonRpcHandlers,
  type JsonRpcOptions,
} from '../../../southbound/ovsdb/json-rpc.ts'
import { WireError } from '../../../southbound/wire/error.ts'

const signal = AbortSignal.timeout(20_000)

function pair(handlers: JsonRpcHandlers, options: JsonRpcOptions = {}) {
  const [left, right] = duplexPair()
  return { client: new JsonRpc(left, {}), server: new JsonRpc(right, handlers, options) }
}
/** One end is JsonRpc, the other raw bytes. */
function raw(handlers: JsonRpcHandlers = {}, options: JsonRpcOptions = {}) {
  const [left, right] = duplexPair()
  return { peer: left as Duplex, rpc: new JsonRpc(right, handlers, options) }
}

test('replies find their requests in any order', async () => {
  const calls: (() => void)[] = []
  const { client } = pair({ onCall: (call) => calls.push(() => call.reply(call.params)) })
  const first = client.request('a', [1], { signal })
  const second = client.request('b', [2], { signal })
  while (calls.length < 2) await sleep(1)
  for (const answer of calls.reverse()) answer()
  expect(await Promise.all([first, second])).toEqual([[1], [2]])
})

test('an error reply rejects with the tag and details of the peer', async () => {
  const { client } = pair({ onCall: (call) => call.fail(new OvsdbError('not owner', 'lock x')) })
  await expect(client.request('a', [], { signal })).rejects.toMatchObject({
    name: 'OvsdbError',
    tag: 'not owner',
    details: 'lock x',
  })
})

test('a peer without handlers answers unknown method, and echo', async () => {
  const { server } = pair({})
  await expect(server.request('a', [], { signal })).rejects.toMatchObject({ tag: 'unknown method' })
  expect(await server.request('echo', ['x', 1], { signal })).toEqual(['x', 1])
})

test('an aborted request rejects with the reason and its late reply is ignored', async () => {
  const calls: (() => void)[] = []
  const { client } = pair({ onCall: (call) => calls.push(() => call.reply(null)) })
  const controller = new AbortController()
  const aborted: number[] = []
  const request = client.request('a', [], {
    signal: controller.signal,
    onAbort: (id) => aborted.push(id),
  })
  while (calls.length < 1) await sleep(1)
  controller.abort(new Error('enough'))
  await expect(request).rejects.toThrow('enough')
  expect(aborted).toEqual([1])
  calls[0]?.()
  expect(await client.request('echo', [], { signal })).toEqual([])
})

test('a reply and a notification behind it are handled in order', async () => {
  const order: string[] = []
  const [left, peer] = duplexPair()
  const rpc = new JsonRpc(left, { onNotify: (method) => order.push(method) })
  const request = rpc.request('a', [], { signal, read: () => order.push('reply') })
  peer.write('{"id":null,"method":"n1","params":[]}')
  peer.write('{"id":1,"result":0,"error":null}{"id":null,"method":"n2","params":[]}')
  await request
  expect(order).toEqual(['n1', 'reply', 'n2'])
})

test('closing rejects what is pending on both sides and resolves closed', async () => {
  const { client, server } = pair({ onCall: () => {} })
  const request = client.request('a', [], { signal })
  server.close()
  await expect(request).rejects.toMatchObject({ tag: 'connection closed' })
  expect(await client.closed).toBeUndefined()
  expect(await server.closed).toBeUndefined()
  await expect(client.request('a', [], { signal })).rejects.toThrow('connection closed')
})

const garbage: [name: string, bytes: string, error: RegExp][] = [
  ['an HTTP request', 'GET / HTTP/1.1\r\n\r\n', /found 0x47/],
  ['a request without params', '{"method":"a","id":1}', /params/],
  ['a method that is a number', '{"method":3,"params":[],"id":1}', /method name/],
  ['neither request nor reply', '{"id":1}', /neither/],
]
test.each(garbage)('%s ends the connection with the reason', async (_name, bytes, error) => {
  const { peer, rpc } = raw()
  peer.on('error', () => {})
  peer.write(bytes)
  const reason = await rpc.closed
  expect(reason?.message).toMatch(error)
  expect(reason instanceof WireError || reason instanceof OvsdbError).toBe(true)
})

test('a peer that never reads is closed when the queue is full', async () => {
  const { peer, rpc } = raw({}, { maxQueuedBytes: 100_000 })
  peer.on('error', () => {})
  for (let i = 0; i < 200; i++) rpc.notify('update', ['x'.repeat(1000)])
  expect((await rpc.closed)?.message).toMatch(/resources exhausted: peer left 1\d{5} bytes unread/)
})

test('requests of a peer that does not read replies are no longer read', async () => {
  let calls = 0
  const { peer, rpc } = raw({
    onCall: (call) => {
      calls++
      call.reply('x'.repeat(10_000))
    },
  })
  for (let i = 0; i < 5000; i++) peer.write(`{"id":${i},"method":"a","params":[]}`)
  await sleep(50)
  expect(rpc.queuedBytes).toBeLessThan(2_000_000 + 64 * 10_000 * 40)
  expect(calls).toBeLessThan(5000)
  peer.resume()
  while (calls < 5000) await sleep(5)
  rpc.close()
})

test('a silent peer is probed and then closed', async () => {
  const { peer, rpc } = raw({}, { echoIntervalMs: 20 })
  const sent: string[] = []
  peer.on('data', (bytes: Buffer) => sent.push(bytes.toString()))
  expect((await rpc.closed)?.message).toMatch(/silent for 40 ms/)
  expect(sent[0]).toBe('{"id":"echo","method":"echo","params":[]}')
})

test('a peer that answers probes stays', async () => {
  const { client, server } = pair({}, { echoIntervalMs: 10 })
  const first = await Promise.race([server.closed, sleep(100, 'open')])
  expect(first).toBe('open')
  client.close()
  await server.closed
})
