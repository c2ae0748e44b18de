/** Match fields that no case file has: a frame with the value is taken, one of another value is not. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Match } from '../../../southbound/openflow/match.ts'
import { addFlow, apply, output, udp } from './messages.ts'
import { startRig } from './rig.ts'

let rig: Awaited<ReturnType<typeof startRig>>
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.close())

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const ETHERNET = '0a0000000002 0a0000000001'
/** The UDP packet as another protocol over IPv4: ports stand at the same place. */
const like = (protocol: number, ...payload: number[]) => {
  const frame = udp()
  frame[23] = protocol
  frame.set(payload, 34)
  return frame
}
const arp = bytes(
  `${ETHERNET} 0806 0001 0800 06 04 0001 0a0000000001 0a000001 0a0000000003 0a000002`,
)
/** A neighbour advertisement with the option of the target's address. */
const nd = bytes(
  `${ETHERNET} 86dd 60012345 0020 3a ff ${'20010db8000000000000000000000001'}` +
    `${'20010db8000000000000000000000002'} 88 00 0000 60000000` +
    `${'20010db8000000000000000000000001'} 02 01 0a0000000001`,
)
const ipv4 = { eth_type: 0x0800 }
const ipv6 = { eth_type: 0x86dd }
const advertisement = { ...ipv6, ip_proto: 58, icmpv6_type: 136 }

const rows: readonly [field: string, frame: Uint8Array, match: Match, other: Match][] = [
  ['eth_dst', udp(), { eth_dst: 0x0a0000000002 }, { eth_dst: 0x0a0000000003 }],
  ['eth_src', udp(), { eth_src: [0x0a0000000000, 0xff0000000000] }, { eth_src: 2 }],
  [
    'tcp_src',
    like(6, 3, 232, 7, 208, ...[0, 0, 0, 0], ...[0, 0, 0, 0], 0x50),
    { ...ipv4, ip_proto: 6, tcp_src: 1000 },
    { ...ipv4, ip_proto: 6, tcp_src: 1001 },
  ],
  [
    'udp_src',
    udp(),
    { ...ipv4, ip_proto: 17, udp_src: 1000 },
    { ...ipv4, ip_proto: 17, udp_src: 1001 },
  ],
  [
    'sctp_src',
    like(132),
    { ...ipv4, ip_proto: 132, sctp_src: 1000 },
    { ...ipv4, ip_proto: 132, sctp_src: 1001 },
  ],
  [
    'icmpv4_code',
    like(1, 3, 4),
    { ...ipv4, ip_proto: 1, icmpv4_code: 4 },
    { ...ipv4, ip_proto: 1, icmpv4_code: 3 },
  ],
  [
    'arp_spa',
    arp,
    { eth_type: 0x0806, arp_spa: [0x0a000000, 0xffffff00] },
    { eth_type: 0x0806, arp_spa: 5 },
  ],
  ['arp_sha', arp, { eth_type: 0x0806, arp_sha: 0x0a0000000001 }, { eth_type: 0x0806, arp_sha: 5 }],
  ['arp_tha', arp, { eth_type: 0x0806, arp_tha: 0x0a0000000003 }, { eth_type: 0x0806, arp_tha: 5 }],
  ['ipv6_src', nd, { ...ipv6, ipv6_src: (0x20010db8n << 96n) | 1n }, { ...ipv6, ipv6_src: 1n }],
  ['ipv6_flabel', nd, { ...ipv6, ipv6_flabel: 0x12345 }, { ...ipv6, ipv6_flabel: [0, 1] }],
  [
    'icmpv6_code',
    nd,
    { ...ipv6, ip_proto: 58, icmpv6_code: 0 },
    { ...ipv6, ip_proto: 58, icmpv6_code: 1 },
  ],
  [
    'ipv6_nd_tll',
    nd,
    { ...advertisement, ipv6_nd_tll: 0x0a0000000001 },
    { ...advertisement, ipv6_nd_tll: 5 },
  ],
]

test.each(rows)('%s is matched', async (_field, frame, match, other) => {
  const instructions = [apply(output(2))]
  expect(await rig.controller.answers(addFlow({ match: other, instructions }))).toEqual([])
  rig.p1.send(frame)
  expect(rig.p2.received).toEqual([])
  expect(await rig.controller.answers(addFlow({ match, instructions }))).toEqual([])
  rig.p1.send(frame)
  expect(rig.p2.received).toEqual([frame])
})
