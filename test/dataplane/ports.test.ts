import { describe, expect, test } from 'vitest'
import { hub } from '../../dataplane/ports/hub.ts'
import { memoryPair, memoryPort } from '../../dataplane/ports/memory.ts'
import { quiet } from './rig.ts'

const frame = (size: number, mark = 0) => new Uint8Array(size).fill(mark)

describe('memory ports', () => {
  test('a frame arrives at the other end, copied, in order, and never inside send', async () => {
    const [a, b] = memoryPair({ name: 'a' }, { name: 'b' })
    const got: number[] = []
    b.onFrame((bytes) => void got.push(bytes[0] ?? -1))
    const reused = frame(20)
    for (let i = 0; i < 3; i++) {
      reused[0] = i
      a.send(reused)
    }
    expect(got).toEqual([])
    await quiet(2)
    expect(got).toEqual([0, 1, 2])
    expect(a.counters).toMatchObject({ txFrames: 3, txBytes: 60, rxFrames: 0 })
    expect(b.counters).toMatchObject({ rxFrames: 3, rxBytes: 60, txFrames: 0 })
  })

  test('a frame over the receiving end’s MTU is lost and counted there, a VLAN tag is free', async () => {
    const [a, b] = memoryPair({ name: 'a' }, { name: 'b', mtuBytes: 1500 })
    const got: number[] = []
    b.onFrame((bytes) => void got.push(bytes.length))
    const tagged = frame(1518)
    tagged.set([0x81, 0], 12)
    for (const one of [frame(1514), frame(1515), tagged]) a.send(one)
    await quiet(2)
    expect(got).toEqual([1514, 1518])
    expect(b.counters.rxOversize).toBe(1)
  })

  test('without a peer frames are dropped and counted; plugging is told to both ends', async () => {
    const a = memoryPort({ name: 'a' })
    const b = memoryPort({ name: 'b' })
    const states: string[] = []
    a.onState(() => void states.push(`a ${a.up}`))
    b.onState(() => void states.push(`b ${b.up}`))
    a.send(frame(60))
    expect(a.counters.txDropped).toBe(1)
    a.connect(b)
    expect(() => memoryPort({ name: 'c' }).connect(b)).toThrow('already connected')
    b.disconnect()
    expect(states).toEqual(['a true', 'b true', 'b false', 'a false'])
  })

  test('two ends that answer each other for ever leave the event loop its turns', async () => {
    const [a, b] = memoryPair({ name: 'a' }, { name: 'b' })
    let turns = 0
    for (const end of [a, b]) {
      end.onFrame((bytes) => {
        turns++
        end.send(bytes)
      })
    }
    a.send(frame(60))
    await quiet(50)
    expect(turns).toBeGreaterThan(10)
    a.disconnect()
  })
})

describe('a hub', () => {
  test('what one station sends every other one hears once, and listeners too', async () => {
    const segment = hub()
    const stations = ['a', 'b', 'c'].map((name) => memoryPort({ name }))
    const heard: string[] = []
    for (const station of stations) {
      segment.attach(station)
      station.onFrame((bytes) => void heard.push(`${station.name}${bytes[0]}`))
    }
    segment.onFrame((bytes) => void heard.push(`all${bytes[0]}`))
    stations[0]?.send(frame(60, 1))
    await quiet(4)
    expect(heard).toEqual(['all1', 'b1', 'c1'])
    segment.send(frame(60, 2))
    await quiet(4)
    expect(heard.slice(3)).toEqual(['all2', 'a2', 'b2', 'c2'])
  })

  test('a station that was unplugged hears nothing, a frame over the MTU nobody does', async () => {
    const segment = hub({ mtuBytes: 9050 })
    const a = memoryPort({ name: 'a' })
    const b = memoryPort({ name: 'b' })
    const heard: number[] = []
    b.onFrame((bytes) => void heard.push(bytes.length))
    segment.attach(a)
    const unplug = segment.attach(b)
    for (const size of [9064, 9065]) a.send(frame(size))
    await quiet(4)
    expect(heard).toEqual([9064])
    unplug()
    a.send(frame(60))
    await quiet(4)
    expect(heard).toEqual([9064])
    expect(b.up).toBe(false)
  })
})
