import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { Connection, ConnectionLog } from '../../../southbound/openflow/connection.ts'
import { ConnectionError } from '../../../southbound/openflow/error.ts'
import {
  dialOpenflow,
  type ListenOpenflowOptions,
  listenOpenflow,
} from '../../../southbound/openflow/listen.ts'
import { encode } from '../../../southbound/openflow/message.ts'
import { keepConnected } from '../../../southbound/openflow/reconnect.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import type { InetEndpoint } from '../../../southbound/wire/endpoint.ts'
import { dial } from '../../../southbound/wire/stream.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

/** A controller that listens, with what it logs and the connections that it got. */
async function controller(options: ListenOpenflowOptions = {}) {
  const lines: string[] = []
  const note = (fields: object, event: string) => lines.push(`${event} ${JSON.stringify(fields)}`)
  const log: ConnectionLog = { debug: () => {}, warn: note }
  const connections: Connection[] = []
  const listener = await listenOpenflow('ptcp:0:127.0.0.1', { log, ...options }, (connection) => {
    connections.push(connection)
    connection.onMessage((message) => {
      if (message.type === 'barrier_request') {
        void connection.send({ type: 'barrier_reply', xid: message.xid })
      }
    })
  })
  opened.push(listener)
  const to = `tcp:127.0.0.1:${(listener.address as InetEndpoint).port}`
  return { to, lines, connections, listener }
}

const hello = (version: number, ...words: number[]) => {
  const bytes = encode({
    type: 'hello',
    xid: 1,
    elements: words.length
      ? [{ kind: 'unknown', type: 1, bytes: Uint8Array.from(words.flatMap((w) => [0, 0, 0, w])) }]
      : [],
  })
  bytes[0] = version
  return bytes
}
const until = async (met: () => boolean) => {
  while (!met()) await sleep(2)
}

test('one end listens, the other dials, and both know when it is over', async () => {
  const { to, connections, listener } = await controller()
  const connection = await dialOpenflow(to)
  await connection.barrier()
  expect(connection.peer).toBe(to)
  expect(connections[0]?.peer).toMatch(/^tcp:127\.0\.0\.1:\d+$/)
  await listener.close()
  expect(await connection.closed).toBeUndefined()
  await expect(dialOpenflow(to)).rejects.toThrow('ECONNREFUSED')
})

test.each<[string, number, number[], boolean]>([
  ['1.3 without a bitmap', 4, [], true],
  ['1.5 without a bitmap, which speaks all before', 6, [], true],
  ['1.0 without a bitmap', 1, [], false],
  ['1.5 with 1.0 and 1.3 in its bitmap', 6, [0b10010], true],
  ['1.0 with 1.3 in its bitmap', 1, [0b10010], true],
  ['1.5 with 1.0 and 1.5 alone in its bitmap', 6, [0b1000010], false],
  ['1.3 with a bitmap of two words', 4, [0b10000, 1], true],
])('versions are negotiated: a peer of %s', async (_name, version, words, agreed) => {
  const { to, connections, lines } = await controller()
  const peer = (await dial(to)) as Duplex
  const gone = new Promise((resolve) => peer.once('close', resolve))
  let told = Buffer.alloc(0)
  peer.on('data', (chunk: Buffer) => {
    told = Buffer.concat([told, chunk])
  })
  peer.write(hello(version, ...words))
  await until(() => connections.length + lines.length > 0)
  expect(connections).toHaveLength(agreed ? 1 : 0)
  if (!agreed) {
    await gone
    expect(lines[0]).toContain('the peer speaks no OpenFlow 1.3')
    // hello of 16 bytes, then error hello_failed.incompatible to the xid of the peer's hello.
    expect(told.subarray(16, 28).toString('hex')).toMatch(/^0401....0000000100000000$/)
  }
  peer.destroy()
})

/** Each with what is logged of it. It has not said hello. */
const hostile: Record<string, [reason: RegExp, (peer: Duplex) => void]> = {
  'says nothing': [/silent|no hello in/, () => {}],
  'sends text': [/version 71/, (peer) => peer.write('GET / HTTP/1.1\r\n\r\n')],
  'sends noise': [/version 203/, (peer) => peer.write(Buffer.alloc(1 << 20, 0xcb))],
  'claims a length of 0': [
    /message of 0 bytes/,
    (peer) => peer.write(Buffer.alloc(8, '\x04\0\0\0')),
  ],
  'claims 65,535 bytes and sends one at a time': [
    /silent|no hello in/,
    (peer) => {
      peer.write(Buffer.from('0400ffff00000001', 'hex'))
      const timer = setInterval(() => peer.write('x'), 3)
      peer.once('close', () => clearInterval(timer))
    },
  ],
  'sends half a hello and leaves': [
    /left before the hello/,
    (peer) => {
      peer.end(hello(4).subarray(0, 5))
    },
  ],
  'greets and falls silent': [/silent for/, (peer) => peer.write(hello(4))],
  'greets and sends one byte at a time': [
    /silent for/,
    (peer) => {
      peer.write(hello(4))
      peer.write(Buffer.from('0402ffff00000001', 'hex'))
      const timer = setInterval(() => peer.write('x'), 3)
      peer.once('close', () => clearInterval(timer))
    },
  ],
  'greets and sends a message damaged inside': [
    /flow_mod/,
    (peer) =>
      peer.write(Buffer.concat([hello(4), Buffer.from('040e001000000001ffffffff00000000', 'hex')])),
  ],
}

test('peers that are up to no good are cut off with a logged reason and hurt nobody else', async () => {
  const { to, lines, connections } = await controller({ echoIntervalMs: 30, timeoutMs: 120 })
  const good = await dialOpenflow(to, { echoIntervalMs: 30 })
  const peers = await Promise.all(
    Object.values(hostile).map(async ([, act]) => {
      const peer = await dial(to)
      const gone = new Promise((resolve) => peer.once('close', resolve))
      peer.on('error', () => {}).resume()
      act(peer)
      await gone
      return peer
    }),
  )
  await good.barrier()
  expect(connections.filter(({ isOpen }) => isOpen)).toHaveLength(1)
  await until(() => lines.length >= peers.length)
  for (const [name, [reason]] of Object.entries(hostile)) {
    expect(
      lines.some((line) => reason.test(line)),
      `${name}: ${lines.join('\n')}`,
    ).toBe(true)
  }
  for (const line of lines) expect(line).toMatch(/^openflow connection closed {"peer":"tcp:127/)
  expect(lines).toHaveLength(peers.length)
})

test('an error of whoever serves a connection ends that connection alone, with a logged reason', async () => {
  const lines: string[] = []
  const log: ConnectionLog = {
    debug: () => {},
    warn: (fields, event) => lines.push(`${event} ${JSON.stringify(fields)}`),
  }
  let count = 0
  const listener = await listenOpenflow('ptcp:0:127.0.0.1', { log }, async (connection) => {
    const number = ++count
    connection.onMessage(async (message) => {
      await sleep(1)
      if (number === 3) throw new Error('cannot answer')
      await connection.send({ type: 'barrier_reply', xid: message.xid })
    })
    await sleep(1)
    if (number === 1) throw new Error('no such switch')
    if (number === 2) return Promise.reject('not even an error')
  })
  opened.push(listener)
  const to = `tcp:127.0.0.1:${(listener.address as InetEndpoint).port}`
  for (let i = 0; i < 2; i++) await (await dialOpenflow(to)).closed
  const third = await dialOpenflow(to)
  const fourth = await dialOpenflow(to)
  await expect(third.barrier()).rejects.toThrow('the connection has ended')
  await fourth.barrier()
  await sleep(5)
  await fourth.barrier()
  expect(lines.map((line) => /"reason":"(.*)"/.exec(line)?.[1])).toEqual([
    'no such switch',
    'not even an error',
    'cannot answer',
  ])
  expect(lines.every((line) => line.includes('"peer":"tcp:127.0.0.1:'))).toBe(true)
})

test('a connection that ends is dialled again, the next target in turn, after a pause', async () => {
  const first = await controller()
  const second = await controller()
  const end = new AbortController()
  const pauses: number[] = []
  const clock = {
    ...systemClock,
    now: () => 0,
    sleep: async (ms: number) => {
      pauses.push(ms)
      await sleep(1)
    },
  }
  const used: string[] = []
  const reasons: (string | undefined)[] = []
  await keepConnected(
    [first.to, 'tcp:127.0.0.1:1', second.to],
    {
      ...{ signal: end.signal, clock, random: () => 0.5, firstMs: 100 },
      onEnd: (reason) => reasons.push(reason?.message),
    },
    async (connection) => {
      used.push(connection.peer)
      await connection.barrier()
      if (used.length === 1) return first.connections[0]?.close()
      if (used.length === 2) throw new Error('enough of this one')
      end.abort()
      await expect(connection.closed).resolves.toBeUndefined()
    },
  )
  expect(used).toEqual([first.to, second.to, first.to])
  expect(reasons).toEqual([
    undefined,
    'tcp:127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1',
    'enough of this one',
  ])
  expect(pauses).toEqual([75, 150, 300])
})

test('a target that no attempt could reach is refused at once', async () => {
  const { signal } = new AbortController()
  for (const target of ['nonsense', 'ptcp:6653', 'ssl:127.0.0.1']) {
    await expect(keepConnected(['tcp:h', target], { signal }, () => {})).rejects.toThrow(target)
  }
})

test('an abort ends dialling and the connection', async () => {
  const { to } = await controller()
  const end = new AbortController()
  let seen: AbortSignal | undefined
  const kept = keepConnected([to], { signal: end.signal }, (_connection, signal) => {
    seen = signal
    end.abort()
  })
  await kept
  expect(seen?.aborted).toBe(true)
  await keepConnected([to], { signal: AbortSignal.abort() }, () => expect.unreachable())
})

test('a stream whose peer resets at once does not end the process', async () => {
  const { to, listener } = await controller()
  for (let i = 0; i < 20; i++) ((await dial(to)) as import('node:net').Socket).resetAndDestroy()
  await (await dialOpenflow(to)).barrier()
  await listener.close()
  expect(new ConnectionError('closed', '')).toBeInstanceOf(Error)
})
