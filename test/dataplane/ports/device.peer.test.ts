import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type OpenPort, PortError } from '../../../dataplane/ports/frame-port.ts'
import { openPacketPort } from '../../../dataplane/ports/packet-socket.ts'
import { openTapPort } from '../../../dataplane/ports/tap.ts'
import { addPort } from '../../../dataplane/switch/operator.ts'
import { inNamespace } from '../../../topologies/lab/netns/namespace.ts'
import { needs } from '../../needs.ts'
import { startHost } from '../rig.ts'
import { openSegment, type Segment } from './segment.ts'

const until = (check: () => void | Promise<void>) =>
  vi.waitFor(check, { timeout: 5000, interval: 10 })

/** EtherType 0x88b5: nobody else's. */
const frame = (size: number, mark: number, ...head: number[]) => {
  const out = new Uint8Array(size).fill(mark)
  out.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...head, 0x88, 0xb5])
  return out
}
function listen(port: OpenPort): Uint8Array[] {
  const received: Uint8Array[] = []
  port.onReceive((bytes, start, end) => {
    const one = bytes.slice(start, end)
    if (one.join().includes('136,181')) received.push(one)
  })
  return received
}
const send = (port: OpenPort, bytes: Uint8Array) => port.transmit(bytes, 0, bytes.length)

describe('devices of the machine', needs('root', 'netns', 'iproute2', 'tun', 'ping'), () => {
  let segment: Segment
  let near: OpenPort
  let far: OpenPort
  beforeAll(async () => {
    segment = await openSegment(9000)
    near = await segment.inNear(() => openPacketPort('u0'))
    far = await inNamespace(segment.far, () => openPacketPort('u0'))
    await until(() => expect([near.up, far.up]).toEqual([true, true]))
  })
  afterAll(async () => {
    near?.close()
    far?.close()
    await segment?.close()
  })

  test('frames cross a wire between two packet ports, tagged or not, and none comes back', async () => {
    const at = { near: listen(near), far: listen(far) }
    const tag = [0x81, 0x00, 0x60, 0x05]
    const frames = [
      frame(60, 1),
      frame(9014, 2),
      frame(64, 3, ...tag),
      frame(68, 4, 0x88, 0xa8, 0, 7, ...tag),
      frame(9018, 5, ...tag),
    ]
    for (const one of frames) send(near, one)
    await until(() => expect(at.far).toHaveLength(frames.length))
    expect(at.far).toEqual(frames)
    expect(at.near).toEqual([])
    expect(near.counters.txFrames).toBe(frames.length)
    expect(far.counters.rxFrames).toBeGreaterThanOrEqual(frames.length)
  })

  test('a burst in one turn arrives whole and in order', async () => {
    const got = listen(far)
    const count = 2000
    const one = frame(1000, 0)
    for (let i = 0; i < count; i++) {
      new DataView(one.buffer).setUint32(20, i)
      send(near, one)
    }
    await until(() => expect(got).toHaveLength(count))
    expect(got.every((bytes, i) => new DataView(bytes.buffer).getUint32(20) === i)).toBe(true)
    expect(far.counters.rxDropped).toBe(0)
  })

  test('a frame over the MTU is counted as an error, and nothing is thrown', () => {
    const before = near.counters.txErrors
    send(near, frame(9015, 1))
    send(near, new Uint8Array(0))
    expect(near.counters.txErrors).toBe(before + 2)
  })

  test('address, MTU and link state are the device’s, and are told when they change', async () => {
    const { address } = JSON.parse(await segment.ip(segment.near, '-j', 'link', 'show', 'u0'))[0]
    expect(near.mac.toString(16).padStart(12, '0')).toBe(address.replaceAll(':', ''))
    let told = 0
    const stop = near.onState(() => void told++)
    near.setMtu?.(1400)
    expect([near.mtuBytes, told]).toEqual([1400, 1])
    near.setMtu?.(10)
    expect(near.mtuBytes).toBe(1400)
    await segment.ip(segment.near, 'link', 'set', 'u0', 'mtu', '2000')
    await until(() => expect(near.mtuBytes).toBe(2000))
    await segment.ip(segment.far, 'link', 'set', 'u0', 'down')
    await until(() => expect(near.up).toBe(false))
    send(near, frame(60, 1))
    await segment.ip(segment.far, 'link', 'set', 'u0', 'up')
    await until(() => expect([near.up, far.up]).toEqual([true, true]))
    expect(told).toBeGreaterThan(2)
    stop()
    const got = listen(far)
    await until(() => {
      send(near, frame(60, 9))
      expect(got.length).toBeGreaterThan(0)
    })
  })

  test('a tap is a device of the kernel that goes with its port', async () => {
    const mac = 0x020000000077
    const tap = await segment.inNear(() => openTapPort({ name: 't0', mac, mtuBytes: 4000 }))
    expect([tap.mac, tap.mtuBytes, tap.up]).toEqual([mac, 4000, true])
    const seen: Uint8Array[] = []
    tap.onReceive((bytes, start, end) => void seen.push(bytes.slice(start, end)))
    await segment.ip(segment.near, 'address', 'add', '10.9.0.1/24', 'dev', 't0')
    await segment.ping(segment.near, '10.9.0.2', 8, '-W', '1')
    const isArp = (bytes: Uint8Array) => bytes[12] === 8 && bytes[13] === 6 && bytes[41] === 2
    expect(seen.some(isArp)).toBe(true)
    await expect(segment.inNear(() => openTapPort({ name: 't0' }))).rejects.toThrow(/t0 .*EBUSY/)
    tap.close()
    const links: { ifname: string }[] = JSON.parse(await segment.ip(segment.near, '-j', 'link'))
    expect(links.map(({ ifname }) => ifname)).not.toContain('t0')
    send(tap, frame(60, 1))
    expect(tap.counters.txDropped).toBe(1)
  })

  test('a device that is deleted under its port is down, and nothing throws', async () => {
    await segment.ip(segment.near, 'link', 'add', 'x0', 'type', 'veth', 'peer', 'name', 'x1')
    for (const name of ['x0', 'x1']) await segment.ip(segment.near, 'link', 'set', name, 'up')
    const port = await segment.inNear(() => openPacketPort('x0'))
    await until(() => expect(port.up).toBe(true))
    await segment.ip(segment.near, 'link', 'del', 'x0')
    await until(() => expect(port.up).toBe(false))
    send(port, frame(60, 1))
    expect(port.counters.txErrors).toBe(1)
    // Another device of that name is not the one that it was.
    await segment.ip(segment.near, 'link', 'add', 'x0', 'type', 'veth', 'peer', 'name', 'x1')
    for (const name of ['x0', 'x1']) await segment.ip(segment.near, 'link', 'set', name, 'up')
    const next = await segment.inNear(() => openPacketPort('x0'))
    await until(() => expect(next.up).toBe(true))
    expect([port.up, port.gone, next.gone]).toEqual([false, true, false])
    next.close()
    port.close()
    port.close()
  })

  test('an interface whose device was taken away has one again as soon as there is one', async () => {
    const name = `wt${process.pid}`
    const { host, bridge } = await startHost('h1')
    addPort(host, 'br-int', name, { type: 'tap', ofport_request: 7 })
    const index = () => {
      const rows = [...host.database.table('Interface').values()]
      return rows.find((row) => row.name === name)?.ifindex
    }
    await until(() => expect(bridge.ports.get(7)?.up).toBe(true))
    const before = index()
    await promisify(execFile)('ip', ['link', 'del', name])
    await until(() => expect([bridge.ports.get(7)?.up, index() === before]).toEqual([true, false]))
    host.close()
  })

  test('what cannot be opened is refused in one sentence', async () => {
    for (const name of ['no-such-dev', '', 'x'.repeat(16), 'a b']) {
      await expect(segment.inNear(() => openPacketPort(name))).rejects.toThrow(PortError)
    }
    await expect(openPacketPort('no-such-dev')).rejects.toThrow(
      'could not open network device no-such-dev (No such device)',
    )
  })
})
