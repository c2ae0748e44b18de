import { createSocket } from 'node:dgram'
import { afterEach, expect, test, vi } from 'vitest'
import { addPort } from '../../../dataplane/switch/operator.ts'
import { ethernetFrame } from '../../../southbound/wire/frame.ts'
import { apply, type Host, output, startHost } from '../rig.ts'
import { inner } from './frames.ts'

const hosts: Host[] = []
afterEach(() => {
  for (const { host } of hosts.splice(0)) host.close()
})
const until = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 10 })

/** A UDP port that nobody has now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

async function start(name: string, own: string, peer: string, dst_port: number) {
  const host = await startHost(name)
  hosts.push(host)
  host.host.useUnderlay({ kind: 'udp', addresses: [own], mtuBytes: 1500, sourcePorts: 2 })
  addPort(host.host, 'br-int', 't0', {
    type: 'vxlan',
    options: { key: '7', remote_ip: peer, dst_port: String(dst_port) },
    ofport_request: 100,
  })
  const vm = host.plug('vm', 1)
  await until(() => expect(host.bridge.ports.size).toBeGreaterThan(2))
  await host.flow(0, 1, { in_port: 1 }, [apply(output(100))])
  await host.flow(0, 1, { in_port: 100 }, [apply(output(1))])
  return { ...host, vm }
}

test('frames cross between two switches over UDP sockets, without rights', async () => {
  // Each would be on the screen of whoever starts a switch.
  const warnings: Error[] = []
  const note = (warning: Error) => void warnings.push(warning)
  process.on('warning', note)
  const port = await freePort()
  const a = await start('a', '127.0.0.1', '127.0.0.2', port)
  const b = await start('b', '127.0.0.2', '127.0.0.1', port)
  const got: Uint8Array[] = b.vm.received
  await until(() => {
    a.vm.send(inner())
    expect(got.length).toBeGreaterThan(0)
  })
  expect(got[0]).toEqual(inner())
  await until(() => {
    b.vm.send(inner(0, 9))
    expect(a.vm.received.length).toBeGreaterThan(0)
  })
  expect(a.vm.received[0]).toEqual(inner(0, 9))
  // The largest that fits 1,500 bytes of IP, and one byte more.
  const frame = (size: number) =>
    ethernetFrame({ src: 2, dst: 4, type: 0x88b5, payload: new Uint8Array(size - 14) })
  a.vm.send(frame(1464))
  await until(() => expect(got.at(-1)).toEqual(frame(1464)))
  a.vm.send(frame(1465))
  await until(() => expect(a.host.drops.of('underlay_mtu_exceeded')).toBe(1))
  process.off('warning', note)
  expect(warnings).toEqual([])
})

test('over IPv6 too; what is no VXLAN is a named drop', async () => {
  const port = await freePort()
  const a = await start('a', '::1', '::1', port)
  await until(() => {
    a.vm.send(inner())
    expect(a.vm.received.length).toBeGreaterThan(0)
  })
  expect(a.vm.received[0]).toEqual(inner())
  const socket = createSocket('udp6')
  const good = Uint8Array.from([8, 0, 0, 0, 0, 0, 7, 0, ...inner()])
  for (let size = 0; size < 22; size++) socket.send(good.subarray(0, size), port, '::1')
  await until(() => expect(a.host.drops.of('vxlan_malformed')).toBe(22))
  socket.close()
})

test('a port that somebody else has is taken as soon as it is free', async () => {
  const port = await freePort()
  const other = createSocket('udp4')
  await new Promise<void>((resolve) => other.bind(port, '127.0.0.1', resolve))
  const a = await start('a', '127.0.0.1', '127.0.0.1', port)
  a.vm.send(inner())
  await new Promise<void>((resolve) => other.close(() => resolve()))
  await until(() => {
    a.vm.send(inner())
    expect(a.vm.received.length).toBeGreaterThan(0)
  })
})
