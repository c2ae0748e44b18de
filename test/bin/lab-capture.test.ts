/** What a capture of a lab has: places, ways, comments, and the frames of one guest wherever they go. */
import { readFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { type CaptureChoice, startCapture } from '../../topologies/lab/capture.ts'
import type { Tap } from '../../topologies/lab/lab.ts'
import { type MemoryLab, openMemoryLab } from '../../topologies/lab/memory/lab.ts'
import { blocksOf } from './pcapng-blocks.ts'
import { topology } from './weft.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let lab: MemoryLab
beforeAll(async () => {
  const file = topology('two-tenants.yaml')
  const document = parseDocument(readFileSync(file, 'utf8'), file)
  lab = await openMemoryLab({ document, signal: new AbortController().signal, seed: 1 })
})
afterAll(() => lab.close())

const everywhere: CaptureChoice = { where: [], hosts: [], guests: [] }

async function captured(
  choice: Partial<CaptureChoice>,
  work: () => Promise<unknown>,
  count?: number,
) {
  const stream = new PassThrough()
  const bytes = buffer(stream)
  const capture = startCapture(lab, { ...everywhere, ...choice, count, stream, now: () => 7n })
  await work()
  capture.stop()
  return { counts: capture.counts, ...blocksOf(await bytes) }
}

async function ping(from: string, to: string): Promise<void> {
  const target = lab.workloads.get(to)?.address ?? 0
  expect(await lab.workloads.get(from)?.ping(target, { bytes: 56, timeoutMs: 5000 })).toBe(true)
}

test('an echo to another host is seen eight times, each with where, which way and whose', async () => {
  await ping('h1.acme-vm1', 'h2.acme-vm2')
  const choice = { where: ['acme-vm1', 'acme/vm2', 'underlay'], guests: ['acme-vm1'] }
  const { places, packets, counts } = await captured(choice, () =>
    ping('h1.acme-vm1', 'h2.acme-vm2'),
  )
  expect(places).toEqual(['h1 acme-vm1', 'h2 acme-vm2', 'underlay h1', 'underlay h2'])
  const of = 'network acme/web, VNI 5001'
  expect(packets.map(({ place, comment }) => [place, comment])).toEqual([
    ['h1 acme-vm1', `host h1, guest acme-vm1: sent by the guest; port acme/vm1, ${of}`],
    ['underlay h1', `host h1, underlay: sent; ${of}`],
    ['underlay h2', `host h2, underlay: arrives; ${of}`],
    ['h2 acme-vm2', `host h2, guest acme-vm2: arrives at the guest; port acme/vm2, ${of}`],
    ['h2 acme-vm2', `host h2, guest acme-vm2: sent by the guest; port acme/vm2, ${of}`],
    ['underlay h2', `host h2, underlay: sent; ${of}`],
    ['underlay h1', `host h1, underlay: arrives; ${of}`],
    ['h1 acme-vm1', `host h1, guest acme-vm1: arrives at the guest; port acme/vm1, ${of}`],
  ])
  expect(counts).toEqual({ packets: 8, dropped: 0 })
})

test('frames of a guest are not those of the other tenant with the same MACs', async () => {
  const work = async () => {
    await ping('h1.globex-vm1', 'h2.globex-vm2')
    await ping('h1.acme-vm1', 'h1.acme-vm3')
  }
  const { packets } = await captured({ guests: ['acme-vm1'], where: ['h1'] }, work)
  expect(new Set(packets.map(({ place }) => place))).toEqual(
    new Set(['h1 acme-vm1', 'h1 acme-vm3']),
  )
})

test('it ends by itself at its count', async () => {
  const { packets } = await captured(
    { where: ['acme-vm1'] },
    () => ping('h1.acme-vm1', 'h2.acme-vm2'),
    1,
  )
  expect(packets).toHaveLength(1)
})

test('when one place cannot be watched, those before it are let go', () => {
  const watched = new Set<string>()
  const taps = (lab.taps ?? []).map((tap, at, all): Tap => {
    const { name } = tap
    return {
      ...tap,
      open() {
        if (at === all.length - 1) throw new Error(`${name} is gone`)
        watched.add(name)
        return { lost: 0, close: () => void watched.delete(name) }
      },
    }
  })
  const options = { ...everywhere, stream: new PassThrough(), now: () => 7n }
  expect(() => startCapture({ ...lab, taps }, options)).toThrow('is gone')
  expect(watched).toEqual(new Set())
})

describe('at a machine that is elsewhere, as those of a Vagrant lab are', () => {
  /** What the machine says of the one place that is watched there. */
  function begin() {
    const failed = Promise.withResolvers<never>()
    const closed = Promise.withResolvers<void>()
    const machine = { lost: 0, failed: failed.promise, close: () => closed.promise }
    let seen: Parameters<Tap['open']>[0] = () => {}
    const [first] = lab.taps ?? []
    const tap: Tap = {
      ...(first as Tap),
      open(listener) {
        seen = listener
        return machine
      },
    }
    const stream = new PassThrough()
    const options = { ...everywhere, stream, now: () => 7n }
    const capture = startCapture({ ...lab, taps: [tap] }, options)
    const see = () => seen(new Uint8Array(60), 'out')
    return { machine, capture, see, failed, closed, bytes: buffer(stream) }
  }

  test('what it hands over and counts until its answer to the end is in the file', async () => {
    const { machine, capture, see, closed, bytes } = begin()
    see()
    capture.stop()
    see()
    machine.lost = 3
    closed.resolve()
    expect(blocksOf(await bytes).packets).toHaveLength(2)
    expect(capture).toMatchObject({ counts: { packets: 2, dropped: 3 }, fault: undefined })
  })

  test('one that is gone ends the capture, which says so', async () => {
    const { capture, see, failed, closed, bytes } = begin()
    see()
    failed.reject(new Error('h1: its session has ended'))
    closed.resolve()
    expect(blocksOf(await bytes).packets).toHaveLength(1)
    expect(capture.fault).toBe('h1: its session has ended')
  })
})

test.each([
  [{ where: ['h9'] }, 'h9 is no place of two-tenants; there are underlay, h1, h2, h1.acme-vm1'],
  [{ hosts: ['h9'] }, 'two-tenants has no host h9'],
  [{ guests: ['x'] }, 'two-tenants has no guest x'],
  [{ where: ['h1.acme-vm1'], hosts: ['h2'] }, 'there is no such place on these hosts'],
])('%j is refused', async (choice, says) => {
  await expect(captured(choice, async () => {})).rejects.toThrow(says)
})
