/** Open vSwitch's own dummy ports at the other end of our stream ports, in both roles; and one rig for both switches. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openStreamPort, type StreamPort } from '../../../dataplane/ports/stream.ts'
import { addPort } from '../../../dataplane/switch/operator.ts'
import { needs } from '../../needs.ts'
import { apply, output, startHost } from '../rig.ts'
import { openVswitchd, type Vswitchd } from './vswitchd.ts'

const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 })
const frame = (size: number, mark: number) => {
  const out = new Uint8Array(size).fill(mark)
  out.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5])
  return out
}
const FRAMES = [14, 60, 1514, 9014].map(frame)

/** The two cables of a rig: the switch listens at p1, and dials p2. */
async function cables(folder: string) {
  const listener = await openStreamPort({ name: 'c2', endpoint: `punix:${folder}/p2` })
  const dialler = await openStreamPort({ name: 'c1', endpoint: `unix:${folder}/p1` })
  const received = new Map<StreamPort, Uint8Array[]>()
  for (const port of [listener, dialler]) {
    const frames: Uint8Array[] = []
    received.set(port, frames)
    port.onReceive((bytes, start, end) => void frames.push(bytes.slice(start, end)))
  }
  return {
    async carry() {
      await until(() => expect([listener.up, dialler.up]).toEqual([true, true]))
      for (const [from, to] of [
        [dialler, listener],
        [listener, dialler],
      ] as const) {
        const got = received.get(to)!
        // The first goes until the other end has opened its port; nothing is lost behind it.
        await until(() => {
          from.transmit(frame(77, 1), 0, 77)
          expect(got.length).toBeGreaterThan(0)
        })
        for (const one of FRAMES) from.transmit(one, 0, one.length)
        await until(() => expect(got.filter(({ length }) => length !== 77)).toHaveLength(4))
        expect(got.filter(({ length }) => length !== 77)).toEqual(FRAMES)
      }
    },
    close() {
      listener.close()
      dialler.close()
    },
  }
}
/** What the rig asks for: options as Open vSwitch's own tests spell them. */
const optionsOf = (folder: string) => ({
  p1: { pstream: `punix:${folder}/p1` },
  p2: { stream: `unix:${folder}/p2` },
})

describe('a rig made for dummy ports', needs('ovs'), () => {
  let vswitchd: Vswitchd

  beforeAll(async () => {
    vswitchd = await openVswitchd('override')
    const ports = Object.entries(optionsOf(vswitchd.folder)).flatMap(([name, options]) => [
      ...['--', 'add-port', 'br0', name, '--', 'set', 'interface', name, 'type=dummy'],
      ...Object.entries(options).map(([key, value]) => `options:${key}=${value}`),
      ...[`ofport_request=${name.slice(1)}`, 'mtu_request=9000'],
    ])
    await vswitchd.vsctl(...ports)
    for (const flow of ['in_port=1,actions=output:2', 'in_port=2,actions=output:1']) {
      await vswitchd.ofctl('add-flow', flow)
    }
  })
  afterAll(() => vswitchd?.close())

  test('our stream ports carry frames to and from Open vSwitch, listening and dialling', async () => {
    const rig = await cables(vswitchd.folder)
    try {
      await rig.carry()
    } finally {
      rig.close()
    }
  })

  test('the same rig drives our switch, with the same rows', async () => {
    const own = mkdtempSync(join(tmpdir(), 'weft-dummy-'))
    const { host, flow } = await startHost('h1')
    const rig = await cables(own)
    try {
      for (const [name, options] of Object.entries(optionsOf(own))) {
        const ofport_request = Number(name.slice(1))
        addPort(host, 'br-int', name, { type: 'dummy', options, ofport_request })
      }
      await flow(0, 1, { in_port: 1 }, [apply(output(2))])
      await flow(0, 1, { in_port: 2 }, [apply(output(1))])
      await rig.carry()
      expect(host.drops.read()).toEqual({})
    } finally {
      rig.close()
      host.close()
      rmSync(own, { recursive: true, force: true })
    }
  })
})
