/** VTEPs with routers between them: what guests have of each other is what they have on one segment. */

import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { udpFrame } from '../../southbound/wire/frame.ts'
import { IP_PROTO, ipv4 } from '../../southbound/wire/ipv4.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { VXLAN_PORT, vxlan } from '../../southbound/wire/vxlan.ts'
import { together } from '../lab/checks/manners.ts'
import { tenantClaims } from '../lab/checks/tenants.ts'
import { vtepClaims } from '../lab/checks/vtep.ts'
import type { Workload } from '../lab/lab.ts'
import { everyPairFits } from './full-size.ts'
import { ALL_SWITCHES, type Scenario, type ScenarioLab } from './scenario.ts'

const topology = 'leaf-spine'
const LARGEST = 9000
const FLOWS = 64
const [FIRST_PORT, TO_PORT] = [20_000, 4242]
const SPINES = ['spine1', 'spine2']
/** Of the UDP header inside, in a frame of the underlay. */
const INNER_UDP = 2 * (ethernet.size + ipv4.size) + udp.size + vxlan.size

export const leafSpine: readonly Scenario[] = [
  {
    name: 'guests behind different routers reach each other, up to the last byte of a jumbo frame with DF',
    topology,
    shows: { routed: ALL_SWITCHES },
    // So may the routers.
    run: (lab) => everyPairFits(lab, { mtuBytes: LARGEST, attempts: 6 }),
  },
  {
    name: 'flows between two hosts take both spines, by the outer UDP source port, and each flow keeps to its own',
    topology,
    shows: { routed: ALL_SWITCHES },
    async run(lab) {
      await spread(lab, 'h1.acme-vm1', 'h3.acme-vm3')
      await spread(lab, 'h2.acme-vm2', 'h4.acme-vm4')
      await spread(lab, 'h3.acme-vm3', 'h2.acme-vm2')
    },
  },
  {
    name: 'over routers as on one segment tenants do not see each other, and VXLAN of a stranger on a host’s link is dropped',
    topology,
    shows: { routed: ALL_SWITCHES },
    run: async (lab) =>
      void (await lab.prove((site) => together([tenantClaims(site), vtepClaims(site)]))),
  },
]

/** The UDP source port inside a VXLAN frame of `spread` between these two; undefined for another frame. */
function flowOf(frame: Uint8Array, from: Workload, to: Workload): number | undefined {
  const outer = ethernet.size + ipv4.size
  if (frame.length < INNER_UDP + udp.size || ethernet.get.type(frame, 0) !== ETH_TYPE.ipv4) return
  const isVxlan =
    ipv4.get.protocol(frame, ethernet.size) === IP_PROTO.udp &&
    udp.get.dst(frame, outer) === VXLAN_PORT
  if (!isVxlan || udp.get.dst(frame, INNER_UDP) !== TO_PORT) return
  const inner = INNER_UDP - ipv4.size
  if (ipv4.get.src(frame, inner) !== from.address || ipv4.get.dst(frame, inner) !== to.address)
    return
  return udp.get.src(frame, INNER_UDP)
}

/** Two frames of each flow: all arrive, the two by one spine, and both spines have flows. */
async function spread(lab: ScenarioLab, fromName: string, toName: string): Promise<void> {
  const [from, to] = [lab.guest(fromName), lab.guest(toName)]
  const spines = new Map<number, Set<string>>()
  const hops = new Set<number>()
  let arrived = 0
  const stops = [
    lab.underlay.onFrame((frame, link = '') => {
      const flow = flowOf(frame, from, to)
      const spine = SPINES.find((each) => link.includes(each))
      if (flow === undefined) return
      hops.add(ipv4.get.ttl(frame, ethernet.size))
      if (spine) spines.set(flow, (spines.get(flow) ?? new Set()).add(spine))
    }),
    to.onFrame((frame) => {
      const at = ethernet.size + ipv4.size
      if (frame.length >= at + udp.size && udp.get.dst(frame, at) === TO_PORT) arrived++
    }),
  ]
  try {
    for (let round = 1; round <= 2; round++) {
      for (let flow = 0; flow < FLOWS; flow++)
        from.send(
          udpFrame({
            ...{ eth_dst: to.mac, eth_src: from.mac, ipv4_src: from.address, ipv4_dst: to.address },
            ...{ udp_src: FIRST_PORT + flow, udp_dst: TO_PORT, payload: lab.mark() },
          }),
        )
      await lab.until(`${fromName} -> ${toName}: all arrive`, () => arrived >= round * FLOWS)
    }
    await lab.until('all are seen on the way', () => spines.size === FLOWS)
  } finally {
    for (const stop of stops) stop()
  }
  const ways = [...spines.values()]
  const torn = ways.filter(({ size }) => size > 1).length
  if (torn > 0) throw new Error(`${torn} flows of ${FLOWS} took both spines`)
  const counts = SPINES.map((spine) => ways.filter((way) => way.has(spine)).length)
  if (counts.includes(0)) throw new Error(`${fromName} -> ${toName}: ${counts.join(' and ')} flows`)
  // One less at each of leaf, spine and leaf.
  const [least, most] = [Math.min(...hops), Math.max(...hops)]
  if (most - least !== 3) throw new Error(`outer TTL from ${most} to ${least}: not three routers`)
  lab.tell(
    `${lab.realizer(from.hostId)}: ${counts.join(' and ')} of ${FLOWS} flows by either spine`,
  )
}
