import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../../southbound/wire/clock.ts'
import type { Served } from '../../../southbound/wire/dialer.ts'
import { keepRemote, type Remote } from '../../../southbound/wire/remote.ts'

let remote: Remote | undefined
afterEach(() => remote?.stop())

/** A passive target, whose handshakes end when `served` is called. */
async function passive() {
  let accept: (stream: Duplex) => void = () => {}
  const waiting: ((served: Served) => void)[] = []
  remote = keepRemote({
    ...{ target: 'ptcp:6653:192.0.2.1', defaultPort: 6653, clock: systemClock },
    network: {
      dial: () => Promise.reject(new Error('nobody is dialled')),
      async listen(_target, take) {
        accept = take
        return { port: 6653, close() {} }
      },
    },
    maxBackoffMs: () => 1000,
    serve: () => new Promise((resolve) => waiting.push(resolve)),
    changed() {},
    log() {},
  })
  await Promise.resolve()
  const come = () => {
    const [near] = duplexPair()
    accept(near)
    return near
  }
  return { come, waiting }
}

test('who says nothing counts as a peer too: of 1,500 no more than 1,024 are kept', async () => {
  const { come, waiting } = await passive()
  const silent = Array.from({ length: 1500 }, come)
  expect(silent.filter(({ destroyed }) => !destroyed)).toHaveLength(1024)
  // One whose handshake ends is still one peer; when it leaves, there is room for another.
  let leave = () => {}
  const ended = new Promise<void>((resolve) => {
    leave = resolve
  })
  waiting[0]?.({ ended, close: () => leave() })
  await new Promise(setImmediate)
  expect(remote?.columns().is_connected).toBe(true)
  expect(come().destroyed).toBe(true)
  leave()
  await new Promise(setImmediate)
  expect(come().destroyed).toBe(false)
})

test('a target that nobody wants any more takes those in their handshake along', async () => {
  const { come } = await passive()
  const silent = come()
  remote?.stop()
  expect(silent.destroyed).toBe(true)
})
