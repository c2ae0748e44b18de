/**
 * What hosts of `weft agent` do with frames, whatever realizes their rows: the same rows and the same frames for
 * the kernel (test/netns/agent-cases.test.ts) and for our own switch (test/dataplane/vtep/vtep.test.ts).
 *
 *   g1 -- vm1 [h1] -- underlay -- [h2] vm2 -- g2     VNI 5001, MTU 9000; vm1 has an ACL, vm2 has none
 *                                      vm3 -- g3     VNI 5002, with the address of g2
 */
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { BROADCAST_MAC, parseIpv4 } from '../../../southbound/wire/address.ts'
import { internetChecksum } from '../../../southbound/wire/checksum.ts'
import { arpFrame, ethernetFrame, udpFrame } from '../../../southbound/wire/frame.ts'

export type GuestName = 'g1' | 'g2' | 'g3'

export interface FrameCase {
  readonly name: string
  readonly from: GuestName
  frame(mark: Uint8Array): Uint8Array
  /** By what it is known again; default: the mark. */
  tell?(frame: Uint8Array): Uint8Array
  /** Where it arrives, and nowhere else; default: nowhere. */
  readonly at?: readonly GuestName[]
  /** How it arrives; default: as it was sent. */
  as?(mark: Uint8Array): Uint8Array
  /** What the sender gets back, without what follows it. */
  readonly answer?: Uint8Array
  /** `weft-dropped-*` of the sender's port that counts one more. */
  readonly drop?: string
  /** A host without IPv6 does not do so. */
  readonly takesIpv6?: boolean
}

export const vteps = { h1: '192.0.2.11', h2: '192.0.2.12' } as const
const macs = { g1: 0x020000000001, g2: 0x020000000002, g3: 0x020000000003 }
const ips = { g1: parseIpv4('10.0.0.1'), g2: parseIpv4('10.0.0.2') }
const [OTHER_MAC, OTHER_IP] = [0x020000000077, parseIpv4('10.0.0.77')]
const PLAIN = 0x88b5

const ops = operations(hardwareVtep)

/** Writes rows into a host's database that has a Physical_Port for each of its guests, and no networks. */
export const caseRows: Readonly<Record<'h1' | 'h2', readonly Operation[]>> = {
  h1: [
    ...network('vm1'),
    ...remote(vteps.h2, '02:00:00:00:00:02', '10.0.0.2'),
    ...antiSpoofing('vm1', '02:00:00:00:00:01', '10.0.0.1', 'fd00::1'),
  ],
  h2: [
    ...network('vm2'),
    ...remote(vteps.h1, '02:00:00:00:00:01', '10.0.0.1'),
    ops.insert('Ucast_Macs_Remote', {
      ...{ MAC: '02:00:00:00:00:01', ipaddr: 'fd00::1', logical_switch: 'red', locator: 'there' },
    }),
    ops.insert('Logical_Switch', { name: 'blue', tunnel_key: 5002 }, 'blue'),
    ops.update('Physical_Port', [['name', '==', 'vm3']], { vlan_bindings: { 0: 'blue' } }),
  ],
}

function network(port: string): Operation[] {
  const red = { name: 'red', tunnel_key: 5001, other_config: { 'weft-mtu': '9000' } }
  return [
    ops.insert('Logical_Switch', red, 'red'),
    ops.update('Physical_Port', [['name', '==', port]], { vlan_bindings: { 0: 'red' } }),
  ]
}

function remote(dst_ip: string, MAC: string, ipaddr: string): Operation[] {
  const at = { encapsulation_type: 'vxlan_over_ipv4', dst_ip } as const
  const all = { MAC: 'unknown-dst', logical_switch: 'red', locator_set: 'all' }
  return [
    ops.insert('Physical_Locator', at, 'there'),
    ops.insert('Physical_Locator_Set', { locators: ['there'] }, 'all'),
    ops.insert('Mcast_Macs_Remote', all),
    ops.insert('Ucast_Macs_Remote', { MAC, ipaddr, logical_switch: 'red', locator: 'there' }),
  ]
}

type Entry = Parameters<typeof ops.insert<'ACL_entry'>>[1]

function antiSpoofing(port: string, source_mac: string, ipv4: string, ipv6: string): Operation[] {
  const entries: readonly Entry[] = [
    { sequence: 1, action: 'permit', source_mac, ethertype: '0x0806', source_ip: ipv4 },
    { sequence: 2, action: 'permit', source_mac, ethertype: '0x0800', source_ip: ipv4 },
    {
      ...{ sequence: 3, action: 'permit', source_mac, source_ip: ipv6 },
      ...{ protocol: 58, icmp_type: 136 },
    },
    { sequence: 999, action: 'deny', ethertype: '0x86dd' },
    { sequence: 1000, action: 'deny', ethertype: '0x0806' },
    { sequence: 1001, action: 'deny', source_mac },
    { sequence: 1002, action: 'deny' },
    // To the guest: no UDP to ports 100 to 199.
    {
      sequence: 5,
      action: 'deny',
      direction: 'egress',
      protocol: 17,
      dest_port_min: 100,
      dest_port_max: 199,
    },
  ]
  return [
    ...entries.map((entry, index) =>
      ops.insert('ACL_entry', { direction: 'ingress', ...entry }, `entry${index}`),
    ),
    ops.insert('ACL', { acl_name: port, acl_entries: entries.map((_, i) => `entry${i}`) }, 'acl'),
    ops.update('Physical_Port', [['name', '==', port]], { acl_bindings: { 0: 'acl' } }),
  ]
}

interface Options {
  readonly dst?: number
  readonly src?: number
  readonly type?: number
  readonly vid?: number
  readonly pcp?: number
  readonly size?: number
}

/** From g2 to g1, who may send what it likes. */
const plain =
  ({ dst = macs.g1, src = macs.g2, type = PLAIN, vid, pcp, size = 60 }: Options = {}) =>
  (mark: Uint8Array) => {
    const payload = new Uint8Array(size)
    payload.set(mark)
    return ethernetFrame({ dst, src, type, vlan_vid: vid, vlan_pcp: pcp, payload })
  }

interface UdpOptions {
  readonly eth_src?: number
  readonly ipv4_src?: number
  readonly udp_dst?: number
}

/** From g1 to g2. */
const udp =
  ({ eth_src = macs.g1, ipv4_src = ips.g1, udp_dst = 9 }: UdpOptions = {}) =>
  (payload: Uint8Array) =>
    udpFrame({
      ...{ eth_src, eth_dst: macs.g2, ipv4_src, ipv4_dst: ips.g2, udp_src: 9, udp_dst, payload },
    })

const arpOf = (of: Parameters<typeof arpFrame>[0]) => (mark: Uint8Array) =>
  Buffer.concat([arpFrame(of), mark])
const ask = { op: 1, sha: macs.g1, spa: ips.g1, tha: 0, tpa: OTHER_IP, eth_src: macs.g1 }

/** fd00::SOURCE says that fd00::TARGET is at a MAC that ends with LAST. */
const advertise = (source: number, target: number, last: number) => () => {
  const net = `fd${'0'.repeat(28)}`
  const hex = (byte: number) => byte.toString(16).padStart(2, '0')
  const payload = Buffer.from(
    `6000000000203aff${net}${hex(source)}ff020000000000000000000000000001` +
      `8800000060000000${net}${hex(target)}02010200000000${hex(last)}`,
    'hex',
  )
  return ethernetFrame({ dst: 0x333300000001, src: macs.g1, type: 0x86dd, payload })
}
/** g2 asks where fd00::TARGET is; the checksum is right. */
const solicit = (target: number) => () =>
  discoveryFrame('87', '00000000', macs.g2, 2, target, '0101')
/** g2 says where it is, unasked. */
const announce = () => discoveryFrame('88', '20000000', macs.g2, 2, 2, '0201')

function discoveryFrame(
  ...[
    type,
    flags,
    src,
    from,
    target,
    option,
    dst = 0x333300000001,
    to = 'ff020000000000000000000000000001',
  ]: [string, string, number, number, number, string, number?, string?]
): Uint8Array {
  const address = (last: number) => `fd${'0'.repeat(29)}${last}`
  const mac = src.toString(16).padStart(12, '0')
  const message = `${type}000000${flags}${address(target)}${option}${mac}`
  const pseudo = Buffer.from(`${address(from)}${to}000000200000003a${message}`, 'hex')
  const sum = internetChecksum(pseudo, 0, pseudo.length).toString(16).padStart(4, '0')
  const packet = `6000000000203aff${address(from)}${to}${message.slice(0, 4)}${sum}${message.slice(8)}`
  return ethernetFrame({ dst, src, type: 0x86dd, payload: Buffer.from(packet, 'hex') })
}
const packetOf = (frame: Uint8Array) => frame.subarray(14)

export const frameCases: readonly FrameCase[] = [
  { name: 'a frame to a MAC of a row', from: 'g2', frame: plain(), at: ['g1'] },
  { name: 'a broadcast', from: 'g2', frame: plain({ dst: BROADCAST_MAC }), at: ['g1'] },
  {
    name: 'a frame to a MAC that no row has',
    from: 'g2',
    frame: plain({ dst: OTHER_MAC }),
    at: ['g1'],
  },
  { name: 'a multicast', from: 'g2', frame: plain({ dst: 0x01005e000005 }), at: ['g1'] },
  { name: 'a frame of the MTU', from: 'g2', frame: plain({ size: 9000 }), at: ['g1'] },
  {
    ...{ name: 'a frame over the MTU', from: 'g2', frame: plain({ size: 9040 }) },
    drop: 'mtu_exceeded',
  },
  { name: 'a tagged frame', from: 'g2', frame: plain({ vid: 7 }), drop: 'vlan' },
  {
    name: 'a frame with two tags',
    from: 'g2',
    frame: plain({ vid: 7, type: 0x8100 }),
    drop: 'vlan',
  },
  { name: 'a frame with a service tag', from: 'g2', frame: plain({ type: 0x88a8 }), drop: 'vlan' },
  {
    name: 'a frame with a tag of before the standard',
    from: 'g2',
    frame: plain({ type: 0x9100 }),
    drop: 'vlan',
  },
  {
    ...{ name: 'a priority-tagged frame', from: 'g2', frame: plain({ vid: 0, pcp: 5 }) },
    ...{ at: ['g1'], as: plain() },
  },
  {
    name: 'a tag under a priority tag',
    from: 'g2',
    frame: plain({ vid: 0, type: 0x8100 }),
    drop: 'vlan',
  },
  { name: 'a frame from a group address', from: 'g2', frame: plain({ src: 0x030000000002 }) },
  { name: 'a frame for the bridge next door', from: 'g2', frame: plain({ dst: 0x0180c200000e }) },
  { name: 'what the guest may send', from: 'g1', frame: udp(), at: ['g2'] },
  { name: 'another IP address', from: 'g1', frame: udp({ ipv4_src: OTHER_IP }), drop: 'in-1001' },
  { name: 'another MAC', from: 'g1', frame: udp({ eth_src: OTHER_MAC }), drop: 'in-1002' },
  {
    name: 'another ethertype',
    from: 'g1',
    frame: plain({ dst: macs.g2, src: macs.g1 }),
    drop: 'in-1001',
  },
  { name: 'ARP for an address that no row has', from: 'g1', frame: arpOf(ask), at: ['g2'] },
  {
    name: 'ARP from another address',
    from: 'g1',
    frame: arpOf({ ...ask, spa: ips.g2 }),
    drop: 'in-1000',
  },
  {
    name: 'ARP from another MAC',
    from: 'g1',
    frame: arpOf({ ...ask, sha: OTHER_MAC }),
    drop: 'in-1000',
  },
  {
    ...{ name: 'ARP for an address of a row', from: 'g1', frame: arpOf({ ...ask, tpa: ips.g2 }) },
    answer: arpFrame({ op: 2, sha: macs.g2, spa: ips.g2, tha: macs.g1, tpa: ips.g1 }),
  },
  {
    ...{
      name: 'a solicitation for an address of a row',
      from: 'g2',
      frame: solicit(1),
      tell: packetOf,
    },
    takesIpv6: true,
    answer: discoveryFrame(
      '88',
      '60000000',
      macs.g1,
      1,
      1,
      '0201',
      macs.g2,
      `fd${'0'.repeat(29)}2`,
    ),
  },
  {
    name: 'a solicitation for another address',
    from: 'g2',
    frame: solicit(9),
    tell: packetOf,
    at: ['g1'],
  },
  {
    name: 'an advertisement that nobody asked for',
    from: 'g2',
    frame: announce,
    takesIpv6: true,
    tell: packetOf,
  },
  {
    name: 'an advertisement of its own',
    from: 'g1',
    frame: advertise(1, 1, 1),
    tell: packetOf,
    at: ['g2'],
  },
  {
    name: 'an advertisement from another',
    from: 'g1',
    frame: advertise(2, 2, 1),
    tell: packetOf,
    drop: 'in-999',
  },
  {
    name: 'an advertisement of another',
    from: 'g1',
    frame: advertise(1, 2, 1),
    tell: packetOf,
    drop: 'in-999',
  },
  {
    name: 'an advertisement with another MAC',
    from: 'g1',
    frame: advertise(1, 1, 2),
    tell: packetOf,
    drop: 'in-999',
  },
]
