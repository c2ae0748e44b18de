/** Networks on a physical network: types vlan and flat, and a VXLAN network that goes on in a VLAN. */
import { BROADCAST_MAC, parseIpv4 } from '../../southbound/wire/address.ts'
import { ARP_REPLY } from '../../southbound/wire/arp.ts'
import { ethernet } from '../../southbound/wire/ethernet.ts'
import { arpFrame } from '../../southbound/wire/frame.ts'
import { markedArp, markedPacket, type Station } from '../lab/checks/frames.ts'
import { fullPing, SHORT_PING } from '../lab/checks/ping.ts'
import { ALL_SWITCHES, type Pair, type Scenario, type ScenarioLab } from './scenario.ts'
import { machineOn, SERVICE, stationOf, type Tag, tagged } from './tags.ts'

const topology = 'vlan-trunk'
const OFFICE = 'office'
const OVS_SWITCHES = ['open-vswitch', 'weft-switch'] as const
const EVERYBODY: Station = { mac: BROADCAST_MAC, address: parseIpv4('10.0.0.255') }
/** A frame that finds a MAC unlearned, or a tunnel cold, may be lost. */
const ATTEMPTS = 5
const EMULATOR_MS = 30_000

/** Network by the tens digit of a port: its tag on the physical network. */
const TAGS: Readonly<Record<number, readonly Tag[]>> = { 1: [100], 2: [], 3: [7] }
const tagsOf = (n: number): readonly Tag[] => TAGS[Math.floor(n / 10)] ?? []
const nameOf = (n: number): string => `h${n % 10}.vm${n}`

type Pinger = {
  ping(target: number, options: { bytes: number; timeoutMs: number }): Promise<boolean>
}

async function reaches(lab: ScenarioLab, what: string, from: Pinger, to: Station, bytes: number) {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    lab.signal.throwIfAborted()
    if (await from.ping(to.address, { bytes, timeoutMs: 1000 })) return
  }
  throw new Error(`ping ${what}, ${bytes} bytes: lost`)
}

/** Between guests of these networks. */
const pairsOf = (lab: ScenarioLab, ...tens: readonly number[]): Pair[] =>
  lab.pairs().filter(({ from }) => tens.includes(Math.floor(Number(from.portId.slice(2)) / 10)))

/** Drops of a host for this reason, of whatever frames. */
export async function dropsOf(lab: ScenarioLab, hostId: string, reason: string): Promise<number> {
  type Drops = { drops: { reason: string; packets: number }[] }
  const { drops } = await lab.get<Drops>(`infra/hosts/${hostId}/drops`)
  return drops.reduce((sum, one) => sum + (one.reason === reason ? one.packets : 0), 0)
}

/** The frame for this one alone: a broadcast would have others take its sender for what it says. */
function toStation(frame: Uint8Array, { mac }: Station): Uint8Array {
  ethernet.set.dst(frame, 0, mac)
  return frame
}

export const vlan: readonly Scenario[] = [
  {
    name: 'guests of a VLAN, of what is untagged and of a network over VNI and VLAN reach each other, up to a jumbo frame with DF',
    topology,
    shows: { vlan: OVS_SWITCHES },
    async run(lab) {
      for (const { from, to } of pairsOf(lab, 1, 2, 3)) {
        const what = `${from.name} -> ${to.name}`
        await reaches(lab, what, from, to, SHORT_PING)
        await reaches(lab, what, from, to, fullPing(from.mtuBytes))
      }
    },
  },
  {
    name: 'a frame is on the physical network with the tag of its network, once, and crosses no tunnel',
    topology,
    shows: { vlan: OVS_SWITCHES },
    async run(lab) {
      // Vm13 is of the VLAN too, a sub-port of vm41.
      const sent = (
        [
          [11, 12, ['h1.vm41']],
          [12, 11, ['h1.vm41']],
          [21, 22, []],
          [22, 21, []],
        ] as const
      ).flatMap(([from, to, others]) =>
        [stationOf(to), EVERYBODY].map((receiver) => {
          const mark = lab.mark()
          const frame = markedPacket(mark, stationOf(from), receiver)
          const places = [nameOf(to), OFFICE, ...(receiver === EVERYBODY ? others : [])]
          return { from, to, mark, frame, places }
        }),
      )
      for (const { from, frame } of sent) await lab.send(nameOf(from), frame)
      for (const { from, to, frame } of sent) {
        await lab.expectAt(OFFICE, tagged(frame, ...tagsOf(from)))
        await lab.expectAt(nameOf(to), frame)
      }
      for (const { mark, places } of sent) await lab.expectOnly(mark, places)
    },
  },
  {
    name: 'machines that Weft does not know and guests reach each other by ARP, on a VLAN and untagged',
    topology,
    shows: { vlan: OVS_SWITCHES },
    async run(lab) {
      for (const [n, vid, ...guests] of [
        [90, 100, 11, 12],
        [91, undefined, 21, 22],
      ] as const) {
        using machine = machineOn(lab, OFFICE, n, vid)
        for (const one of guests) {
          const guest = lab.guest(nameOf(one))
          await reaches(
            lab,
            `${nameOf(one)} -> ${n}`,
            guest,
            stationOf(n),
            fullPing(guest.mtuBytes),
          )
          await reaches(lab, `${n} -> ${nameOf(one)}`, machine, guest, fullPing(guest.mtuBytes))
        }
      }
    },
  },
  {
    name: 'a machine on the VLAN of an extended network and guests on its VNI reach each other, on every kind of host',
    topology,
    shows: { extension: ALL_SWITCHES },
    async run(lab) {
      using machine = machineOn(lab, OFFICE, 92, 7)
      for (const n of [31, 32, 33]) {
        const guest = lab.guest(nameOf(n))
        await reaches(lab, `92 -> ${guest.name}`, machine, guest, fullPing(guest.mtuBytes))
        await reaches(lab, `${guest.name} -> 92`, guest, stationOf(92), fullPing(guest.mtuBytes))
      }
    },
  },
  {
    name: 'an extended network does not loop: one broadcast is once everywhere, wherever it comes from',
    topology,
    shows: { extension: ALL_SWITCHES },
    async run(lab) {
      const guests = [31, 32, 33]
      const sent = [...guests, 93].map((from) => {
        const mark = lab.mark()
        const others = guests.filter((n) => n !== from).map(nameOf)
        return { from, mark, others, frame: markedPacket(mark, stationOf(from), EVERYBODY) }
      })
      for (const { from, frame } of sent)
        if (guests.includes(from)) await lab.send(nameOf(from), frame)
        else lab.physicalNetwork(OFFICE).send(tagged(frame, 7))
      for (const { from, mark, others } of sent) {
        const outside = guests.includes(from) ? [OFFICE] : []
        await lab.expectOnly(mark, [...others, ...outside, 'underlay'])
      }
      // Each once, now that all has arrived.
      for (const { from, frame, others } of sent) {
        for (const name of others) await lab.expectAt(name, frame)
        if (guests.includes(from)) await lab.expectAt(OFFICE, tagged(frame, 7))
      }
    },
  },
  {
    name: 'from outside nobody comes in by another VLAN, with a tag more, too large, for nobody or as one of us, each with its reason',
    topology,
    shows: { vlan: OVS_SWITCHES, extension: OVS_SWITCHES },
    async run(lab) {
      const wire = lab.physicalNetwork(OFFICE)
      const [there, here] = [stationOf(90), stationOf(12)]
      /** The machine's MAC and the address of a port. */
      const claim = (n: number): Station => ({ mac: there.mac, address: stationOf(n).address })
      const control = lab.mark()
      wire.send(tagged(markedPacket(control, there, here), 100))
      await lab.expectOnly(control, [nameOf(12)])
      const refused: readonly (readonly [
        hostId: string,
        reason: string,
        frame: (mark: Uint8Array) => Uint8Array,
        elsewhere?: readonly string[],
      ])[] = [
        // Not h2, which counts what of the extended network is still under way.
        ['h1', 'vlan_unknown', (mark) => tagged(markedPacket(mark, there, EVERYBODY), 101)],
        ['h2', 'vlan_not_allowed', (mark) => tagged(markedPacket(mark, there, here), 100, 5)],
        ['h2', 'mac_unknown', (mark) => tagged(markedPacket(mark, there, stationOf(77)), 100)],
        [
          'h2',
          'mtu_exceeded',
          (mark) => tagged(markedPacket(mark, there, here, { ipBytes: 9001 }), 100),
        ],
        // With a MAC of its own, and the address of vm12.
        [
          'h2',
          'source_looped',
          (mark) => tagged(toStation(markedArp(mark, there, here.address, claim(12)), here), 100),
        ],
        [
          'h2',
          'source_looped',
          (mark) => tagged(markedPacket(mark, claim(12), EVERYBODY), 100),
          ['h1.vm11', 'h1.vm41'],
        ],
        // To h1 vm12 is a machine like any other.
        [
          'h2',
          'source_looped',
          (mark) => tagged(markedArp(mark, here, here.address), 100),
          ['h1.vm11', 'h1.vm41'],
        ],
        // Of an extended network no port of any host is out there.
        ['h1', 'source_looped', (mark) => tagged(markedPacket(mark, claim(33), EVERYBODY), 7)],
        [
          'h1',
          'source_looped',
          (mark) => tagged(markedArp(mark, there, stationOf(31).address, claim(32)), 7),
        ],
        ['h1', 'source_looped', (mark) => tagged(markedPacket(mark, stationOf(33), EVERYBODY), 7)],
      ]
      const sent: { mark: Uint8Array; elsewhere: readonly string[] }[] = []
      for (const [hostId, reason, frame, elsewhere = []] of refused) {
        const before = await dropsOf(lab, hostId, reason)
        const mark = lab.mark()
        wire.send(frame(mark))
        await lab.until(`${hostId} counts one ${reason}`, async () => {
          const rise = (await dropsOf(lab, hostId, reason)) - before
          if (rise > 1) throw new Error(`${hostId} counts ${rise} ${reason}, not 1`)
          return rise === 1
        })
        sent.push({ mark, elsewhere })
      }
      for (const { mark, elsewhere } of sent) await lab.expectOnly(mark, elsewhere)
      // The bridges of the physical network learn again where vm12 is.
      await reaches(lab, 'vm12 -> vm11', lab.guest(nameOf(12)), stationOf(11), SHORT_PING)
    },
  },
  {
    name: 'a tag of a guest does not reach a physical network, single, double or a service tag; a priority tag is taken off',
    topology,
    shows: { vlan: OVS_SWITCHES },
    async run(lab) {
      const refused: readonly (readonly Tag[])[] = [
        [5],
        [100],
        [5, 6],
        [0x6000, 6],
        [[SERVICE, 5], 6],
      ]
      const pairs = [
        [11, 12],
        [22, 21],
        [32, 31],
      ] as const
      for (const [from, to] of pairs) {
        const packet = (mark: Uint8Array) => markedPacket(mark, stationOf(from), stationOf(to))
        const frame = packet(lab.mark())
        await lab.send(nameOf(from), tagged(frame, 0xe000), frame)
        await lab.expectAt(nameOf(to), frame)
        for (const tags of refused)
          await lab.send(nameOf(from), tagged(packet(lab.mark()), ...tags))
      }
      for (const [from] of pairs) await lab.expectDropped(nameOf(from), 'vlan_not_allowed')
    },
  },
  {
    name: 'a broadcast of a network that is not on the physical network does not reach it',
    topology,
    shows: { vlan: OVS_SWITCHES },
    async run(lab) {
      const guests = [41, 42, 43]
      const sent = guests.map((from) => ({ from, mark: lab.mark() }))
      for (const { from, mark } of sent)
        await lab.send(nameOf(from), markedPacket(mark, stationOf(from), EVERYBODY))
      for (const { from, mark } of sent)
        await lab.expectOnly(mark, [...guests.filter((n) => n !== from).map(nameOf), 'underlay'])
    },
  },
  {
    name: 'a forged MAC, address or ARP sender does not reach a physical network',
    topology,
    shows: { antiSpoofing: OVS_SWITCHES },
    async run(lab) {
      const guests = [11, 21, 31, 32]
      for (const n of guests) {
        const [own, other, out] = [stationOf(n), stationOf(90), stationOf(98)]
        const forged = (mark: Uint8Array): Uint8Array[] => [
          markedPacket(mark, { ...own, mac: other.mac }, out),
          markedPacket(mark, { ...own, address: other.address }, out),
          markedArp(mark, own, out.address, { ...own, address: other.address }),
          arpFrame({
            ...{ op: ARP_REPLY, sha: other.mac, spa: own.address, eth_src: own.mac },
            ...{ tha: out.mac, tpa: out.address },
          }),
        ]
        const honest = markedPacket(lab.mark(), own, out)
        const outside = tagged(honest, ...tagsOf(n))
        await lab.send(nameOf(n), honest, outside)
        await lab.expectAt(OFFICE, outside)
        for (const frame of forged(lab.mark())) await lab.send(nameOf(n), frame)
      }
      for (const n of guests) await lab.expectDropped(nameOf(n), 'port_security')
    },
  },
]

/** Runs among those of the hardware switch. */
export const extensionOfHardware: Scenario = {
  name: 'a machine on the VLAN of an extended network and a guest of a hardware switch on its VNI reach each other',
  topology: 'hardware-vtep',
  not: { memory: 'the emulator wants a kernel' },
  needs: ['pythonOvs'],
  shows: { extension: ['ovs-vtep'] },
  async run(lab) {
    const web = { vni: 5001, mtuBytes: 9000 }
    const extension = { physicalNetwork: OFFICE, vid: 7, hostId: 'h1' }
    await lab.put('tenants/acme/networks/web', { ...web, extension })
    using machine = machineOn(lab, OFFICE, 92, 7)
    const guest = lab.guest('h3.acme-vm3')
    const ask = { bytes: fullPing(guest.mtuBytes), timeoutMs: 1000 }
    // The emulator polls.
    await lab.until('92 -> vm3', () => machine.ping(guest.address, ask), EMULATOR_MS)
    await lab.until('vm3 -> 92', () => guest.ping(stationOf(92).address, ask), EMULATOR_MS)
    await lab.put('tenants/acme/networks/web', web)
  },
}
