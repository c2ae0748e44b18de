/** One probe over our switches: who may answer, and what a stranger or a guest can make of it. */

import { duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { meter } from '../../../controller/compiler/items.ts'
import { PROBES_PER_S } from '../../../controller/compiler/probe-units.ts'
import { PROBE_METER, table } from '../../../controller/compiler/stages.ts'
import { parseDocument } from '../../../controller/model/document.ts'
import type { Status } from '../../../controller/northbound/realization.ts'
import { MOST_PROBE_BYTES, Probes } from '../../../controller/reconciler/probe.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { ethernetFrame, vxlanFrame } from '../../../southbound/wire/frame.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { openMemoryLab } from '../../../topologies/lab/memory/lab.ts'
import { documentOf } from '../../lab/documents.ts'
import { siteWith, smallSite } from '../model/site.ts'
import { fetchChecked } from '../northbound/schemas.ts'
import { until } from './site.ts'

test('an answer counts from the host that the probe went to, with its number, and from nobody else', async () => {
  const sent: Uint8Array[] = []
  const { signal } = new AbortController()
  const [mine, theirs] = duplexPair()
  const [connection, bridge] = await Promise.all([
    Connection.open(mine, { signal }),
    Connection.open(theirs, { signal }),
  ])
  bridge.onMessage((message) => {
    if (message.type === 'packet_out') sent.push(message.data.slice())
  })
  const ends = new Map([
    ['h1', connection],
    ['h2', connection],
  ])
  const probes = new Probes((hostId) => ends.get(hostId), { clock: systemClock })
  const path = { from: 'h1', to: 'h2', remote: '2001:db8::2' }
  const arrived = (at: string, data: Uint8Array) =>
    probes.arrived(at, { data, table_id: table.peer })
  const answered = async (answer: (data: Uint8Array) => void) => {
    const passes = probes.passes(path, 9000, signal)
    const before = sent.length
    while (sent.length === before) await new Promise(setImmediate)
    answer(sent.at(-1) as Uint8Array)
    return await passes
  }
  expect(await answered((data) => arrived('h2', data.subarray(0, 64)))).toBe(true)
  expect(sent[0]).toHaveLength(9014)
  expect(await answered((data) => arrived('h3', data))).toBe(false)
  expect(await answered((data) => arrived('h2', data.with(20, (data[20] ?? 0) ^ 1)))).toBe(false)
  // An answer of an earlier probe is worth nothing.
  expect(await answered(() => arrived('h2', sent[0] as Uint8Array))).toBe(false)
  // A guest's frame may look like a probe: it did not come by their table, and is a sample like others.
  expect(await answered((data) => probes.arrived('h2', { data, table_id: table.shown }))).toBe(
    false,
  )
  expect(probes.arrived('h2', { data: sent[0] as Uint8Array, table_id: table.shown })).toBe(false)
  expect(await probes.passes({ ...path, from: 'h9' }, 9000, signal)).toBe(undefined)
  expect(await probes.passes({ ...path, to: 'h9' }, 9000, signal)).toBe(undefined)
  // What is lost while its host has not all its flows says nothing about the path.
  expect(await answered(() => ends.delete('h2'))).toBe(undefined)
  connection.close()
})

test('a packet that no packet-out has room for is asked as far as one has', async () => {
  const { signal } = new AbortController()
  const [mine, theirs] = duplexPair()
  const [connection, bridge] = await Promise.all([
    Connection.open(mine, { signal }),
    Connection.open(theirs, { signal }),
  ])
  const probes = new Probes(() => connection, { clock: systemClock })
  const frames: number[] = []
  bridge.onMessage((message) => {
    if (message.type !== 'packet_out') return
    frames.push(message.data.length)
    probes.arrived('h2', { data: message.data, table_id: table.peer })
  })
  for (const remote of ['192.0.2.2', '2001:db8::2'])
    expect(await probes.passes({ from: 'h1', to: 'h2', remote }, 65_485, signal)).toBe(true)
  expect(frames).toEqual([MOST_PROBE_BYTES + 14, MOST_PROBE_BYTES + 14])
  expect(MOST_PROBE_BYTES).toBeGreaterThan(65_400)
  connection.close()
})

test('a host gets no more probes than its meter lets pass', async () => {
  const { signal } = new AbortController()
  const [mine, theirs] = duplexPair()
  const [connection, bridge] = await Promise.all([
    Connection.open(mine, { signal }),
    Connection.open(theirs, { signal }),
  ])
  const clock = virtualClock()
  let sent = 0
  bridge.onMessage(({ type }) => {
    if (type === 'packet_out') sent++
  })
  const arrives = async (count: number) => {
    while (sent < count) await new Promise(setImmediate)
    await bridge.request({ type: 'echo_request', data: new Uint8Array(0) })
  }
  const probes = new Probes(() => connection, { clock })
  const asked = Array.from({ length: 150 }, () =>
    probes.passes({ from: 'h1', to: 'h2', remote: '192.0.2.2' }, 9000, signal),
  )
  await arrives(1)
  expect(sent).toBe(1)
  clock.advance(500)
  await arrives(51)
  expect(sent).toBe(51)
  // To another host at once.
  void probes.passes({ from: 'h1', to: 'h3', remote: '192.0.2.3' }, 9000, signal)
  await arrives(52)
  clock.advance(1000)
  await arrives(151)
  clock.advance(500)
  expect(await Promise.all(asked)).toEqual(asked.map(() => false))
  connection.close()
})

test('the meter of a host lets its probes pass and little else, whoever sends it', () => {
  const compiler = new Compiler(siteWith(smallSite))
  const [bound] = [...compiler.items('h1')].filter(
    (item) => item.kind === 'meter' && item.meterId === PROBE_METER,
  )
  expect(bound).toEqual(meter(['site'], PROBE_METER, 1.5 * PROBES_PER_S))
  // In a round half of the pairs at most lead to one host: of 200 a second.
  expect(PROBES_PER_S).toBe(100)
})

test('VNI 0 from an address that is no VTEP is dropped as such, and reaches no guest from one that is', async () => {
  const text = JSON.stringify(documentOf(['h1 acme 11', 'h2 acme 12']))
  const document = parseDocument(text, 'test.json')
  await using lab = await openMemoryLab({ document, signal: AbortSignal.timeout(10_000) })
  const seen: Uint8Array[] = []
  for (const workload of lab.workloads.values()) workload.onFrame((frame) => seen.push(frame))
  const [h1, h2] = ['h1', 'h2'].map((id) => lab.underlay.hosts[id])
  const inner = new Uint8Array(100).fill(0xff)
  const forge = (ipv4_src: number) =>
    lab.underlay.inject(
      vxlanFrame({
        eth_dst: h1?.mac ?? 0,
        eth_src: lab.underlay.rogueMac,
        ipv4_src,
        ipv4_dst: h1?.address ?? 0,
        vni: 0,
        inner,
      }),
    )
  forge(lab.underlay.rogueAddress)
  forge(h2?.address ?? 0)
  await new Promise((resolve) => setTimeout(resolve, lab.settleMs))
  const response = await fetchChecked(`${lab.url}/v1/infra/hosts/h1/drops`)
  const { drops } = (await response.json()) as { drops: unknown[] }
  expect(drops).toEqual([{ reason: 'vtep_unknown', packets: 1 }])
  expect(seen).toEqual([])
})

test("a guest's frame that looks like a probe is shown among its drops as any other", async () => {
  const text = JSON.stringify(documentOf(['h1 acme 11', 'h2 acme 12']))
  const document = parseDocument(text, 'test.json')
  await using lab = await openMemoryLab({ document, signal: AbortSignal.timeout(10_000) })
  const [guest] = lab.workloads.values()
  if (!guest) throw new Error('no guest')
  const frame = ethernetFrame({
    ...{ dst: 0x02_57_00_00_00_02, src: 0x02_57_00_00_00_01, type: 0x88b5 },
    payload: new Uint8Array(100),
  })
  const shown = async () => {
    guest.send(frame)
    const url = `${lab.url}/v1/tenants/${guest.tenant}/ports/${guest.portId}`
    const { status } = (await (await fetch(url)).json()) as { status: Status }
    return status.counters?.lastDrop
  }
  expect(await until('a drop', shown)).toMatchObject({
    ...{ reason: 'port_security', eth_src: '02:57:00:00:00:01', eth_type: '0x88b5' },
  })
}, 20_000)
