/** Peers that are up to no good, over real sockets: cut off with a logged reason, and nobody else is hurt. */
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { makeBuffers } from '../../../southbound/ovsdb/buffers.ts'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { watchLiveness } from '../../../southbound/ovsdb/liveness.ts'
import type { ServerOptions } from '../../../southbound/ovsdb/server.ts'
import { type OvsdbServer, OvsdbServer as Server } from '../../../southbound/ovsdb/server.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import type { InetEndpoint } from '../../../southbound/wire/endpoint.ts'
import { dial, listen } from '../../../southbound/wire/stream.ts'
import { insert, ledger, rows, select } from './ledger.ts'

const signal = AbortSignal.timeout(60_000)
const opened: { close(): unknown }[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const one of opened.splice(0)) await one.close()
})

async function serve(options: ServerOptions = {}) {
  const lines: string[] = []
  const warn = (fields: object, event: string) => lines.push(`${event} ${JSON.stringify(fields)}`)
  const server: OvsdbServer<typeof ledger> = new Server(ledger, {
    log: { debug: () => {}, warn },
    ...options,
  })
  const listener = await listen('ptcp:0:127.0.0.1', {}, (stream, peer) => {
    server.accept(stream, peer)
  })
  opened.push(server, listener)
  const to = `tcp:127.0.0.1:${(listener.address as InetEndpoint).port}`
  return { server, to, lines }
}
async function until(met: () => boolean) {
  while (!met()) await sleep(2)
}
const every = (ms: number, peer: Duplex, bytes: string) => {
  const timer = setInterval(() => peer.write(bytes), ms)
  peer.once('close', () => clearInterval(timer))
}
const select1000 = `{"id":1,"method":"transact","params":["Ledger",${Array(1000)
  .fill('{"op":"select","table":"Entry","where":[]}')
  .join()}]}`

/** Each with what is logged of it. */
const hostile: Record<string, [reason: RegExp, (peer: Duplex) => void]> = {
  'says nothing': [/silent/, () => {}],
  'sends text': [/found 0x47/, (peer) => peer.write('GET / HTTP/1.1\r\n\r\n')],
  'sends noise': [/found 0xcb/, (peer) => peer.write(Buffer.alloc(1 << 20, 0xcb))],
  'sends a message a byte at a time': [
    /silent/,
    (peer) => {
      peer.write('{"id":1,"method":"')
      every(3, peer, 'x')
    },
  ],
  'sends white space': [/silent/, (peer) => every(3, peer, ' ')],
  'sends half a message and waits': [/silent/, (peer) => peer.write('{"id":1,')],
  'sends depth without end': [/deeper than 64/, (peer) => peer.write(`{"a":${'['.repeat(1e5)}`)],
  'sends 4 GiB': [
    /message over 67108864 bytes/,
    (peer) => {
      peer.write('{"id":1,"method":"')
      const chunk = Buffer.alloc(1 << 20, 'x')
      let left = 4096
      const more = (): void => {
        while (left-- > 0 && !peer.destroyed) if (!peer.write(chunk)) return
      }
      peer.on('drain', more)
      more()
    },
  ],
  'asks for more than it reads': [
    /unread/,
    (peer) => {
      peer.pause()
      for (let i = 0; i < 100; i++) peer.write(select1000)
    },
  ],
}

test('peers that are up to no good are cut off with a logged reason and hurt nobody else', async () => {
  const { server, to, lines } = await serve({ echoIntervalMs: 1000 })
  server.transact([insert('Entry', { name: 'x'.repeat(20_000) })])
  const good = await OvsdbClient.open(await dial(to), { signal })
  await Promise.all(
    Object.values(hostile).map(async ([, act]) => {
      const peer = await dial(to)
      const gone = new Promise((resolve) => peer.once('close', resolve))
      peer.on('error', () => {}).resume()
      act(peer)
      // One that does not read is not told either: the server's log says it.
      await Promise.race([gone, until(() => lines.some((line) => /unread/.test(line)))])
      await until(() => lines.length >= Object.keys(hostile).length)
      peer.destroy()
    }),
  )
  expect(
    rows('Entry', (await good.transact(ledger, [select('Entry', [])], { signal }))[0]),
  ).toHaveLength(1)
  for (const [name, [reason]] of Object.entries(hostile)) {
    expect(lines.filter((line) => reason.test(line)).length, name).toBeGreaterThan(0)
  }
  for (const line of lines)
    expect(line).toMatch(/^ovsdb session closed {"peer":"tcp:127\.0\.0\.1:\d+","reason":/)
  expect(lines).toHaveLength(Object.keys(hostile).length)
  good.close()
})

describe('a transaction with a huge answer', () => {
  const many = (n: number) => Array.from({ length: n }, () => select('Entry', []))

  test('is refused, and what it had selected is not sent', async () => {
    const { server, to } = await serve({ maxResultBytes: 1_000_000 })
    server.transact([insert('Entry', { name: 'x'.repeat(20_000) })])
    const client = await OvsdbClient.open(await dial(to), { signal, maxBytes: 100_000 })
    expect(await client.transact(ledger, many(4), { signal })).toHaveLength(4)
    await expect(client.transact(ledger, many(60), { signal })).rejects.toMatchObject({
      tag: 'resources exhausted',
      operation: 49,
    })
    client.close()
  })

  test('of which each operation looks at little is refused by default as well', async () => {
    const { server, to } = await serve()
    server.transact(Array.from({ length: 500 }, (_, n) => insert('Entry', { name: `n${n}` })))
    const client = await OvsdbClient.open(await dial(to), { signal })
    await expect(client.transact(ledger, many(20_000), { signal })).rejects.toMatchObject({
      tag: 'resources exhausted',
    })
    client.close()
  })
})

describe('what clients have half sent, all together, is limited', () => {
  test('and who has sent most is cut off, by its reason', async () => {
    const { to, lines } = await serve({ maxHeldBytes: 100_000 })
    const good = await OvsdbClient.open(await dial(to), { signal })
    const peers: Duplex[] = []
    for (const size of [10_000, 60_000, 20_000, 30_000]) {
      const peer = await dial(to)
      peer.on('error', () => {})
      peer.write(`{"id":1,"method":"echo","params":["${'x'.repeat(size)}`)
      peers.push(peer)
    }
    await until(() => lines.length > 0)
    // The others finish theirs.
    for (const at of [0, 2, 3]) {
      const answered = new Promise((resolve) => peers[at]?.once('data', resolve))
      peers[at]?.write('"]}')
      await answered
    }
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('half sent over 100000 bytes together, this one 600')
    await good.transact(ledger, [select('Entry', [])], { signal })
    for (const peer of peers) peer.destroy()
    good.close()
  })

  test('and what is finished, or of clients that left, counts no more', () => {
    const ended: string[] = []
    const buffers = makeBuffers(10, 'half sent')
    const [a, b] = ['a', 'b'].map((name) => ({ close: () => void ended.push(name) }))
    if (!a || !b) return
    for (let i = 0; i < 100; i++) {
      buffers.hold(a, 6)
      buffers.hold(a, 0)
    }
    buffers.hold(a, 4)
    buffers.hold(b, 6)
    expect(ended).toEqual([])
    buffers.hold(b, 7)
    expect(ended).toEqual(['b'])
    buffers.hold(a, 10)
    expect(ended).toEqual(['b'])
  })

  test('nor what was read since it was told', () => {
    const ended: string[] = []
    const buffers = makeBuffers(10, 'left unread')
    const reader = { close: () => void ended.push('reader'), heldBytes: () => 1 }
    buffers.hold(reader, 9)
    buffers.hold({ close: () => void ended.push('idler') }, 8)
    expect(ended).toEqual([])
    buffers.hold({ close: () => void ended.push('third') }, 2)
    expect(ended).toEqual(['idler'])
  })
})

test('what clients leave unread, all together, is limited, and who leaves most is cut off', async () => {
  const { server, to, lines } = await serve({ maxUnreadBytes: 20_000_000 })
  server.transact([insert('Entry', { name: 'x'.repeat(1_000_000) })])
  const good = await OvsdbClient.open(await dial(to), { signal })
  const ask = async (times: number) => {
    const peer = await dial(to)
    peer.on('error', () => {}).pause()
    const operations = Array.from({ length: times }, () => select('Entry', []))
    peer.write(JSON.stringify({ id: 1, method: 'transact', params: ['Ledger', ...operations] }))
    await good.transact(ledger, [select('Entry', [])], { signal })
    return peer
  }
  // Each is within its own limit of 64 MiB, and within that of all but the last.
  const peers = [await ask(8), await ask(15), await ask(8)]
  await until(() => lines.length > 0)
  await good.transact(ledger, [select('Entry', [])], { signal })
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/left unread over 20000000 bytes together, this one 1\d{7}/)
  for (const peer of peers) peer.destroy()
  good.close()
})

describe('a peer is there', () => {
  const idle = { heldBytes: 0, arrivedBytes: 0, messages: 0, sentBytes: 0, unreadBytes: 0 }
  /** Runs intervals, each after a change of the line; how many until the end, and how many probes. */
  function watch(intervals: number, change: (line: typeof idle, i: number) => void) {
    vi.useFakeTimers()
    const line = { ...idle }
    let probes = 0
    let ended: string | undefined
    const end = ({ message }: Error) => {
      ended ??= message
      stop()
    }
    const stop = watchLiveness(() => line, 1000, {
      ...{ clock: systemClock, probe: () => probes++, end },
    })
    let i = 0
    for (; i < intervals && !ended; i++) {
      change(line, i)
      vi.advanceTimersByTime(1000)
      vi.advanceTimersByTime(1) // the immediates that these made
    }
    stop()
    return { ended, intervals: i, probes }
  }

  test('while it answers', () => {
    expect(watch(50, (line) => line.messages++)).toEqual({
      ended: undefined,
      intervals: 50,
      probes: 50,
    })
  })
  test('not when it is silent, or sends a byte now and then', () => {
    const silent = { ended: 'timed out: peer silent for 2000 ms', intervals: 2, probes: 1 }
    expect(watch(50, () => {})).toEqual(silent)
    expect(watch(50, (line) => Object.assign(line, { heldBytes: ++line.arrivedBytes }))).toEqual(
      silent,
    )
  })
  test('while a large message makes progress, however long it takes', () => {
    const more = (line: typeof idle) => {
      line.arrivedBytes += 20_000
      line.heldBytes += 20_000
    }
    expect(watch(500, more)).toMatchObject({ ended: undefined })
  })
  test('while it reads what it was sent, and for a while when it does not', () => {
    const sent = { sentBytes: 1e6, unreadBytes: 1e6 }
    expect(
      watch(500, (line, i) => Object.assign(line, sent, { unreadBytes: 1e6 - i })),
    ).toMatchObject({
      ended: undefined,
    })
    expect(watch(500, (line) => Object.assign(line, sent))).toMatchObject({
      ended: 'timed out: peer left 1000000 bytes unread for 12000 ms',
    })
  })
})
