import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type OpenPort, PortError } from '../../../dataplane/ports/frame-port.ts'
import { frameReader } from '../../../dataplane/ports/frame-reader.ts'
import { readPcapFile } from '../../../dataplane/ports/pcap-file.ts'
import { openStreamPort } from '../../../dataplane/ports/stream.ts'
import { addPort } from '../../../dataplane/switch/operator.ts'
import { apply, output, startHost } from '../rig.ts'

const frame = (size: number, mark = 0) => new Uint8Array(size).fill(mark)
const until = (check: () => void | Promise<void>) =>
  vi.waitFor(check, { timeout: 5000, interval: 5 })

let folder: string
let open: { close?(): unknown }[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-stream-'))
  open = []
})
afterEach(() => {
  for (const one of open) one.close?.()
  rmSync(folder, { recursive: true })
})

/** A port, and the frames that came to it. */
async function port(endpoint: string, mtuBytes?: number) {
  const it = await openStreamPort({ name: endpoint.slice(0, 4), endpoint, mtuBytes })
  open.push(it)
  const received: Uint8Array[] = []
  it.onReceive((bytes, start, end) => void received.push(bytes.slice(start, end)))
  return { it, received, send: (bytes: Uint8Array) => it.transmit(bytes, 0, bytes.length) }
}
const isUp = (...ports: { it: OpenPort }[]) =>
  until(() => expect(ports.map(({ it }) => it.up)).toEqual(ports.map(() => true)))

describe('stream ports', () => {
  test('frames cross a unix socket both ways, whole, in order, of every size', async () => {
    const a = await port(`punix:${folder}/s`)
    const b = await port(`unix:${folder}/s`)
    await isUp(a, b)
    const frames = [14, 60, 1514, 9014, 65_535, 60].map((size, i) => frame(size, i + 1))
    for (const one of frames) a.send(one)
    for (const one of frames) b.send(one)
    await until(() => expect([a.received.length, b.received.length]).toEqual([6, 6]))
    expect(a.received).toEqual(frames)
    expect(b.received).toEqual(frames)
    const bytes = frames.reduce((sum, { length }) => sum + length, 0)
    expect(a.it.counters).toMatchObject({
      rxFrames: 6,
      rxBytes: bytes,
      txFrames: 6,
      txBytes: bytes,
    })
  })

  test('the wire is a length of two bytes, big-endian, in front of each frame', async () => {
    const a = await port('ptcp:0:127.0.0.1')
    const bytes: Buffer[] = []
    const { connect } = await import('node:net')
    const socket = connect(Number(a.it.endpoint.split(':')[1]), '127.0.0.1')
    open.push({ close: () => socket.destroy() })
    socket.on('data', (piece) => void bytes.push(piece))
    await isUp(a)
    a.send(frame(258, 7))
    await until(() => expect(Buffer.concat(bytes).length).toBe(260))
    expect([...Buffer.concat(bytes).subarray(0, 4)]).toEqual([1, 2, 7, 7])
    socket.write(Buffer.from([0, 0, 0, 1, 9]))
    await until(() => expect(a.received).toEqual([frame(0), frame(1, 9)]))
  })

  test('who dials tries again until somebody listens, and again when that one is gone', async () => {
    const b = await port(`unix:${folder}/late`)
    expect(b.it.up).toBe(false)
    const states: boolean[] = []
    b.it.onState(() => void states.push(b.it.up))
    b.send(frame(60))
    expect(b.it.counters.txDropped).toBe(1)
    for (const mark of [1, 2]) {
      const a = await port(`punix:${folder}/late`)
      await isUp(b)
      b.send(frame(60, mark))
      await until(() => expect(a.received).toEqual([frame(60, mark)]))
      a.it.close()
      await until(() => expect(b.it.up).toBe(false))
    }
    expect(states).toEqual([true, false, true, false])
  })

  test('every peer of a listening port gets every frame', async () => {
    const a = await port(`punix:${folder}/s`)
    const peers = [await port(`unix:${folder}/s`), await port(`unix:${folder}/s`)]
    await isUp(a, ...peers)
    await until(() => {
      a.send(frame(60, 1))
      expect(peers.map(({ received }) => received.length > 0)).toEqual([true, true])
    })
  })

  test('a frame over 65,535 bytes is refused and counted', async () => {
    const a = await port(`punix:${folder}/s`)
    const b = await port(`unix:${folder}/s`)
    await isUp(a, b)
    a.send(frame(65_536))
    a.send(frame(60))
    await until(() => expect(b.received).toEqual([frame(60)]))
    expect(a.it.counters).toMatchObject({ txErrors: 1, txFrames: 1 })
  })

  test('a peer that does not read loses frames, and no memory grows without end', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => void sockets.push(socket.pause()))
    await new Promise<void>((resolve) => server.listen(join(folder, 'slow'), resolve))
    open.push(server, { close: () => sockets[0]?.destroy() })
    const a = await port(`unix:${folder}/slow`)
    await isUp(a)
    for (let i = 0; i < 300; i++) a.send(frame(60_000))
    expect(a.it.counters.txFrames).toBeLessThan(100)
    expect(a.it.counters.txFrames + a.it.counters.txDropped).toBe(300)
  })

  test('a peer that does not read keeps so many frames, however short they are', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => void sockets.push(socket.pause()))
    await new Promise<void>((resolve) => server.listen(join(folder, 'slow'), resolve))
    open.push(server, { close: () => sockets[0]?.destroy() })
    const a = await port(`unix:${folder}/slow`)
    await isUp(a)
    // In one turn of the event loop: the kernel takes nothing meanwhile.
    for (let i = 0; i < 20_000; i++) a.send(frame(14))
    expect(a.it.counters).toMatchObject({ txFrames: 16_384, txDropped: 20_000 - 16_384 })
    // What it reads makes room again.
    sockets[0]?.resume()
    await until(() => {
      a.send(frame(14))
      expect(a.it.counters.txFrames).toBeGreaterThan(16_384)
    })
  })

  test('what cannot be an endpoint is refused in one sentence', async () => {
    for (const endpoint of ['', 'unix:', 'ssl:127.0.0.1:1', `punix:${folder}/no/such`]) {
      await expect(openStreamPort({ name: 'p1', endpoint })).rejects.toThrow(PortError)
    }
  })
})

test('a stream is cut into the same frames wherever it is torn', () => {
  const frames = [frame(0), frame(1, 1), frame(14, 2), frame(300, 3), frame(0), frame(2, 4)]
  const joined = Buffer.concat(
    frames.map((one) => Buffer.concat([Buffer.from([one.length >> 8, one.length & 255]), one])),
  )
  const stream = new Uint8Array(joined)
  for (let first = 0; first <= stream.length; first++) {
    for (const second of [first, first + 1, first + 2, first + 40, stream.length]) {
      const got: Uint8Array[] = []
      const reader = frameReader((bytes, start, end) => void got.push(bytes.slice(start, end)))
      reader.push(stream.subarray(0, first))
      reader.push(stream.subarray(first, second))
      reader.push(stream.subarray(second))
      expect(got).toEqual(frames)
      expect(reader.waiting).toBe(0)
    }
  }
})

test.each(['stream', 'dummy'])(
  'an interface of type %s is a port of a bridge, and bad frames are named drops there',
  async (type) => {
    const host = await startHost('h1')
    open.push(host.host)
    addPort(host.host, 'br-int', 'p1', {
      type,
      options: { pstream: `punix:${folder}/p1`, pcap: `${folder}/p1.pcap` },
      ofport_request: 1,
    })
    addPort(host.host, 'br-int', 'p2', {
      type,
      options: { stream: `unix:${folder}/p2` },
      ofport_request: 2,
    })
    const far2 = await port(`punix:${folder}/p2`)
    await until(() => expect([...host.bridge.ports.keys()].sort()).toContain(1))
    const far1 = await port(`unix:${folder}/p1`)
    await isUp(far1, far2)
    await until(() => expect(host.bridge.ports.get(2)?.up).toBe(true))
    await host.flow(0, 1, { in_port: 1 }, [apply(output(2))])
    far1.send(frame(60, 2))
    await until(() => expect(far2.received).toEqual([frame(60, 2)]))
    for (let size = 0; size < 14; size++) far1.send(frame(size))
    far1.send(frame(65_535, 2))
    await until(() => expect(far2.received).toHaveLength(2))
    expect(host.host.drops.read()).toEqual({ frame_truncated: 14 })
    // Open vSwitch's options:pcap=FILE.
    host.host.close()
    const sizes: number[] = []
    await until(async () => {
      sizes.length = 0
      for await (const { frame } of readPcapFile(`${folder}/p1.pcap`)) sizes.push(frame.length)
      expect(sizes).toHaveLength(16)
    })
    expect(sizes.slice(0, 3)).toEqual([60, 0, 1])
  },
)
