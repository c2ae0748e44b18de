/** Trunk ports of guests: what a guest sends with a tag is of another port, in another network. */
import { BROADCAST_MAC, parseIpv4 } from '../../southbound/wire/address.ts'
import { ARP_REPLY } from '../../southbound/wire/arp.ts'
import { arpFrame } from '../../southbound/wire/frame.ts'
import { markedArp, markedPacket, type Station } from '../lab/checks/frames.ts'
import { SHORT_PING } from '../lab/checks/ping.ts'
import type { Scenario, ScenarioLab } from './scenario.ts'
import { stationOf, tagged } from './tags.ts'

const topology = 'vlan-trunk'
const OVS_SWITCHES = ['open-vswitch', 'weft-switch'] as const
const SWITCHES = [...OVS_SWITCHES, 'weft-vtep'] as const
const EVERYBODY: Station = { mac: BROADCAST_MAC, address: parseIpv4('10.0.0.255') }

const EMULATOR_MS = 30_000

/** A sub-port, N for vmN: its number is its VID as well. */
interface Subport {
  readonly n: number
  /** The guest whose trunk it is in. */
  readonly trunk: string
}

const MINE: readonly Subport[] = [
  { n: 71, trunk: 'h1.vm41' },
  { n: 72, trunk: 'h2.vm42' },
]

/** Those of the network `side`; on a vtep host one is made where the host can: a kernel without 8021q cannot. */
async function subports(lab: ScenarioLab): Promise<readonly Subport[]> {
  if (lab.realizer('h3') === 'linux-bridge') return MINE
  const place = { parent: 'vm43', vid: 73, mac: '02:00:00:00:00:73', addresses: ['10.0.0.73'] }
  await lab.put('tenants/acme/ports/vm73', { network: 'side', ...place })
  return [...MINE, { n: 73, trunk: 'h3.vm43' }]
}

const pairsOf = (all: readonly Subport[]) =>
  all.flatMap((from) => all.filter((to) => to !== from).map((to) => ({ from, to })))

const portOf = ({ n }: Subport): string => `vm${n}`

export const trunk: readonly Scenario[] = [
  {
    name: 'what a guest sends with the tag of a sub-port arrives at a sub-port of that network, with the tag there',
    topology,
    shows: { trunk: SWITCHES },
    async run(lab) {
      const all = await subports(lab)
      const sent = pairsOf(all).map((pair) => {
        const mark = lab.mark()
        const [near, far] = [stationOf(pair.from.n), stationOf(pair.to.n)]
        return { ...pair, mark, packet: markedPacket(mark, near, far, { ipBytes: 1500 }) }
      })
      for (const { from, to, packet } of sent) {
        const [near, far] = [lab.guest(from.trunk), lab.guest(to.trunk)]
        await lab.until(`${near.name} reaches ${far.name} without a tag`, () =>
          near.ping(far.address, { bytes: SHORT_PING, timeoutMs: 1000, signal: lab.signal }),
        )
        await lab.send(near.name, tagged(packet, from.n), tagged(packet, to.n))
      }
      const flooded = all.map((from) => {
        const mark = lab.mark()
        const others = all.filter((one) => one !== from)
        return { from, others, mark, packet: markedPacket(mark, stationOf(from.n), EVERYBODY) }
      })
      for (const { from, packet } of flooded) await lab.send(from.trunk, tagged(packet, from.n))
      for (const { to, packet } of sent) await lab.expectAt(to.trunk, tagged(packet, to.n))
      for (const { others, packet } of flooded)
        for (const to of others) await lab.expectAt(to.trunk, tagged(packet, to.n))
      for (const { to, mark } of sent) await lab.expectOnly(mark, [to.trunk, 'underlay'])
      for (const { others, mark } of flooded)
        await lab.expectOnly(mark, [...others.map((to) => to.trunk), 'underlay'])
    },
  },
  {
    name: 'a sub-port is held to its tag and its addresses, and hides no tag behind its own',
    topology,
    shows: { trunk: SWITCHES },
    async run(lab) {
      const all = await subports(lab)
      const drops = async (reason: string) => {
        for (const from of all) await lab.expectDropped(from.trunk, reason, portOf(from))
      }
      const packet = (from: Station, to: Subport) => markedPacket(lab.mark(), from, stationOf(to.n))
      const pairs = all.map((from, at) => ({ from, to: all[(at + 1) % all.length] ?? from }))
      for (const { from, to } of pairs)
        await lab.send(from.trunk, tagged(packet(stationOf(from.n), to), 99))
      await drops('vlan_not_allowed')
      for (const { from, to } of pairs)
        await lab.send(from.trunk, tagged(packet(lab.guest(from.trunk), to), from.n))
      await drops('port_security')
      for (let round = 0; round < 2; round++)
        for (const { from, to } of pairs) {
          const fits = packet(stationOf(from.n), to)
          await lab.send(from.trunk, tagged(fits, from.n), tagged(fits, to.n))
          await lab.expectAt(to.trunk, tagged(fits, to.n))
          for (const behind of [[6], [6, 7], [from.n]])
            await lab.send(from.trunk, tagged(packet(stationOf(from.n), to), from.n, ...behind))
        }
      await drops('vlan_not_allowed')
    },
  },
  {
    name: 'a sub-port in a network of a physical network is answered with its tag, and is there by the VID of the network',
    topology,
    shows: { trunk: OVS_SWITCHES, vlan: OVS_SWITCHES },
    async run(lab) {
      const [own, peer] = [stationOf(13), stationOf(12)]
      const question = markedArp(lab.mark(), own, peer.address)
      const answer = question.slice()
      answer.set(
        arpFrame({
          ...{ op: ARP_REPLY, sha: peer.mac, spa: peer.address, eth_src: peer.mac },
          ...{ tha: own.mac, tpa: own.address },
        }),
      )
      await lab.send('h1.vm41', tagged(question, 30), tagged(answer, 30))
      await lab.expectAt('h1.vm41', tagged(answer, 30))

      const out = markedPacket(lab.mark(), own, peer)
      await lab.send('h1.vm41', tagged(out, 30), out)
      await lab.expectAt('office', tagged(out, 100))
      await lab.expectAt('h2.vm12', out)
      const back = markedPacket(lab.mark(), peer, own)
      await lab.send('h2.vm12', back, tagged(back, 30))
      await lab.expectAt('h1.vm41', tagged(back, 30))
    },
  },
  {
    name: 'sub-ports of one trunk in one network do not reach each other, and their status says so',
    topology,
    shows: { trunk: OVS_SWITCHES },
    async run(lab) {
      type Answer = { status: { hosts: Record<string, { reason?: string }> } }
      const expectReason = (id: string, host: string, right: string | undefined) =>
        lab.until(`${id} says ${right}`, async () => {
          const { status } = await lab.get<Answer>(`tenants/acme/ports/${id}`)
          return status.hosts[host]?.reason === right
        })
      for (const { n, trunk: name } of MINE) {
        const host = lab.guest(name).hostId
        const place = { parent: lab.guest(name).portId, vid: 74 }
        const own = { mac: '02:00:00:00:00:74', addresses: ['10.0.0.74'] }
        await lab.put('tenants/acme/ports/vm74', { network: 'side', ...place, ...own })
        await expectReason('vm74', host, `Degraded: same_trunk (acme/vm${n})`)
        await expectReason(`vm${n}`, host, 'Degraded: same_trunk (acme/vm74)')
        const mark = lab.mark()
        await lab.send(name, tagged(markedPacket(mark, stationOf(n), stationOf(74)), n))
        const [elsewhere] = MINE.filter((one) => one.n !== n)
        if (!elsewhere) continue
        const control = markedPacket(lab.mark(), stationOf(74), stationOf(elsewhere.n))
        await lab.send(name, tagged(control, 74), tagged(control, elsewhere.n))
        await lab.expectAt(elsewhere.trunk, tagged(control, elsewhere.n))
        await lab.expectOnly(mark, [])
        await lab.remove('tenants/acme/ports/vm74')
        await expectReason(`vm${n}`, host, undefined)
      }
    },
  },
]

/** Runs among those of the hardware switch. */
export const trunkOfHardware: Scenario = {
  name: 'a hardware switch carries ports by VIDs of one interface: what is tagged there arrives elsewhere, and back',
  topology: 'hardware-vtep',
  not: { memory: 'the emulator wants a kernel' },
  needs: ['pythonOvs'],
  shows: { trunk: ['ovs-vtep'] },
  async run(lab) {
    const port = (id: string) => `tenants/acme/ports/${id}`
    type Declared = { mac: string; addresses: string[]; interface: string }
    const vm3 = await lab.get<Declared>(port('vm3'))
    const place = { hostId: 'h3', interface: vm3.interface }
    const untagged = { network: 'web', mac: vm3.mac, addresses: vm3.addresses, ...place }
    const side = (n: number) => ({
      ...{ network: 'side', mac: `02:00:00:00:00:${n}`, addresses: [`10.0.0.${n}`] },
    })
    await lab.put('tenants/acme/networks/side', { mtuBytes: 1500 })
    await lab.put('tenants/acme/subnets/side', { network: 'side', cidr: '10.0.0.0/24' })
    await lab.put(port('vm71'), { ...side(71), parent: 'vm1', vid: 71 })
    // The emulator's flows for untagged frames take tagged ones too: on an interface there is one or the other.
    await lab.put(port('vm3'), { ...untagged, vid: 30 })
    await lab.put(port('vm73'), { ...side(73), ...place, vid: 73 })
    const [one, three] = ['h1.acme-vm1', 'h3.acme-vm3']
    for (const [from, to] of [
      [
        { n: 71, trunk: one, tags: [71] },
        { n: 73, trunk: three, tags: [73] },
      ],
      [
        { n: 11, trunk: one, tags: [] },
        { n: 13, trunk: three, tags: [30] },
      ],
    ] as const) {
      // The emulator believes where a MAC was last until it sends from elsewhere.
      await arrives(lab, to, from)
      await arrives(lab, from, to)
    }
    for (const id of ['vm73', 'vm71']) await lab.remove(port(id))
    await lab.put(port('vm3'), untagged)
    // As it was for those who come after: the emulator has seen vm3 where it is now.
    const [vm1, own] = [lab.guest(one), lab.guest(three)]
    const ask = { bytes: SHORT_PING, timeoutMs: 500, signal: lab.signal }
    await lab.until('vm3 -> vm1', () => own.ping(vm1.address, ask), EMULATOR_MS)
    await lab.until('vm1 -> vm3', () => vm1.ping(own.address, ask), EMULATOR_MS)
    await lab.remove('tenants/acme/subnets/side')
    await lab.remove('tenants/acme/networks/side')
  },
}

interface Tagged extends Subport {
  readonly tags: readonly number[]
}

/** The emulator polls, and floods before it knows a MAC: asked until one frame has arrived, then the next one arrives once. */
async function arrives(lab: ScenarioLab, from: Tagged, to: Tagged): Promise<void> {
  const marks: Uint8Array[] = []
  const send = async () => {
    const mark = lab.mark()
    marks.push(mark)
    const packet = markedPacket(mark, stationOf(from.n), stationOf(to.n), { ipBytes: 1500 })
    const there = tagged(packet, ...to.tags)
    await lab.send(from.trunk, tagged(packet, ...from.tags), there)
    return there
  }
  await lab.until(
    `${portOf(from)} reaches ${portOf(to)}`,
    async () => {
      await send()
      const places = (await Promise.all(marks.map(lab.places))).flat()
      return places.includes(to.trunk)
    },
    EMULATOR_MS,
  )
  await lab.expectAt(to.trunk, await send())
}
