import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FramePort } from '../../../dataplane/ports/frame-port.ts'
import { openPacketPort } from '../../../dataplane/ports/packet-socket.ts'
import { loadCap, pcapPort } from '../../../dataplane/ports/pcap.ts'
import { openTapPort } from '../../../dataplane/ports/tap.ts'
import { addBridge, addPort } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import type { UnderlayOptions } from '../../../dataplane/tunnel/underlay.ts'
import { inNamespace } from '../../../topologies/lab/netns/namespace.ts'
import { needs } from '../../needs.ts'
import { openSegment, type Segment } from '../ports/segment.ts'
import { addFlow, apply, connect, output } from '../rig.ts'

const VTEP_MAC = 0x020000000901

interface Kind {
  readonly name: string
  /** Whether the outer header has the inner one's ECN. */
  readonly carriesEcn: boolean
  /** Whether checksums that the far kernel leaves to its card are completed: else it has to do it. */
  readonly completes: boolean
  readonly open: (segment: Segment) => Promise<{ options: UnderlayOptions; close(): void }>
}

/** A raw underlay on a device; the VTEP is the switch's own, and the machine's stack has no part in it. */
const raw = (
  name: string,
  completes: boolean,
  open: (segment: Segment) => Promise<FramePort>,
): Kind => ({
  name,
  carriesEcn: true,
  completes,
  async open(segment) {
    const port = await open(segment)
    const addresses = ['192.0.2.1/24', '2001:db8::1/64']
    return { options: { port, mac: VTEP_MAC, addresses }, close: () => port.close?.() }
  },
})

const kinds: readonly Kind[] = [
  raw('a packet port with a VTEP of its own', true, ({ inNear }) =>
    inNear(() => openPacketPort('u0')),
  ),
  raw('a pcap port with a VTEP of its own', false, async ({ inNear }) => {
    const cap = await loadCap()
    return inNear(() => pcapPort(cap, 'u0'))
  }),
  {
    name: 'UDP sockets',
    carriesEcn: false,
    completes: false,
    async open({ ip, near }) {
      await ip(near, 'address', 'add', '192.0.2.1/24', 'dev', 'u0')
      await ip(near, 'address', 'add', '2001:db8::1/64', 'dev', 'u0', 'nodad')
      return { options: { kind: 'udp', mtuBytes: 9070 }, close() {} }
    },
  },
]

const wanted = needs('root', 'netns', 'iproute2', 'ping', 'ethtool', 'tun', 'cap')

describe.each(kinds)(
  'a kernel VXLAN device and our switch over $name',
  wanted,
  ({ open, completes, carriesEcn }) => {
    let segment: Segment
    let host: Switch
    let tap: FramePort
    let closeUnderlay = () => {}

    beforeAll(async () => {
      segment = await openSegment(9070)
      const { ip, exec, near, far } = segment
      for (const namespace of [near, far]) {
        await exec(namespace, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=0')
        await exec(namespace, 'sysctl', '-qw', 'net.ipv6.conf.u0.disable_ipv6=0')
      }
      await ip(far, 'address', 'add', '192.0.2.2/24', 'dev', 'u0')
      await ip(far, 'address', 'add', '2001:db8::2/64', 'dev', 'u0', 'nodad')
      if (!completes) await exec(far, 'ethtool', '-K', 'u0', 'tx', 'off')
      const device = async (name: string, vni: string, us: string, them: string, inner: string) => {
        const to = ['local', them, 'remote', us, 'dstport', '4789']
        await ip(far, 'link', 'add', name, 'type', 'vxlan', 'id', vni, ...to)
        await ip(far, 'link', 'set', name, 'mtu', '9000', 'up')
        await ip(far, 'address', 'add', inner, 'dev', name)
      }
      await device('vx4', '5001', '192.0.2.1', '192.0.2.2', '10.4.0.2/24')
      await device('vx6', '5002', '2001:db8::1', '2001:db8::2', '10.6.0.2/24')
      // The station behind our switch: the kernel's end of a tap.
      tap = await segment.inNear(() => openTapPort({ name: 'vm0', mtuBytes: 9000 }))
      await ip(near, 'address', 'add', '10.4.0.1/24', 'dev', 'vm0')
      await ip(near, 'address', 'add', '10.6.0.1/24', 'dev', 'vm0')

      const { options, close } = await open(segment)
      closeUnderlay = close
      // Sockets are made when a tunnel port asks for them: within this namespace, as all the rest.
      host = segment.inNear(
        () => new Switch({ systemId: 'h1', dial: () => Promise.reject(new Error('nobody')) }),
      )
      host.register('vm0', tap)
      addBridge(host, 'br-int')
      addPort(host, 'br-int', 'vm0', { ofport_request: 1 })
      const vxlan = (remote_ip: string, key: string) => ({
        type: 'vxlan',
        options: { remote_ip, key },
      })
      addPort(host, 'br-int', 't4', { ...vxlan('192.0.2.2', '5001'), ofport_request: 4 })
      addPort(host, 'br-int', 't6', { ...vxlan('2001:db8::2', '5002'), ofport_request: 6 })
      const bridge = await host.whenBridge('br-int', AbortSignal.timeout(5000))
      const controller = await connect(bridge)
      const to = (port: number, network: number) => [
        addFlow(0, 2, { in_port: 1, eth_type: 0x800, ipv4_dst: [network, 0xffffff00] }, [
          apply(output(port)),
        ]),
        addFlow(0, 2, { in_port: 1, eth_type: 0x806, arp_tpa: [network, 0xffffff00] }, [
          apply(output(port)),
        ]),
        addFlow(0, 1, { in_port: port }, [apply(output(1))]),
      ]
      for (const flow of [...to(4, 0x0a040000), ...to(6, 0x0a060000)]) void controller.send(flow)
      await controller.barrier()
      segment.inNear(() => host.useUnderlay(options))
    })
    afterAll(async () => {
      host?.close()
      closeUnderlay()
      tap?.close?.()
      await segment?.close()
    })

    const networks = [
      ['IPv4', '10.4.0', 9000],
      ['IPv6', '10.6.0', 9000],
    ] as const

    test.each(networks)(
      'over %s, pings pass both ways, at all sizes up to the edge',
      async (_, net) => {
        for (const bytes of [56, 1450 - 28, 8950 - 28, 9000 - 28]) {
          expect([bytes, await segment.ping(segment.near, `${net}.2`, bytes)]).toEqual([
            bytes,
            true,
          ])
          expect([bytes, await segment.ping(segment.far, `${net}.1`, bytes)]).toEqual([bytes, true])
        }
      },
    )

    test('over IPv4 one byte more than fits the underlay is dropped by name', async () => {
      await segment.ip(segment.near, 'link', 'set', 'vm0', 'mtu', '9100')
      expect(await segment.ping(segment.near, '10.4.0.2', 9020 - 28)).toBe(true)
      const before = host.drops.of('underlay_mtu_exceeded')
      expect(await segment.ping(segment.near, '10.4.0.2', 9021 - 28)).toBe(false)
      expect(host.drops.of('underlay_mtu_exceeded')).toBe(before + 1)
      await segment.ip(segment.near, 'link', 'set', 'vm0', 'mtu', '9000')
    })

    test('the kernel and we see each other’s DSCP, ECN and TTL in the outer header', async () => {
      const wire = await inNamespace(segment.far, () => openPacketPort('u0'))
      const outer: { from: number; tos: number; inner: number; ttl: number }[] = []
      wire.onReceive((bytes, start) => {
        // IPv4, UDP, an inner IPv4 header behind 50 bytes.
        if (bytes[start + 12] !== 8 || bytes[start + 23] !== 17 || bytes[start + 62] !== 8) return
        const at = (offset: number) => bytes[start + offset]!
        outer.push({ from: at(29), tos: at(15), inner: at(65), ttl: at(22) })
      })
      // DSCP 46 with ECT(0): our port has no tos option, so that only the ECN goes outside.
      expect(await segment.ping(segment.near, '10.4.0.2', 56, '-Q', '0xba')).toBe(true)
      wire.close()
      // UDP sockets carry no ECN at all: the compatibility mode.
      const tos = carriesEcn ? 0x02 : 0
      expect(outer).toEqual([{ from: 1, tos, inner: 0xba, ttl: 64 }])
    })

    test('TCP connects and carries data: no checksum is left undone', async () => {
      const server = `import socket
s = socket.create_server(('10.4.0.2', 9999))
c, _ = s.accept()
n = 0
while True:
    d = c.recv(65536)
    if not d: break
    n += len(d)
print(n)`
      const client = `import socket, time
for _ in range(50):
    try:
        c = socket.create_connection(('10.4.0.2', 9999), 5); break
    except ConnectionRefusedError: time.sleep(0.1)
c.sendall(b'x' * 300000)
c.close()`
      const received = segment.exec(segment.far, 'timeout', '20', 'python3', '-c', server)
      await segment.exec(segment.near, 'timeout', '20', 'python3', '-c', client)
      expect((await received).trim()).toBe('300000')
    })

    test('nothing was a fault of the switch, and nothing came malformed', () => {
      const { exception, vxlan_checksum, vxlan_malformed, underlay_malformed } = host.drops.read()
      const all = { exception, vxlan_checksum, vxlan_malformed, underlay_malformed }
      expect(all).toEqual({})
    })
  },
)
