/** The 5-tuple in the head of a frame, whoever made it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatTuple, frameTuple } from '../../../southbound/openflow/frame-tuple.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { arpFrame, udpFrame } from '../../../southbound/wire/frame.ts'
import { runs } from '../../random.ts'

const [a, b] = [parseIpv4('10.0.0.1'), parseIpv4('10.0.0.2')]
const udp = { eth_src: 0x020000000001, eth_dst: 0x020000000002, ipv4_src: a, ipv4_dst: b }

test('UDP has ports, below a VLAN tag too', () => {
  const frame = udpFrame({
    ...udp,
    udp_src: 5,
    udp_dst: 80,
    vlan_vid: 7,
    payload: new Uint8Array(9),
  })
  const tuple = frameTuple(frame.subarray(0, 128))
  expect(tuple).toEqual({
    eth_src: '02:00:00:00:00:01',
    eth_dst: '02:00:00:00:00:02',
    eth_type: '0x0800',
    vlan_vid: 7,
    ip_src: '10.0.0.1',
    ip_dst: '10.0.0.2',
    ip_proto: 17,
    src_port: 5,
    dst_port: 80,
  })
  expect(tuple && formatTuple(tuple)).toBe('10.0.0.1:5 > 10.0.0.2:80 protocol 17')
})

test('ARP has the one who asks and the one who is asked for', () => {
  const arp = { op: 1, sha: udp.eth_src, spa: a, tha: 0, tpa: b } as const
  const tuple = frameTuple(arpFrame(arp))
  expect(tuple).toMatchObject({ ip_src: '10.0.0.1', ip_dst: '10.0.0.2', eth_type: '0x0806' })
  expect(tuple && formatTuple(tuple)).toBe('10.0.0.1 > 10.0.0.2 ARP')
})

test('no head, however cut or forged, is too much', () => {
  const heads = fc.uint8Array({ maxLength: 128 }).chain((bytes) =>
    fc.constantFrom(0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8).map((type) => {
      const head = Uint8Array.from(bytes)
      if (head.length >= 14) new DataView(head.buffer).setUint16(12, type)
      return head
    }),
  )
  fc.assert(
    fc.property(heads, (head) => {
      const tuple = frameTuple(head)
      expect(tuple === undefined).toBe(head.length < 14)
      if (tuple) formatTuple(tuple)
    }),
    runs(100),
  )
})
