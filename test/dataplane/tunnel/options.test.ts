import { describe, expect, test } from 'vitest'
import {
  addressMap,
  formatAddress,
  isIn,
  parseAddress,
  parsePrefix,
} from '../../../dataplane/tunnel/address.ts'
import { newOuter } from '../../../dataplane/tunnel/outer.ts'
import { tunnelOptions } from '../../../dataplane/tunnel/tunnel-options.ts'
import type { TunnelPort } from '../../../dataplane/tunnel/tunnel-port.ts'
import { tunnelTable } from '../../../dataplane/tunnel/tunnel-table.ts'

const options = (of: Readonly<Record<string, string>>) => tunnelOptions('t', of)

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:DB8::1', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['::', '::'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
])('the address %s is written as %s', (text, out) => {
  expect(formatAddress(parseAddress(text))).toBe(out)
})

test.each(['', '1.2.3', '1.2.3.400', '1::2::3', ':::', '12345::', 'fe80::1%eth0', 'x'])(
  "'%s' is no address",
  (text) => expect(() => parseAddress(text)).toThrow('is no'),
)

test('a prefix holds the addresses that begin with it', () => {
  const holds = (prefix: string, address: string) =>
    isIn(parseAddress(address), parsePrefix(prefix))
  expect(holds('192.0.2.0/24', '192.0.2.255')).toBe(true)
  expect(holds('192.0.2.0/24', '192.0.3.0')).toBe(false)
  expect(holds('0.0.0.0/0', '255.0.0.1')).toBe(true)
  expect(holds('2001:db8::/33', '2001:db8:7fff::')).toBe(true)
  expect(holds('2001:db8::/33', '2001:db8:8000::')).toBe(false)
  for (const bad of ['1.2.3.4/33', '::/129', '1.2.3.4/', '::/x', '1.2.3.4/8/8']) {
    expect(() => parsePrefix(bad)).toThrow('prefix')
  }
})

test('a map by address finds each of many, and none that was taken out', () => {
  const map = addressMap<number>()
  const all = Array.from({ length: 2000 }, (_, i) => parseAddress(`2001:db8::${i.toString(16)}`))
  all.forEach((address, i) => void map.set(address, i))
  expect(map.size).toBe(2000)
  expect(all.every((address, i) => map.get(address) === i)).toBe(true)
  for (const address of all.slice(0, 1000)) map.delete(address)
  expect([map.size, map.get(all[0]!), map.get(all[1500]!)]).toEqual([1000, undefined, 1500])
})

describe('options of a vxlan interface', () => {
  test('what is not said is as in Open vSwitch', () => {
    expect(options({ remote_ip: '192.0.2.12' })).toEqual({
      inKey: 0,
      outKey: 0,
      remoteIp: parseAddress('192.0.2.12'),
      localIp: 'any',
      dstPort: 4789,
      tos: 0,
      ttl: 64,
      dontFragment: true,
      checksum: false,
    })
  })

  test('everything can be said', () => {
    const all = {
      local_ip: 'flow',
      remote_ip: 'flow',
      in_key: '5',
      out_key: 'flow',
      ttl: 'inherit',
    }
    const more = { tos: 'inherit', dst_port: '8472', csum: 'true', df_default: 'false' }
    expect(options({ ...all, ...more })).toEqual({
      inKey: 5,
      outKey: 'flow',
      remoteIp: 'flow',
      localIp: 'flow',
      dstPort: 8472,
      tos: 'inherit',
      ttl: 'inherit',
      dontFragment: false,
      checksum: true,
    })
  })

  test.each([
    [{}, "t: vxlan type requires valid 'remote_ip' argument"],
    [{ remote_ip: '1.2.3' }, "t: '1.2.3' is no IPv4 address"],
    [{ remote_ip: '::' }, "t: '::' is no host"],
    [
      { remote_ip: 'flow', key: '16777216' },
      "t: key '16777216' is not a number from 0 to 16777215",
    ],
    [{ remote_ip: 'flow', in_key: '-1' }, "t: in_key '-1' is not a number"],
    [{ remote_ip: 'flow', dst_port: '0' }, "t: dst_port '0' is not a number from 1 to 65535"],
    [{ remote_ip: 'flow', ttl: '256' }, "t: ttl '256' is not"],
    [{ remote_ip: 'flow', tos: '3' }, "t: tos '3': its ECN bits"],
    [{ remote_ip: '::1', local_ip: 'flow' }, 'local_ip=flow'],
    [{ remote_ip: 'flow', exts: 'gpe' }, 'neither VXLAN-GPE nor VXLAN-GBP'],
    [{ remote_ip: 'flow', exts: 'gbp' }, 'neither VXLAN-GPE nor VXLAN-GBP'],
  ])('%o cannot be', (of, message) => expect(() => options(of)).toThrow(message))
})

describe('which tunnel port a packet is for', () => {
  const port = (name: string, of: Readonly<Record<string, string>>) =>
    ({ name, options: options({ remote_ip: 'flow', ...of }) }) as TunnelPort
  const arriving = (vni: number, src: string, dst: string, destinationPort = 4789) => {
    const outer = newOuter()
    outer.src.set(parseAddress(src))
    outer.dst.set(parseAddress(dst))
    return Object.assign(outer, { vni, destinationPort })
  }

  test('a key that is said before a remote address before a local one, as in Open vSwitch', () => {
    const said = { key: '5', remote_ip: '192.0.2.1', local_ip: '192.0.2.9' }
    const flow = { key: 'flow', remote_ip: 'flow', local_ip: 'flow' }
    const { local_ip: _, ...any } = said
    const kinds: Readonly<Record<string, string>>[] = [
      said,
      any,
      { key: '5', local_ip: said.local_ip },
      { key: '5' },
      { key: '5', local_ip: 'flow' },
      { ...said, key: 'flow' },
      { ...any, key: 'flow' },
      { key: 'flow', local_ip: said.local_ip },
      { key: 'flow' },
      flow,
    ]
    const table = tunnelTable()
    const packet = arriving(5, '192.0.2.1', '192.0.2.9')
    const ports = kinds.map((of, i) => port(`${i}`, of))
    for (const one of ports.toReversed()) {
      table.add(one)
      expect(table.find(packet)).toBe(one)
    }
    for (const [i, one] of ports.entries()) {
      expect(table.find(packet)).toBe(one)
      table.remove(one)
      expect(table.find(packet)).toBe(ports[i + 1])
    }
  })

  test('the UDP port, the version of IP and the VNI have to be right', () => {
    const table = tunnelTable()
    const one = port('a', { key: '5', remote_ip: '2001:db8::1' })
    table.add(one)
    expect(table.find(arriving(5, '2001:db8::1', '::1'))).toBe(one)
    expect(table.find(arriving(5, '2001:db8::1', '::1', 8472))).toBeUndefined()
    expect(table.find(arriving(6, '2001:db8::1', '::1'))).toBeUndefined()
    expect(table.find(arriving(5, '2001:db8::2', '::1'))).toBeUndefined()
    expect(table.isTaken(options({ key: '5', remote_ip: '2001:db8::1' }))).toBe(true)
    expect(table.isTaken(options({ key: '5', remote_ip: '2001:db8::1', dst_port: '1' }))).toBe(
      false,
    )
  })

  test('any of 2^24 VNIs is told apart from its neighbours', () => {
    const table = tunnelTable()
    const numbers = [0, 1, 0x7fffff, 0x800000, 0xfffffe, 0xffffff]
    for (const key of numbers) table.add(port(`${key}`, { key: `${key}` }))
    for (const vni of numbers) {
      expect(table.find(arriving(vni, '192.0.2.1', '192.0.2.2'))?.name).toBe(`${vni}`)
    }
    expect(table.find(arriving(2, '192.0.2.1', '192.0.2.2'))).toBeUndefined()
  })
})
