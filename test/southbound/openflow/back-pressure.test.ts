import { duplexPair } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { commitBundle, sendBatch } from '../../../southbound/openflow/bundle.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { errorNumber } from '../../../southbound/openflow/error.ts'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { dialOpenflow, listenOpenflow } from '../../../southbound/openflow/listen.ts'
import {
  encode,
  flowMod,
  type Message,
  type Outgoing,
} from '../../../southbound/openflow/message.ts'
import { allFlows } from '../../../southbound/openflow/multipart.ts'
import type { InetEndpoint } from '../../../southbound/wire/endpoint.ts'
import { dial } from '../../../southbound/wire/stream.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

const NOTHING = new Uint8Array(0)
const hello = encode({ type: 'hello', xid: 1, elements: [] })
const MIB = 1 << 20
const mod = (n: number): Outgoing =>
  flowMod(
    'add',
    encodeFlow({ table_id: 0, priority: 1, cookie: 0n, match: { reg1: n }, instructions: [] }),
  )
function* mods(count: number): Generator<Outgoing> {
  for (let n = 0; n < count; n++) yield mod(n)
}

/** A listener over tcp; what it accepts goes to `onConnection`. */
async function listening(onConnection: (connection: Connection) => void, options = {}) {
  const listener = await listenOpenflow('ptcp:0:127.0.0.1', options, onConnection)
  opened.push(listener)
  return `tcp:127.0.0.1:${(listener.address as InetEndpoint).port}`
}

/** Bytes held for a stream: in JavaScript, and in the buffers that it handed to the system. */
const held = () => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

test('a peer that never reads makes a bundle wait, at a bounded cost; others go on', async () => {
  let taken = 0
  const gotten: Connection[] = []
  const to = await listening((connection) => {
    gotten.push(connection)
    connection.onMessage((message) => {
      if (message.type === 'barrier_request') {
        void connection.send({ type: 'barrier_reply', xid: message.xid })
      }
    })
  })
  const peer = await dial(to)
  opened.push({ close: () => peer.destroy() })
  peer.write(hello)
  while (gotten.length === 0) await sleep(1)
  const [stuck] = gotten as [Connection]
  const good = await dialOpenflow(to)
  // The peer answers the opening of the bundle unseen, and reads nothing ever.
  const control = { bundle_id: 2, control_type: 1, flags: 3, properties: NOTHING } as const
  peer.write(encode({ type: 'bundle_control', xid: 3, ...control }))
  const before = held()
  const counted = function* () {
    for (const message of mods(1_000_000)) {
      taken++
      yield message
    }
  }
  const end = new AbortController()
  const pushing = commitBundle(stuck, counted(), { signal: end.signal })
  pushing.catch(() => {})
  let last = -1
  while (last !== taken || taken < 2) {
    last = taken
    await sleep(50)
    await good.barrier()
  }
  expect(taken).toBeGreaterThan(1000)
  // What tcp buffers on the way is some megabytes on Linux; of 100 MB only that is ever encoded.
  expect(taken).toBeLessThan(300_000)
  expect(held() - before).toBeLessThan(32 * MIB)
  end.abort(new Error('enough'))
  await expect(pushing).rejects.toThrow('enough')
  expect(stuck.isOpen).toBe(true)
})

test('a peer that asks without end and never reads is not read any more', async () => {
  let asked = 0
  const gotten: Connection[] = []
  const to = await listening((connection) => {
    gotten.push(connection)
    connection.onMessage(() => {
      asked++
    })
  })
  const peer = await dial(to)
  opened.push({ close: () => peer.destroy() })
  peer.write(hello)
  const echo = encode({ type: 'echo_request', xid: 1, data: new Uint8Array(60_000) })
  const good = await dialOpenflow(to)
  const before = held()
  let sent = 0
  let waits = false
  while (!waits && sent < 400 * MIB) {
    sent += echo.length
    if (!peer.write(echo)) {
      waits = await Promise.race([
        new Promise<boolean>((resolve) => peer.once('drain', () => resolve(false))),
        sleep(500, true),
      ])
    }
  }
  expect(waits).toBe(true)
  expect(held() - before).toBeLessThan(32 * MIB)
  expect(gotten[0]?.isOpen).toBe(true)
  expect(asked).toBe(0)
  good.close()
})

test('a flood of messages is taken by a reader that holds it, and starves nobody', async () => {
  let count = 0
  let resume: (() => void) | undefined
  const gotten: Connection[] = []
  const to = await listening((connection) => {
    const first = gotten.push(connection) === 1
    connection.onMessage((message) => {
      if (message.type === 'barrier_request') {
        void connection.send({ type: 'barrier_reply', xid: message.xid })
      } else if (first && ++count % 1000 === 0 && !resume) {
        // This reader takes its time after every thousand.
        const release = connection.hold()
        resume = () => {
          resume = undefined
          release()
        }
        setTimeout(() => resume?.(), 1)
      }
    })
  })
  const flooder = await dialOpenflow(to)
  const good = await dialOpenflow(to)
  const before = held()
  let flooding = true
  const flood = async () => {
    while (flooding) await flooder.send(mod(1))
  }
  const running = flood()
  for (let i = 0; i < 100; i++) await good.barrier()
  expect(held() - before).toBeLessThan(32 * MIB)
  flooding = false
  await flooder.barrier()
  await running
  expect(count).toBeGreaterThan(1000)
})

test('silence is not held against a peer while it is held itself', async () => {
  const [a, b] = duplexPair()
  b.write(hello)
  b.on('data', () => {})
  const connection = await Connection.open(a, { echoIntervalMs: 5 })
  const release = connection.hold()
  await sleep(60)
  expect(connection.isOpen).toBe(true)
  release()
  release()
  expect(await connection.closed).toMatchObject({ code: 'silent' })
})

test('a peer that takes what waits for it slowly is not silent; one that takes nothing is', async () => {
  const [a, b] = duplexPair()
  b.write(hello)
  const connection = await Connection.open(a, { echoIntervalMs: 20 })
  const data = new Uint8Array(60_000)
  for (let i = 0; i < 100; i++) void connection.send({ type: 'echo_reply', data })
  // It says nothing for twenty intervals, and nothing that it said would be read: 4 MiB wait.
  let read = 0
  while (read < 5_000_000) {
    read += (b.read() as Uint8Array | null)?.length ?? 0
    await sleep(5)
  }
  expect(connection.isOpen).toBe(true)
  expect(await connection.closed).toMatchObject({ code: 'silent' })
})

test('what comes while nobody listens is kept up to a bound, the latest of it', async () => {
  const [a, b] = duplexPair()
  b.write(hello)
  b.on('data', () => {})
  const connection = await Connection.open(a)
  const data = new Uint8Array(60_000)
  for (let xid = 0; xid < 1000; xid++) {
    const noise = { type: 'experimenter', experimenter: 1, exp_type: 2, data } as const
    if (!b.write(encode({ ...noise, xid })))
      await new Promise((resolve) => b.once('drain', resolve))
  }
  // An answer is none of it.
  const features = { datapath_id: 1n, n_buffers: 0, n_tables: 1, auxiliary_id: 0 }
  const asked = connection.request({ type: 'features_request' })
  const xid = connection.nextXid() - 1
  b.write(encode({ type: 'features_reply', xid, ...features, capabilities: 0, reserved: 0 }))
  expect((await asked).datapath_id).toBe(1n)
  const got: number[] = []
  connection.onMessage((message) => got.push(message.xid))
  await sleep(1)
  expect(got).toEqual([996, 997, 998, 999])
  connection.close()
})

test('a reply without end is cut off at its limit, and its rest is not taken for news', async () => {
  const [a, b] = duplexPair()
  b.write(hello)
  b.on('data', () => {})
  const connection = await Connection.open(a)
  const news: Message[] = []
  connection.onMessage((message) => news.push(message))
  const wanted = connection.multipart({ kind: 'flow', body: allFlows() }, { maxBytes: 1000 })
  const xid = connection.nextXid() - 1
  const part = encode({ type: 'multipart_reply', xid, kind: 'flow', more: true, body: [] })
  const last = encode({ type: 'multipart_reply', xid, kind: 'flow', more: false, body: [] })
  for (let i = 0; i < 100; i++) b.write(part)
  await expect(wanted).rejects.toThrow('over 1000 bytes')
  b.write(last)
  await sleep(2)
  expect(news).toEqual([])
  b.write(last)
  await sleep(2)
  expect(news).toHaveLength(1)
  connection.close()
})

test('an answer that comes after its request was aborted is dropped', async () => {
  const [a, b] = duplexPair()
  b.write(hello)
  b.on('data', () => {})
  const connection = await Connection.open(a)
  const news: Message[] = []
  connection.onMessage((message) => news.push(message))
  const end = new AbortController()
  const wanted = connection.barrier({ signal: end.signal })
  end.abort(new Error('enough'))
  await expect(wanted).rejects.toThrow('enough')
  const xid = connection.nextXid() - 1
  b.write(encode({ type: 'barrier_reply', xid }))
  await sleep(2)
  expect(news).toEqual([])
  connection.close()
})

test('each error of a batch names its message, and the rest is done', async () => {
  const [a, b] = duplexPair()
  const [controller, agent] = await Promise.all([Connection.open(a), Connection.open(b)])
  let taken = 0
  agent.onMessage((message) => {
    if (message.type === 'barrier_request') {
      void agent.send({ type: 'barrier_reply', xid: message.xid })
    } else if (++taken % 1000 === 0) {
      const error = errorNumber('flow_mod_failed', 'table_full')
      void agent.send({ type: 'error', xid: message.xid, ...error, data: encode(message) })
    }
  })
  const errors = await sendBatch(controller, mods(3500))
  expect(taken).toBe(3500)
  expect(errors.map(({ index, reason }) => [index, reason])).toEqual([
    [999, 'flow_mod_failed.table_full'],
    [1999, 'flow_mod_failed.table_full'],
    [2999, 'flow_mod_failed.table_full'],
  ])
  controller.close()
  await expect(sendBatch(controller, mods(1))).rejects.toThrow('the connection has ended')
})

test('a batch of which nobody wants to hear any more is not begun', async () => {
  const [a, b] = duplexPair()
  const [controller, agent] = await Promise.all([Connection.open(a), Connection.open(b)])
  const taken: string[] = []
  agent.onMessage(({ type, xid }) => {
    taken.push(type)
    if (type === 'barrier_request') void agent.send({ type: 'barrier_reply', xid })
  })
  const reason = new Error('too late')
  const late = sendBatch(controller, mods(10), { signal: AbortSignal.abort(reason) })
  await expect(late).rejects.toBe(reason)
  await controller.barrier()
  expect(taken).toEqual(['barrier_request'])
  controller.close()
})

test('a message that cannot be encoded leaves nothing behind on the wire', async () => {
  const [a, b] = duplexPair()
  const [controller, agent] = await Promise.all([Connection.open(a), Connection.open(b)])
  agent.onMessage(({ xid }) => void agent.send({ type: 'barrier_reply', xid }))
  const bad = { type: 'echo_request', data: new Uint8Array(70_000) } as const
  expect(() => controller.send(bad)).toThrow(RangeError)
  await expect(controller.request(bad)).rejects.toThrow(RangeError)
  await controller.barrier()
  controller.close()
})
