import { expect, test } from 'vitest'
import { DROP } from '../../../dataplane/packet/drop.ts'
import { parseAddress } from '../../../dataplane/tunnel/address.ts'
import { neighbours } from '../../../dataplane/tunnel/neighbours.ts'
import { virtualClock } from '../../../southbound/wire/virtual-clock.ts'

test('what waits for neighbours that nobody answers for is bounded in bytes, and then given up', () => {
  const clock = virtualClock()
  const own = parseAddress('192.0.2.11')
  const dropped: number[] = []
  const it = neighbours({
    ...{ mac: 0x0a0000000001, own: [own], clock, source: () => own },
    send: () => {},
    drop: (reason) => void dropped.push(reason),
  })
  const jumbo = new Uint8Array(9000)
  /** How many of 1,000 stations' frames are kept, 60 each. */
  const kept = () => {
    let count = 0
    for (let i = 0; i < 60_000; i++) {
      const to = parseAddress(`198.51.${100 + ((i % 1000) >> 8)}.${i & 255}`)
      if (it.wait(to, jumbo, 0, jumbo.length)) count++
    }
    return count
  }
  const most = Math.floor((16 << 20) / jumbo.length)
  expect(kept()).toBe(most)
  // Four questions later each of them has a name, and there is room again.
  clock.advance(2500)
  expect(dropped).toEqual(Array.from({ length: most }, () => DROP.underlay_unresolved))
  expect(kept()).toBe(most)
  it.close()
})
