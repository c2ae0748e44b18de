import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MessageOf } from '../../../southbound/openflow/message.ts'
import { CONTROLLER, IN_PORT, LOCAL, TABLE } from '../../../southbound/openflow/port.ts'
import { arpFrame } from '../../../southbound/wire/frame.ts'
import { apply, output, quiet } from '../rig.ts'
import { A, echo, openScene, type Scene } from './scene.ts'

let h: Scene['h']
let one: Scene['one']
let two: Scene['two']
beforeEach(async () => {
  ;({ h, one, two } = await openScene())
})
afterEach(() => h.host.close())

test('output to the port of arrival is suppressed, IN_PORT is not', async () => {
  await h.flow(0, 10, { eth_type: 0x0800 }, [apply(output(1))])
  await h.flow(0, 10, { eth_type: 0x0806 }, [apply(output(IN_PORT))])
  const arp = arpFrame({ op: 1, sha: A.mac, spa: 1, tha: 0, tpa: 2 })
  one.send(echo(8))
  one.send(arp)
  await quiet()
  expect(one.received).toEqual([arp])
  expect(h.host.drops.read()).toEqual({ output_in_port: 1 })
})

test('a flow may output to a port that is not there; its frames are named drops', async () => {
  await h.flow(0, 10, {}, [apply(output(77))])
  one.send(echo(8))
  await quiet()
  expect(h.host.drops.read()).toEqual({ port_unknown: 1 })
})

test('packet-out runs actions or the tables, packet-in tells where the frame came from', async () => {
  await h.flow(0, 0, {}, [apply({ kind: 'output', port: CONTROLLER, max_len: 0xffff })], 7n)
  one.send(echo(8))
  await quiet()
  const punted = h.unsolicited.find((m) => m.type === 'packet_in') as MessageOf<'packet_in'>
  expect(punted).toMatchObject({ reason: 0, table_id: 0, cookie: 7n, total_len: 50 })
  expect(Uint8Array.from(punted.data)).toEqual(echo(8))
  const data = echo(8)
  const out = { type: 'packet_out', buffer_id: 0xffffffff, data } as const
  void h.controller.send({ ...out, in_port: CONTROLLER, actions: [output(2)] })
  await h.flow(0, 10, { in_port: 3 }, [apply(output(1))])
  void h.controller.send({ ...out, in_port: 3, actions: [output(TABLE)] })
  await h.controller.barrier()
  await quiet()
  expect([one.received, two.received]).toEqual([[data], [data]])
})

test('frames reach the bridge by its own port, LOCAL, too', async () => {
  const host = h.host.internal('br-int')
  const received: Uint8Array[] = []
  host.onFrame((frame) => void received.push(frame))
  await h.flow(0, 10, { in_port: 1 }, [apply(output(LOCAL))])
  await h.flow(0, 10, { in_port: LOCAL }, [apply(output(2))])
  one.send(echo(8))
  host.send(echo(9))
  await quiet()
  expect([received, two.received]).toEqual([[echo(8)], [echo(9)]])
})
