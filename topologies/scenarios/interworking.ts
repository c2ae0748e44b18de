/** One VNI over every kind of host: what guests on them have of each other. */
import { arpClaims } from '../lab/checks/arp.ts'
import { markedPacket } from '../lab/checks/frames.ts'
import { together } from '../lab/checks/manners.ts'
import { oversize } from '../lab/checks/mtu.ts'
import { fullPing, SHORT_PING } from '../lab/checks/ping.ts'
import { tenantClaims } from '../lab/checks/tenants.ts'
import { broadcasts } from './broadcast.ts'
import { ALL_SWITCHES, NETNS_SWITCHES, type Pair, plainPairs, type Scenario } from './scenario.ts'
import { streams } from './stream.ts'

const topology = 'three-kinds'
const also = ['mixed']
/** A VTEP may lose the first frame to a peer whose MAC it has yet to resolve. */
const ATTEMPTS = 4

async function ping({ from, to }: Pair, bytes: number, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++)
    if (await from.ping(to.address, { bytes, timeoutMs: 1000, signal })) return
  throw new Error(`ping ${from.name} -> ${to.name}, ${bytes} bytes: lost`)
}

export const interworking: readonly Scenario[] = [
  {
    name: 'guests on every pair of kinds reach each other, up to the last byte of a jumbo frame with DF',
    topology,
    also,
    shows: { ping: ALL_SWITCHES, jumbo: ALL_SWITCHES },
    async run(lab) {
      for (const pair of plainPairs(lab)) {
        await ping(pair, SHORT_PING, lab.signal)
        await ping(pair, fullPing(pair.from.mtuBytes), lab.signal)
      }
    },
  },
  {
    name: 'one byte more than the MTU is dropped between every pair of kinds, after a frame of exactly the MTU',
    topology,
    also,
    shows: { jumbo: ALL_SWITCHES },
    async run(lab) {
      await lab.prove((site) => {
        const pairs = site.networks.flatMap((network) =>
          plainPairs(lab)
            .filter(({ from, to }) => network.workloads.includes(from) && from.hostId !== to.hostId)
            .map(({ from, to }) => ({ network, sender: from, peer: to })),
        )
        return together(pairs.map((pair) => oversize(site.lab, pair, 1)))
      })
    },
  },
  {
    name: 'a frame arrives byte for byte, at its guest alone',
    topology,
    also,
    shows: { ping: ALL_SWITCHES },
    async run(lab) {
      const sent = plainPairs(lab).map(({ from, to }) => {
        const mark = lab.mark()
        return { from, to, mark, frame: markedPacket(mark, from, to) }
      })
      for (const { from, frame } of sent) await lab.send(from.name, frame)
      for (const { from, to, mark, frame } of sent) {
        await lab.expectAt(to.name, frame)
        const underlay = from.hostId === to.hostId ? [] : ['underlay']
        await lab.expectOnly(mark, [to.name, ...underlay])
      }
    },
  },
  {
    name: 'a broadcast arrives at every guest of its network, once, and at no other',
    topology,
    also,
    shows: { broadcast: ALL_SWITCHES },
    run: broadcasts,
  },
  {
    name: 'two tenants have the same addresses and MACs on all hosts, and never see each other',
    topology,
    also,
    shows: { tenants: ALL_SWITCHES },
    run: async (lab) => void (await lab.prove(tenantClaims)),
  },
  {
    name: 'ARP for a guest of another host never crosses the underlay',
    topology,
    also,
    shows: { arp: ALL_SWITCHES },
    run: async (lab) => void (await lab.prove(arpClaims)),
  },
  {
    name: 'TCP streams cross between every pair of kinds',
    topology,
    also,
    shows: { tcp: NETNS_SWITCHES },
    not: { memory: 'guests of the memory lab have no TCP' },
    needs: ['iperf3'],
    run: streams,
  },
]
