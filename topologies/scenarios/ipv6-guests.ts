/** Guests on IPv6: how they find each other, and what they may not say of themselves and of others. */
import { familyOf, ipv6Number, linkLocalAddress } from '../../controller/model/ip-address.ts'
import { formatMac } from '../../southbound/wire/address.ts'
import { fullPing, SHORT_PING } from '../lab/checks/ping.ts'
import { ping } from '../lab/netns/ping.ts'
import {
  advertisement,
  cut,
  hidden,
  type Neighbour,
  ofRouter,
  packet,
  probe,
  solicitation,
} from './neighbour-frames.ts'
import { ALL_SWITCHES, type Scenario, type ScenarioLab } from './scenario.ts'
import { tagged } from './tags.ts'
import { dropsOf } from './vlan.ts'

const topology = 'ipv6-underlay'
const [vm1, vm2, vm3, vm4, vm5] = [
  'h1.acme-vm1',
  'h2.acme-vm2',
  'h3.acme-vm3',
  'h1.acme-vm4',
  'h5.acme-vm5',
] as const
/** IPv6 has a header of 20 bytes more than IPv4. */
const LARGEST = fullPing(8930) - 20
/** The address of `lab.document` that a guest has in IPv6. */
function textOf(lab: ScenarioLab, name: string): string {
  const { tenant, portId } = lab.guest(name)
  const { addresses = [] } = lab.document.tenants[tenant]?.ports?.[portId] ?? {}
  return addresses.find((each) => familyOf(each) === 6) ?? ''
}
const neighbour = (lab: ScenarioLab, name: string): Neighbour => ({
  mac: lab.guest(name).mac,
  ipv6: ipv6Number(textOf(lab, name)),
})
const linkLocal = ({ mac }: Neighbour): Neighbour => ({ mac, ipv6: linkLocalAddress(mac) })
const isOvs = (lab: ScenarioLab, name: string): boolean =>
  lab.document.hosts[lab.guest(name).hostId]?.kind === 'ovs'

/** A frame as it arrives where its destination MAC was made that of the one who is asked. */
function sentTo(frame: Uint8Array, mac: number): Uint8Array {
  const arriving = frame.slice()
  arriving.set(Buffer.from(formatMac(mac).replaceAll(':', ''), 'hex'))
  return arriving
}

export const ipv6Guests: readonly Scenario[] = [
  {
    name: 'a port that says no addresses has one of each family, from the ranges and from its MAC',
    topology,
    shows: {},
    async run(lab) {
      const { addresses } = await lab.get<{ addresses: string[] }>('tenants/acme/ports/vm4')
      if (`${addresses}` !== '10.0.0.100,2001:db8:6::ff:fe00:14') throw new Error(`${addresses}`)
    },
  },
  {
    name: 'a neighbour solicitation reaches the one guest that has the address, and nobody else',
    topology,
    shows: { guestIpv6: ['open-vswitch', 'weft-switch'] },
    async run(lab) {
      for (const [from, to] of [
        [vm1, vm2],
        [vm2, vm1],
        [vm1, vm3],
        [vm3, vm4],
        [vm1, vm4],
      ] as const) {
        const [sender, target] = [neighbour(lab, from), neighbour(lab, to)]
        const byLinkLocal = [
          [linkLocal(sender), target],
          [sender, linkLocal(target)],
        ] as const
        const pairs = [[sender, target], ...(from === vm2 ? byLinkLocal : [])] as const
        for (const [asks, { ipv6 }] of pairs) {
          const mark = lab.mark()
          const frame = solicitation(mark, asks, ipv6)
          const arriving = sentTo(frame, target.mac)
          await lab.send(from, frame, arriving)
          await lab.expectAt(to, arriving)
          const isLocal = lab.guest(from).hostId === lab.guest(to).hostId
          await lab.expectOnly(mark, isLocal ? [to] : [to, 'underlay'])
        }
      }
    },
  },
  {
    name: 'guests on every kind of host talk IPv6, probe for their own address and tell where they are',
    topology,
    shows: { guestIpv6: ALL_SWITCHES },
    async run(lab) {
      const guests = [vm1, vm2, vm3, vm4, vm5]
      for (const [at, from] of guests.entries()) {
        const to = guests[(at + 1) % guests.length] ?? vm1
        const [sender, peer] = [neighbour(lab, from), neighbour(lab, to)]
        for (const frame of [
          packet(lab.mark(), sender, peer),
          packet(lab.mark(), linkLocal(sender), linkLocal(peer)),
        ]) {
          await lab.send(from, frame)
          await lab.expectAt(to, frame)
        }
        // What a guest says of itself unasked stays on a host of kind vtep.
        if (!isOvs(lab, from)) continue
        for (const frame of [probe(lab.mark(), sender), advertisement(lab.mark(), sender)]) {
          await lab.send(from, frame)
          for (const other of guests) if (other !== from) await lab.expectAt(other, frame)
        }
      }
    },
  },
  {
    name: 'kernels find and ping each other by IPv6 between every pair of kinds, up to the last byte',
    topology,
    shows: { guestIpv6: ['open-vswitch', 'weft-switch', 'linux-bridge'] },
    not: { memory: 'guests of the memory lab have no stack for IPv6' },
    async run(lab) {
      const guests = [vm1, vm2, vm3, vm4, vm5]
      for (const from of guests)
        for (const to of guests.filter((each) => each !== from)) {
          const { namespace } = lab.netns().workloads.get(from)?.plan ?? { namespace: '' }
          for (const bytes of [SHORT_PING, LARGEST])
            await lab.until(`${from} -> ${to}, ${bytes} bytes`, () =>
              ping(namespace, textOf(lab, to), { bytes, timeoutMs: 1000, signal: lab.signal }),
            )
        }
    },
  },
  {
    name: 'a guest speaks in IPv6 for itself alone, and is no router',
    topology,
    shows: { antiSpoofing: ALL_SWITCHES },
    async run(lab) {
      const pairs = [
        [vm1, vm2],
        [vm2, vm3],
        [vm5, vm1],
      ] as const
      for (const [liar, victim] of pairs) {
        const [own, other] = [neighbour(lab, liar), neighbour(lab, victim)]
        const lies: ((mark: Uint8Array) => Uint8Array)[] = [
          (mark) => packet(mark, { ...own, ipv6: other.ipv6 }, other),
          (mark) => packet(mark, { ...own, ipv6: linkLocal(other).ipv6 }, other),
          (mark) => packet(mark, { ...own, mac: other.mac }, other),
          (mark) => advertisement(mark, own, { target: other.ipv6 }),
          (mark) => advertisement(mark, own, { says: [other.mac] }),
          (mark) => advertisement(mark, { ...own, ipv6: other.ipv6 }, { target: own.ipv6 }),
          (mark) => solicitation(mark, { ...own, ipv6: other.ipv6 }, own.ipv6),
          (mark) => solicitation(mark, own, other.ipv6, { says: [other.mac] }),
          (mark) => solicitation(mark, own, other.ipv6, { says: [own.mac, other.mac] }),
        ]
        const refused = isOvs(lab, liar)
          ? [...lies, (mark: Uint8Array) => probe(mark, { ...other, mac: own.mac })]
          : lies
        for (const lie of refused) await lab.send(liar, lie(lab.mark()))
        await lab.expectDropped(liar, 'port_security')
        for (const type of [134, 137] as const)
          await lab.send(liar, ofRouter(lab.mark(), own, type))
        await lab.expectDropped(liar, isOvs(lab, liar) ? 'ra_refused' : 'port_security')
      }
    },
  },
  {
    name: 'what a guest may not say in IPv6 it may not say behind extension headers or in fragments either',
    topology,
    shows: { antiSpoofing: ALL_SWITCHES },
    async run(lab) {
      for (const liar of [vm1, vm2, vm5]) {
        const [own, other] = [neighbour(lab, liar), neighbour(lab, vm3)]
        for (const hide of Object.values(hidden))
          await lab.send(liar, hide(advertisement(lab.mark(), own, { target: other.ipv6 })))
        // The ACL of hardware_vtep has no word for a fragment.
        for (const end of isOvs(lab, liar) ? Object.values(cut) : [])
          await lab.send(liar, end(packet(lab.mark(), own, other)))
        await lab.expectDropped(liar, 'port_security')
        for (const hide of Object.values(hidden))
          await lab.send(liar, hide(ofRouter(lab.mark(), own, 134)))
        await lab.expectDropped(liar, isOvs(lab, liar) ? 'ra_refused' : 'port_security')
      }
    },
  },
  {
    name: 'who asks for an IPv6 address that nobody has is not heard',
    topology,
    shows: { guestIpv6: ['open-vswitch', 'weft-switch'] },
    async run(lab) {
      for (const from of [vm1, vm2]) {
        const own = neighbour(lab, from)
        await lab.send(from, solicitation(lab.mark(), own, own.ipv6 + 0x1000n))
        await lab.expectDropped(from, 'nd_unknown')
      }
    },
  },
  {
    name: 'a guest on a VLAN finds by IPv6 also who is out there, and nobody out there is one of the guests',
    topology: 'vlan-trunk',
    shows: { vlan: ['open-vswitch', 'weft-switch'], extension: ['open-vswitch', 'weft-switch'] },
    async run(lab) {
      const [vm11, vm12, vm31, vm32] = ['h1.vm11', 'h2.vm12', 'h1.vm31', 'h2.vm32'] as const
      const asked = solicitation(lab.mark(), neighbour(lab, vm11), neighbour(lab, vm12).ipv6)
      await lab.send(vm11, asked)
      await lab.expectAt(vm12, asked)
      await lab.expectAt('office', tagged(asked, 100))
      const { mac, ipv6 } = neighbour(lab, vm32)
      const extended = solicitation(lab.mark(), neighbour(lab, vm31), ipv6)
      await lab.send(vm31, extended, sentTo(extended, mac))
      await lab.expectAt(vm32, sentTo(extended, mac))
      const machine = { mac: 0x0200_0000_0090, ipv6: ipv6 + 0x90n }
      const outside = [
        [vm11, 100],
        [vm32, 7],
      ] as const
      for (const [from, tag] of outside) {
        const frame = solicitation(lab.mark(), neighbour(lab, from), machine.ipv6)
        await lab.send(from, frame)
        await lab.expectAt('office', tagged(frame, tag))
      }
      const lies = [
        ['h2', vm12, 100],
        ['h1', vm32, 7],
      ] as const
      for (const [hostId, name, tag] of lies) {
        const guest = neighbour(lab, name)
        for (const lie of [
          advertisement(lab.mark(), machine, { target: guest.ipv6 }),
          packet(lab.mark(), { ...machine, ipv6: guest.ipv6 }, guest),
          // Of two options Linux takes the first, and Open vSwitch neither them nor the target.
          advertisement(lab.mark(), machine, {
            target: guest.ipv6,
            says: [guest.mac, machine.mac],
          }),
        ]) {
          const before = await dropsOf(lab, hostId, 'source_looped')
          lab.physicalNetwork('office').send(tagged(lie, tag))
          await lab.until(
            `${hostId} counts it`,
            async () => (await dropsOf(lab, hostId, 'source_looped')) === before + 1,
          )
        }
      }
    },
  },
]
