/**
 * ovs-vsctl and ovs-ofctl make queues and ask for them: one session on `weft switch`, on a real
 * ovs-vswitchd with dummy ports, and on one with a veth that the kernel's HTB shapes; they must answer
 * alike. Dummy ports take a QoS and mark packets, but have one queue each that nothing counts. Open
 * vSwitch's userspace datapath sends nothing by other queues than 0, and tells no rates: those are shown on
 * ours alone.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OpenPort } from '../../../dataplane/ports/frame-port.ts'
import { openPacketPort } from '../../../dataplane/ports/packet-socket.ts'
import { openStreamPort, type StreamPort } from '../../../dataplane/ports/stream.ts'
import { inNamespace } from '../../../topologies/lab/netns/namespace.ts'
import { needs } from '../../needs.ts'
import { udp } from '../openflow/messages.ts'
import { openSegment } from '../ports/segment.ts'
import { openVswitchd } from '../ports/vswitchd.ts'
import { startSwitch, until } from '../switch/process.ts'

interface Host {
  vsctl(...args: readonly string[]): Promise<string>
  /** What `ovs-ofctl -O OpenFlow13 COMMAND BRIDGE ARGS` said, on whichever stream. */
  ofctl(command: string, ...args: readonly string[]): Promise<string>
  /** The other end of port 1. */
  readonly p1: StreamPort
  /** Frames of UDP that left by port 2. */
  readonly received: Uint8Array[]
  close(): Promise<void>
}

/** Without xids, times, and the request that an error quotes. */
const plain = (text: string) =>
  text
    .replace(/ \(xid=0x[0-9a-f]+\)/g, '')
    .replace(/duration=[0-9.]+s/g, 'duration=…')
    .split('\n')
    .filter((line) => line !== '' && !/^OFP(T|ST)_QUEUE\w* request|GET_CONFIG_REQUEST/.test(line))
    .join('\n')

async function cable(vsctl: Host['vsctl'], folder: string, name: string): Promise<StreamPort> {
  const path = `${folder}/${name}.sock`
  const row = ['type=dummy', `options:pstream=punix:${path}`, `ofport_request=${name.slice(1)}`]
  await vsctl('add-port', 'br0', name, '--', 'set', 'Interface', name, ...row, 'mtu_request=1500')
  const port = await openStreamPort({ name, endpoint: `unix:${path}` })
  await until(
    () => port.up,
    (up) => up,
  )
  return port
}

async function plugged(
  of: Pick<Host, 'vsctl' | 'ofctl'>,
  p1: StreamPort,
  p2: OpenPort,
  close: () => Promise<void> | void,
): Promise<Host> {
  const received: Uint8Array[] = []
  p2.onReceive((bytes, start, end) => {
    const frame = bytes.slice(start, end)
    // A kernel has something to say of its own.
    if (frame[12] === 8 && frame[13] === 0) received.push(frame)
  })
  const said = async (command: string, ...args: readonly string[]) => {
    try {
      return plain(await of.ofctl(command, ...args))
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: string }
      return plain(stderr ?? message.replace(/^.*?: \d+ /s, ''))
    }
  }
  return {
    ...{ vsctl: of.vsctl, ofctl: said, p1, received },
    async close() {
      p1.close()
      p2.close()
      await close()
    },
  }
}

const ours = async (): Promise<Host> => {
  const { folder, vsctl, ofctl, close } = await startSwitch()
  await vsctl('add-br', 'br0', '--', 'set-fail-mode', 'br0', 'secure')
  const [p1, p2] = [await cable(vsctl, folder, 'p1'), await cable(vsctl, folder, 'p2')]
  const ask = (command: string, ...args: readonly string[]) => ofctl(command, 'br0', ...args)
  return plugged({ vsctl, ofctl: ask }, p1, p2, close)
}
const dummy = async (): Promise<Host> => {
  const ovs = await openVswitchd('override')
  const [p1, p2] = [
    await cable(ovs.vsctl, ovs.folder, 'p1'),
    await cable(ovs.vsctl, ovs.folder, 'p2'),
  ]
  return plugged(ovs, p1, p2, ovs.close)
}
const htb = async (): Promise<Host> => {
  const segment = await openSegment(1500)
  for (const words of ['down', 'name p2', 'up']) {
    const device = words === 'up' ? 'p2' : 'u0'
    await segment.ip(segment.near, 'link', 'set', device, ...words.split(' '))
  }
  const ovs = await openVswitchd('beside', segment.near)
  const p1 = await cable(ovs.vsctl, ovs.folder, 'p1')
  await ovs.vsctl('add-port', 'br0', 'p2', '--', 'set', 'Interface', 'p2', 'ofport_request=2')
  const p2 = await inNamespace(segment.far, () => openPacketPort('u0'))
  return plugged(ovs, p1, p2, async () => {
    ovs.close()
    await segment.close()
  })
}

/** As ovs-vsctl(8) has it under "Quality of Service". */
const CREATE = [
  ...['--', 'set', 'port', 'p2', 'qos=@newqos'],
  ...['--', '--id=@newqos', 'create', 'qos', 'type=linux-htb', 'other-config:max-rate=1000000'],
  ...['queues:123=@q1', 'queues:7=@q2'],
  ...['--', '--id=@q1', 'create', 'queue', 'other-config:max-rate=10', 'dscp=46'],
  ...['--', '--id=@q2', 'create', 'queue', 'other-config:min-rate=250000'],
]
const DESTROY = ['--', 'clear', 'Port', 'p2', 'qos', '--', '--all', 'destroy', 'QoS']

describe.each([
  ['weft switch', ours, ['ovs'], true],
  ['ovs-vswitchd with dummy ports', dummy, ['ovs'], false],
  ['ovs-vswitchd over HTB', htb, ['ovs', 'root', 'netns', 'iproute2'], true],
] as const)('%s', (_name, open, wanted, hasQueues) => {
  describe('a session', needs(...wanted), () => {
    let host: Host
    beforeAll(async () => {
      host = await open()
    })
    afterAll(() => host?.close())

    test('rows are made, listed and taken away', async () => {
      const uuids = (await host.vsctl(...CREATE)).trim().split('\n')
      expect(uuids).toHaveLength(3)
      const [qos, q1, q2] = uuids
      expect(await host.vsctl('--columns=type,queues,other_config', 'list', 'qos')).toBe(
        [
          'type                : linux-htb',
          `queues              : {7=${q2}, 123=${q1}}`,
          'other_config        : {max-rate="1000000"}\n',
        ].join('\n'),
      )
      expect((await host.vsctl('get', 'port', 'p2', 'qos')).trim()).toBe(qos)
      await host.vsctl(...DESTROY, '--', '--all', 'destroy', 'Queue')
      expect(await host.vsctl('list', 'qos')).toBe('')
    })

    test('enqueue is set_queue, an output and pop_queue; packets are marked by their queue', async () => {
      await host.vsctl(...CREATE)
      const actions = 'output:2,set_queue:7,output:2,pop_queue,enqueue:2:123,output:2'
      await host.ofctl('add-flow', `in_port=1,actions=${actions}`)
      expect(await host.ofctl('dump-flows')).toContain(
        'in_port=1 actions=output:2,set_queue:7,output:2,pop_queue,set_queue:123,output:2,pop_queue,output:2',
      )
      const frame = udp({ tos: 0x01 })
      host.p1.transmit(frame, 0, frame.length)
      await until(
        () => host.received.length,
        (count) => count === 4,
      )
      const marked = udp({ tos: (46 << 2) | 1 })
      expect(host.received.splice(0)).toEqual([frame, frame, marked, frame])
      await host.ofctl('del-flows')
      await host.vsctl(...DESTROY, '--', '--all', 'destroy', 'Queue')
    })

    // The queue of a dummy port is no row's, and counts nothing.
    if (hasQueues) {
      test('queues are there with their row, and count', async () => {
        const none = 'OFPST_QUEUE reply (OF1.3): 0 queues'
        const zeros = 'bytes=0, pkts=0, errors=0, duration=…'
        expect(await host.ofctl('queue-stats', '2')).toBe(none)
        await host.vsctl(...CREATE)
        // Those of HTB are in the order of a hash, without rates.
        expect((await host.ofctl('queue-stats', '2')).split('\n').sort()).toEqual([
          '  port 2 queue 0: bytes=0, pkts=0, errors=0, duration=…',
          `  port 2 queue 123: ${zeros}`,
          `  port 2 queue 7: ${zeros}`,
          'OFPST_QUEUE reply (OF1.3): 3 queues',
        ])
        expect((await host.ofctl('queue-get-config', '2')).match(/^queue \d+/gm)).toEqual([
          'queue 0',
          'queue 7',
          'queue 123',
        ])
        await host.ofctl('add-flow', 'in_port=1,actions=output:2')
        for (let i = 0; i < 3; i++) host.p1.transmit(udp(), 0, 100)
        expect(
          await until(
            () => host.ofctl('queue-stats', '2', '0'),
            (text) => text.includes('pkts=3'),
          ),
        ).toContain('port 2 queue 0: bytes=300, pkts=3, errors=0')
        await until(
          () => host.received.splice(0).length,
          (count) => count === 3,
        )
        for (const type of ['linux-noop', 'nobody-has-that']) {
          await host.vsctl(
            'set',
            'qos',
            (await host.vsctl('get', 'port', 'p2', 'qos')).trim(),
            `type=${type}`,
          )
          expect(await host.ofctl('queue-stats', '2')).toBe(none)
        }
        await host.vsctl(...DESTROY, '--', '--all', 'destroy', 'Queue')
        expect(await host.ofctl('queue-stats', '2')).toBe(none)
        await host.ofctl('del-flows')
      })
    }

    test('what is not there is an error by name', async () => {
      expect([
        await host.ofctl('queue-stats', '77'),
        await host.ofctl('queue-stats', '2', '5'),
        await host.ofctl('queue-stats', 'ALL', '5'),
        await host.ofctl('queue-get-config', '77'),
      ]).toEqual([
        'OFPT_ERROR (OF1.3): OFPQOFC_BAD_PORT',
        'OFPT_ERROR (OF1.3): OFPQOFC_BAD_QUEUE',
        'OFPT_ERROR (OF1.3): OFPQOFC_BAD_QUEUE',
        'OFPT_ERROR (OF1.3): OFPQOFC_BAD_PORT',
      ])
    })
  })
})

describe('weft switch by itself', needs('ovs'), () => {
  let host: Host
  beforeAll(async () => {
    host = await ours()
  })
  afterAll(() => host?.close())

  test('queues are told, keep their rates, lose what has no room, and follow the rows while packets flow', async () => {
    const { ofctl, vsctl } = host
    expect(await ofctl('queue-stats')).toBe('OFPST_QUEUE reply (OF1.3): 0 queues')
    await vsctl(...CREATE)
    expect(await ofctl('queue-get-config', '2')).toBe(
      [
        'OFPT_QUEUE_GET_CONFIG_REPLY (OF1.3): port=2',
        'queue 0:',
        'queue 7: min_rate:25.0%',
        'queue 123: max_rate:0.1%',
      ].join('\n'),
    )
    await ofctl('add-flow', 'in_port=1,actions=enqueue:2:123')
    const frame = new Uint8Array(1000)
    frame.set(udp())
    for (let i = 0; i < 1010; i++) host.p1.transmit(frame, 0, frame.length)
    // At ten bits a second: one of the burst, one on credit, 1,000 that wait.
    const lost = 'queue 123: bytes=2000, pkts=2, errors=8,'
    const told = await until(
      () => ofctl('queue-stats', '2'),
      (text) => text.includes(lost),
    )
    expect(told).toBe(
      [
        'OFPST_QUEUE reply (OF1.3): 3 queues',
        '  port 2 queue 0: bytes=0, pkts=0, errors=0, duration=…',
        '  port 2 queue 7: bytes=0, pkts=0, errors=0, duration=…',
        `  port 2 ${lost} duration=…`,
      ].join('\n'),
    )
    expect(host.received).toHaveLength(2)
    const [uuid = ''] = (
      await vsctl('--bare', '--columns=_uuid', 'find', 'queue', 'dscp=46')
    ).split('\n')
    await vsctl('set', 'queue', uuid, 'other-config:max-rate=1000000')
    await vsctl(
      'set',
      'qos',
      (await vsctl('get', 'port', 'p2', 'qos')).trim(),
      'other-config:max-rate=100000000',
    )
    await until(
      () => host.received.length,
      (count) => count > 2,
    )
    await vsctl(...DESTROY)
    await until(
      () => host.received.length,
      (count) => count === 1002,
    )
    expect(await ofctl('queue-stats')).toBe('OFPST_QUEUE reply (OF1.3): 0 queues')
    await ofctl('del-flows')
  })
})
