/** Meters: what passes, what is dropped or remarked, what counts. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { remarked } from '../../../dataplane/pipeline/dscp.ts'
import { ALL_METERS, type MeterBand } from '../../../southbound/openflow/meter.ts'
import { CONTROLLER } from '../../../southbound/openflow/port.ts'
import type { Sent } from './cases/case.ts'
import { addFlow, apply, meter, output, udp } from './messages.ts'
import { startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const silently = async (...messages: Sent[]) =>
  expect(await rig.controller.answers(...messages)).toEqual([])
const metered = addFlow({ instructions: [{ kind: 'meter', meter_id: 1 }, apply(output(2))] })
const drop = (rate: number, burst_size = 0): MeterBand => ({ kind: 'drop', rate, burst_size })
const remark = (rate: number, prec_level = 1): MeterBand => ({
  kind: 'dscp_remark',
  rate,
  burst_size: 0,
  prec_level,
})
const flood = (count: number, of = {}) => {
  for (let i = 0; i < count; i++) rig.p1.send(udp(of))
}
const passed = () => rig.p2.received.splice(0).length
const statistics = async () =>
  (await rig.controller.connection.multipart({ kind: 'meter', body: { meter_id: 1 } }))[0]!

test('a drop band lets its rate of packets pass, second by second', async () => {
  await silently(meter({ flags: 2 }, drop(10)), metered)
  flood(25)
  expect(passed()).toBe(10)
  rig.clock.advance(500)
  flood(25)
  expect(passed()).toBe(5)
  rig.clock.advance(60_000)
  flood(25)
  expect(passed()).toBe(10)
  expect(rig.drops('meter_exceeded')).toBe(50)
})

test('a drop band counts kilobits: 8 kb/s are ten frames of 100 bytes', async () => {
  await silently(meter({ flags: 1 }, drop(8)), metered)
  flood(25)
  expect(passed()).toBe(10)
})

test('a burst of its own is what may come at once', async () => {
  await silently(meter({ flags: 2 | 4 }, drop(10, 15)), metered)
  flood(40)
  expect(passed()).toBe(15)
  rig.clock.advance(1000)
  flood(40)
  expect(passed()).toBe(10)
})

test('of several bands that are exceeded, the one of the highest rate counts and acts', async () => {
  await silently(meter({ flags: 2 | 8 }, drop(20), remark(10)), metered)
  flood(30, { tos: 10 << 2 })
  expect(passed()).toBe(20)
  const { band_stats, ...rest } = await statistics()
  expect(rest).toMatchObject({
    meter_id: 1,
    flow_count: 1,
    packet_in_count: 30n,
    byte_in_count: 3000n,
  })
  expect(band_stats).toEqual([
    { packet_band_count: 10n, byte_band_count: 1000n },
    { packet_band_count: 10n, byte_band_count: 1000n },
  ])
})

test('a dscp_remark band raises the drop precedence of what is over its rate, and mends the checksum', async () => {
  await silently(meter({ flags: 2 }, remark(1)), metered)
  // AF11, which becomes AF12; the ECN bits stay.
  flood(2, { tos: (10 << 2) | 1 })
  expect(rig.p2.received).toEqual([udp({ tos: (10 << 2) | 1 }), udp({ tos: (12 << 2) | 1 })])
})

test.each([
  [10, 1, 12],
  [10, 2, 14],
  [10, 3, 14],
  [14, 1, 14],
  [34, 1, 36],
  [38, 3, 38],
  [0, 1, 0],
  [8, 1, 8],
  [46, 1, 46],
  [11, 1, 11],
])('DSCP %d raised by %d levels is %d', (dscp, levels, becomes) => {
  expect(remarked(dscp, levels)).toBe(becomes)
})

test('a change keeps what the meter has counted and starts its bands anew', async () => {
  await silently(meter({ flags: 2 }, drop(1)), metered)
  rig.clock.advance(2000)
  flood(3)
  await silently(meter({ command: 1, flags: 2 }, drop(5)))
  expect(await statistics()).toMatchObject({
    packet_in_count: 3n,
    duration_sec: 2,
    band_stats: [{ packet_band_count: 0n }],
  })
  passed()
  flood(9)
  expect(passed()).toBe(5)
})

test('meters read back as they were written, say what they can do, and take their flows with them', async () => {
  const bands = [drop(10, 20), remark(5, 2)]
  await silently(meter({ flags: 14 }, ...bands), metered, addFlow({ priority: 3 }))
  const all = { meter_id: ALL_METERS }
  const { connection } = rig.controller
  expect(await connection.multipart({ kind: 'meter_config', body: all })).toEqual([
    { meter_id: 1, flags: 14, bands },
  ])
  expect(await connection.multipart({ kind: 'meter_features' })).toEqual([
    { max_meter: 65_536, band_types: 0b110, capabilities: 0xf, max_bands: 8, max_color: 0 },
  ])
  await silently(meter({ command: 2, meter_id: ALL_METERS }))
  expect([...rig.bridge.flows.all()].map(({ priority }) => priority)).toEqual([3])
})

test('the virtual meter of the controller holds packet-ins back', async () => {
  await silently(
    meter({ flags: 2, meter_id: 0xfffffffe }, drop(2)),
    addFlow({ instructions: [apply(output(CONTROLLER), output(2))] }),
  )
  flood(5)
  expect(await rig.controller.take('packet_in')).toHaveLength(2)
  expect(passed()).toBe(5)
  expect(rig.drops('meter_exceeded')).toBe(3)
})

test('so many meters and no more', async () => {
  rig.close()
  rig = await startRig({ meters: 1 })
  await silently(meter())
  expect(await rig.controller.answers(meter({ meter_id: 2 }))).toEqual([
    'meter_mod_failed.out_of_meters',
  ])
})
