/** Actions that change tables or choose controllers: learn, controller, dec_ttl by id. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Session } from '../../dataplane/switch/session.ts'
import { controllerRole } from '../../southbound/openflow/message.ts'
import { arpFrame, icmpEchoFrame } from '../../southbound/wire/frame.ts'
import { type VirtualClock, virtualClock } from '../../southbound/wire/virtual-clock.ts'
import { add } from './cases.ts'
import { type Host, quiet, type Station, startHost } from './rig.ts'

const A = 0x020000000011
const B = 0x020000000012
const echo = (src: number, dst: number, ttl = 64) =>
  icmpEchoFrame({
    ...{ eth_src: src, eth_dst: dst, ipv4_src: 1, ipv4_dst: 2, ttl },
    ...{ identifier: 1, sequence: 1 },
  })

/** A learning switch, as the manual of ovs-ofctl has it. */
const LEARNING = [
  'table=0,actions=learn(table=1,idle_timeout=10,priority=5,' +
    'NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),goto_table:1',
  'table=1,priority=1,actions=flood',
]

describe('learn', () => {
  let clock: VirtualClock
  let h: Host
  let ports: Station[]
  const taken = () => ports.map(({ received }) => received.splice(0).length)
  const learned = () => [...h.bridge.flows.all()].filter(({ priority }) => priority === 5)

  beforeEach(async () => {
    clock = virtualClock()
    h = await startHost('h1', { clock })
    ports = [1, 2, 3].map((port) => h.plug(`vm${port}`, port))
    await quiet(3)
    for (const text of LEARNING) void h.controller.send(add(text))
    await h.controller.barrier()
    expect(h.unsolicited.filter(({ type }) => type === 'error')).toEqual([])
  })
  afterEach(() => h.host.close())

  test('makes a learning switch: the answer goes to who asked, and nobody else', async () => {
    ports[0]?.send(arpFrame({ op: 1, sha: A, spa: 1, tha: 0, tpa: 2 }))
    await quiet()
    expect(taken()).toEqual([0, 1, 1])
    ports[1]?.send(echo(B, A))
    await quiet()
    expect(taken()).toEqual([1, 0, 0])
    ports[0]?.send(echo(A, B))
    await quiet()
    expect(taken()).toEqual([0, 1, 0])
    expect(learned()).toHaveLength(2)
  })

  test('of the same flow again lets it live longer, and keeps its counters', async () => {
    ports[0]?.send(echo(A, B))
    ports[1]?.send(echo(B, A))
    await quiet()
    clock.advance(9000)
    ports[0]?.send(echo(A, B))
    await quiet()
    const of = (mac: number) => learned().find((flow) => flow.match.includes(mac & 0xff))
    expect(of(A)?.packets).toBe(1)
    clock.advance(9000)
    expect(of(A)).toBeDefined()
    clock.advance(3000)
    expect(learned()).toEqual([])
  })
})

describe('a controller', () => {
  test('is chosen by its id, and told userdata, a reason and an expired TTL', async () => {
    const h = await startHost('h1')
    const vm = h.plug('vm1', 1)
    await quiet(3)
    const told: string[] = []
    const session = (controllerId: number): Session => ({
      ...{ role: controllerRole.equal, controllerId },
      demote() {},
      takesPacketIn: () => true,
      packetIn(message, _maxLen, userdata) {
        const data = Buffer.from(userdata ?? []).toString('hex')
        told.push(`${controllerId} reason ${message.reason} ${data}`)
        return true
      },
      portStatus() {},
      flowsChanged() {},
      close() {},
    })
    for (const id of [1, 2]) h.bridge.sessions.add(session(id))
    const flows = [
      'priority=20,ip,nw_ttl=1,actions=dec_ttl(1,2),output:2',
      'priority=10,ip,actions=controller(id=2,userdata=01.02.03),controller(id=1,reason=no_match)',
    ]
    for (const text of flows) void h.controller.send(add(text))
    await h.controller.barrier()
    vm.send(echo(A, B))
    await quiet()
    expect(told.splice(0)).toEqual(['2 reason 1 010203', '1 reason 0 '])
    vm.send(echo(A, B, 1))
    await quiet()
    expect(told).toEqual(['1 reason 2 ', '2 reason 2 '])
    expect(h.host.drops.read()).toEqual({ ttl_expired: 1 })
    h.host.close()
  })
})
