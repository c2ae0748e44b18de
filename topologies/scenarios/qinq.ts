/** VXLAN networks whose guests may send VLAN tags: one (`vlanTransparent: true`) or two (`qinq`), beside their own MTU. */
import { markedArp, markedPacket } from '../lab/checks/frames.ts'
import { SHORT_PING } from '../lab/checks/ping.ts'
import type { Realizer } from '../lab/host-switch.ts'
import type { Workload } from '../lab/lab.ts'
import { ALL_SWITCHES, type Pair, type Scenario, type ScenarioLab } from './scenario.ts'
import { SERVICE, type Tag, tagged } from './tags.ts'

const topology = 'vlan-trunk'

type Tags = readonly Tag[]

/** One tag, and two. */
type Network = 'tags' | 'deep'

const networkOf = (lab: ScenarioLab, { portId }: Workload) =>
  lab.document.tenants.acme?.ports?.[portId]?.network as Network

const pairsOf = (lab: ScenarioLab, network: Network): Pair[] =>
  lab.pairs().filter(({ from }) => networkOf(lab, from) === network)

/**
 * Why a tag too many is dropped. Where Open vSwitch sees a tag in place of the Ethernet type, port security takes it for none
 * of its own; of more than two tags our own switch sees the first and what is behind the last, and lets a third one pass.
 */
const reasons: Readonly<Record<Network, Partial<Record<Realizer, string>>>> = {
  tags: Object.fromEntries(ALL_SWITCHES.map((realizer) => [realizer, 'vlan_not_allowed'])),
  deep: { 'open-vswitch': 'port_security', 'linux-bridge': 'vlan_not_allowed' },
}

/** Flows take the only tag off to look below it, and no flow can tell its type; a kernel's bridge looks without that. */
const arriving = (lab: ScenarioLab, from: Workload, tags: Tags): Tags =>
  lab.realizer(from.hostId) === 'linux-bridge'
    ? tags
    : tags.map((tag) => (typeof tag === 'number' ? tag : tag[1]))

async function warm(lab: ScenarioLab, { from, to }: Pair): Promise<void> {
  await lab.until(`${from.name} reaches ${to.name}`, () =>
    from.ping(to.address, { bytes: SHORT_PING, timeoutMs: 1000, signal: lab.signal }),
  )
}

/** A packet of the whole MTU. */
async function crosses(lab: ScenarioLab, { from, to }: Pair, tags: Tags, arrives: Tags) {
  const packet = markedPacket(lab.mark(), from, to, { ipBytes: from.mtuBytes })
  await lab.send(from.name, tagged(packet, ...tags), tagged(packet, ...arrives))
  await lab.expectAt(to.name, tagged(packet, ...arrives))
}

export const qinq: readonly Scenario[] = [
  {
    name: 'packets of the whole MTU cross with one tag between all kinds of host, where the network takes it',
    topology,
    shows: { qinq: ALL_SWITCHES },
    async run(lab) {
      const pairs = pairsOf(lab, 'tags')
      for (const pair of pairs) {
        await warm(lab, pair)
        for (const tags of [[], [0xa005], [[SERVICE, 5]]] as readonly Tags[])
          await crosses(lab, pair, tags, arriving(lab, pair.from, tags))
      }
    },
  },
  {
    name: 'packets of the whole MTU cross with two tags between all kinds of host, types and priorities as they are, with qinq',
    topology,
    shows: { qinq: ALL_SWITCHES },
    async run(lab) {
      const pairs = pairsOf(lab, 'deep')
      const all: readonly Tags[] = [[], [5], [[SERVICE, 5]], [0x2005, 0x4006], [[SERVICE, 5], 6]]
      for (const pair of pairs) {
        await warm(lab, pair)
        for (const tags of all) await crosses(lab, pair, tags, tags)
      }
    },
  },
  {
    name: 'a tag more than the network takes is dropped, also right behind a frame with as many as it takes',
    topology,
    shows: { qinq: ALL_SWITCHES },
    async run(lab) {
      for (const network of ['tags', 'deep'] as const) {
        const [fits, tooMany] = network === 'tags' ? [[5], [[6], [6, 7]]] : [[5, 6], [[7]]]
        const pairs = firstPairs(lab, network).flatMap((pair) => {
          const reason = reasons[network][lab.realizer(pair.from.hostId)]
          return reason === undefined ? [] : [{ ...pair, reason }]
        })
        for (let round = 0; round < 2; round++)
          for (const { from, to } of pairs) {
            const frame = tagged(markedPacket(lab.mark(), from, to), ...fits)
            await lab.send(from.name, frame)
            await lab.expectAt(to.name, frame)
            for (const more of tooMany)
              await lab.send(
                from.name,
                tagged(markedPacket(lab.mark(), from, to), ...fits, ...more),
              )
          }
        for (const { from, reason } of pairs) await lab.expectDropped(from.name, reason)
      }
    },
  },
  {
    name: 'below their tags guests are held to their addresses',
    topology,
    shows: { qinq: ALL_SWITCHES, antiSpoofing: ALL_SWITCHES },
    async run(lab) {
      const pairs = [...firstPairs(lab, 'tags'), ...firstPairs(lab, 'deep')]
      for (const { from, to } of pairs) {
        const liar = { mac: from.mac, address: from.address + 100 }
        const all: readonly Tags[] = networkOf(lab, from) === 'deep' ? [[5], [5, 6]] : [[5]]
        for (const tags of all)
          for (const frame of [
            markedPacket(lab.mark(), liar, to),
            markedPacket(lab.mark(), { ...from, mac: to.mac }, to),
            markedArp(lab.mark(), from, to.address, liar),
          ])
            await lab.send(from.name, tagged(frame, ...tags))
      }
      for (const { from } of pairs) await lab.expectDropped(from.name, 'port_security')
    },
  },
  {
    name: 'the MTU counts the packet and not its tags: one byte more is dropped with a tag and without',
    topology,
    shows: { qinq: ALL_SWITCHES },
    async run(lab) {
      // With qinq no flow sees whether there is a second tag: its room is open to packets with one.
      const tooLarge: Record<Network, readonly (readonly [excess: number, tags: Tags])[]> = {
        tags: [
          [1, []],
          [1, [5]],
          [1, [[SERVICE, 5]]],
          [1, [0]],
        ],
        deep: [
          [1, []],
          [5, [5]],
          [1, [5, 6]],
        ],
      }
      const pairs = [...firstPairs(lab, 'tags'), ...firstPairs(lab, 'deep')]
      for (const { from, to } of pairs)
        for (const [excess, tags] of tooLarge[networkOf(lab, from)]) {
          const size = { ipBytes: from.mtuBytes + excess }
          await lab.send(from.name, tagged(markedPacket(lab.mark(), from, to, size), ...tags))
        }
      for (const { from } of pairs) await lab.expectDropped(from.name, 'mtu_exceeded')
    },
  },
]

/** One for each host that sends. */
function firstPairs(lab: ScenarioLab, network: Network): Pair[] {
  const bySender = Map.groupBy(pairsOf(lab, network), ({ from }) => from.hostId)
  return [...bySender.values()].flatMap((pairs) => pairs.slice(0, 1))
}
