import { describe, expect, test } from 'vitest'
import { guestTags, overheadBytes } from '../../../controller/model/overhead.ts'
import { ethernet } from '../../../southbound/wire/ethernet.ts'
import { ipv4 } from '../../../southbound/wire/ipv4.ts'
import { ipv6 } from '../../../southbound/wire/ipv6.ts'
import { udp } from '../../../southbound/wire/udp.ts'
import { vlan } from '../../../southbound/wire/vlan.ts'
import { vxlan } from '../../../southbound/wire/vxlan.ts'

describe('an encapsulation costs', () => {
  test.each([
    ['nothing without a tunnel and tags', {}, 0],
    ['50 bytes as VXLAN over IPv4', { family: 4 }, 50],
    ['70 bytes as VXLAN over IPv6', { family: 6 }, 70],
    ['4 bytes more with a VLAN tag', { family: 4, tags: 1 }, 54],
    ['8 bytes more with QinQ', { family: 6, tags: 2 }, 78],
    ['4 bytes as a VLAN tag alone', { tags: 1 }, 4],
  ] as const)('%s', (_, encapsulation, bytes) => {
    expect(overheadBytes(encapsulation)).toBe(bytes)
  })

  test('what the headers that are really written have as sizes', () => {
    const inside = ethernet.size + udp.size + vxlan.size
    expect(overheadBytes({ family: 4 })).toBe(inside + ipv4.size)
    expect(overheadBytes({ family: 6 })).toBe(inside + ipv6.size)
    expect(overheadBytes({ tags: 1 })).toBe(vlan.size)
  })
})

test('a transparent network counts one tag, QinQ two, any other none', () => {
  expect(
    [{}, { vlanTransparent: true }, { vlanTransparent: 'qinq' }].map((n) => guestTags(n as object)),
  ).toEqual([0, 1, 2])
})
