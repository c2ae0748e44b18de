/** One probe over our switches: who may answer, and what a stranger or a guest can make of it. */
import { duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { systemClock } from '../../../controller/clock.ts'
import { parseDocument } from '../../../controller/model/document.ts'
import { Probes } from '../../../controller/reconciler/probe.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { vxlanFrame } from '../../../southbound/wire/frame.ts'
import { openMemoryLab } from '../../../topologies/lab/memory/lab.ts'
import { documentOf } from '../../lab/documents.ts'
import { fetchChecked } from '../northbound/schemas.ts'

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
  const probes = new Probes((hostId) => (hostId === 'h1' ? connection : undefined), systemClock)
  const path = { from: 'h1', to: 'h2', remote: '2001:db8::2' }
  const answered = async (answer: (data: Uint8Array) => void) => {
    const passes = probes.passes(path, 9000, signal)
    const before = sent.length
    while (sent.length === before) await new Promise(setImmediate)
    answer(sent.at(-1) as Uint8Array)
    return await passes
  }
  expect(await answered((data) => probes.arrived('h2', { data: data.subarray(0, 64) }))).toBe(true)
  expect(sent[0]).toHaveLength(9014)
  expect(await answered((data) => probes.arrived('h3', { data }))).toBe(false)
  expect(
    await answered((data) => probes.arrived('h2', { data: data.with(20, (data[20] ?? 0) ^ 1) })),
  ).toBe(false)
  // An answer of an earlier probe is worth nothing.
  expect(await answered(() => probes.arrived('h2', { data: sent[0] as Uint8Array }))).toBe(false)
  expect(probes.arrived('h2', { data: new Uint8Array(64) })).toBe(false)
  expect(await probes.passes({ ...path, from: 'h9' }, 9000, signal)).toBe(undefined)
  connection.close()
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
