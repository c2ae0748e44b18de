import { afterEach, beforeEach, expect, test } from 'vitest'
import { meterFlags } from '../../../southbound/openflow/meter.ts'
import { apply, goto, output, quiet } from '../rig.ts'
import { echo, openScene, type Scene } from './scene.ts'

let h: Scene['h']
let clock: Scene['clock']
let one: Scene['one']
let two: Scene['two']
beforeEach(async () => {
  ;({ h, clock, one, two } = await openScene())
})
afterEach(() => h.host.close())

test('oversize frames are counted exactly by a meter and nothing else passes it', async () => {
  void h.controller.send({
    type: 'meter_mod',
    command: 0,
    flags: meterFlags.pktps | meterFlags.stats | meterFlags.burst,
    meter_id: 9,
    bands: [{ kind: 'drop', rate: 0xffffffff, burst_size: 0xffffffff }],
  })
  await h.flow(0, 10, {}, [
    apply({ kind: 'check_pkt_larger', pkt_len: 9014, dst: { field: 'reg4', ofs: 0 } }),
    goto(1),
  ])
  await h.flow(1, 20, { reg4: [1, 1] }, [{ kind: 'meter', meter_id: 9 }])
  await h.flow(1, 10, {}, [apply(output(2))])
  for (const payload of [8972, 8973, 8972, 9100, 56]) one.send(echo(payload))
  await quiet()
  expect(two.received.map((frame) => frame.length)).toEqual([9014, 9014, 98])
  const [meter] = await h.controller.multipart({ kind: 'meter', body: { meter_id: 9 } })
  expect(meter).toMatchObject({ meter_id: 9, flow_count: 1, packet_in_count: 2n })
  expect(meter?.byte_in_count).toBe(9015n + 9142n)
  expect(h.host.drops.read()).toEqual({ flow_no_output: 2 })
})

test('a drop band lets its rate through and counts what it takes', async () => {
  const bands = [{ kind: 'drop', rate: 10, burst_size: 0 }] as const
  const flags = meterFlags.pktps | meterFlags.stats
  void h.controller.send({ type: 'meter_mod', command: 0, flags, meter_id: 1, bands })
  await h.flow(0, 10, {}, [{ kind: 'meter', meter_id: 1 }, apply(output(2))])
  for (let i = 0; i < 15; i++) one.send(echo(8))
  await quiet()
  expect(two.received).toHaveLength(10)
  clock.advance(300)
  for (let i = 0; i < 5; i++) one.send(echo(8))
  await quiet()
  expect(two.received).toHaveLength(13)
  const [meter] = await h.controller.multipart({ kind: 'meter', body: { meter_id: 1 } })
  expect(meter?.band_stats).toEqual([{ packet_band_count: 7n, byte_band_count: 7n * 50n }])
  expect(h.host.drops.read()).toEqual({ meter_exceeded: 7 })
})
