/** One guest against its tenant, its host and everybody else: nothing of it arrives, and it is named. */
import { ARP_REQUEST } from '../../southbound/wire/arp.ts'
import { arpFrame } from '../../southbound/wire/frame.ts'
import type { Claims } from '../lab/checks/claims.ts'
import { markedPacket } from '../lab/checks/frames.ts'
import { infrastructureClaims } from '../lab/checks/infrastructure.ts'
import { SHORT_PING } from '../lab/checks/ping.ts'
import { portSecurityClaims } from '../lab/checks/port-security.ts'
import type { Sample, Site } from '../lab/checks/site.ts'
import type { Workload } from '../lab/lab.ts'
import { discoveryClaims, hiddenTagClaims, nestedClaims, tagClaims } from './hostile.ts'
import { reaches, type Way } from './pinging.ts'
import { ALL_SWITCHES, type Scenario, type ScenarioLab } from './scenario.ts'

const topology = 'hostile-guest'
/** Each on the host of one mallory. */
const HONEST: readonly Way[] = [
  ['h1.acme-alice', 'h2.acme-bob'],
  ['h2.globex-carol', 'h1.globex-dave'],
]
const MALLORIES = ['h1.acme-mallory', 'h2.globex-mallory']
const [ROUNDS, BURST] = [10, 50]

const attacks: readonly (readonly [what: string, claims: (site: Site) => Claims])[] = [
  ['lies about its MAC, its address and its ARP', portSecurityClaims],
  ['lies by neighbour discovery', discoveryClaims],
  ['tags', tagClaims],
  ['a tag behind a priority tag', hiddenTagClaims],
  ['VXLAN inside VXLAN', nestedClaims],
  ['frames to controller and VTEPs', infrastructureClaims],
]

export const hostileGuest: readonly Scenario[] = [
  {
    name: 'whatever a guest sends under a name that is not its own, with tags or with VXLAN inside, reaches nobody',
    topology,
    shows: {
      antiSpoofing: ALL_SWITCHES,
      accessTags: ALL_SWITCHES,
      hiddenTag: ALL_SWITCHES,
      nestedVxlan: ALL_SWITCHES,
    },
    async run(lab) {
      for (const [what, claims] of attacks)
        await lab
          .prove((site) => claims(ofMallories(site)))
          .catch((cause: Error) => {
            throw new Error(`${what}: ${cause.message}`, { cause })
          })
    },
  },
  {
    name: 'the host says which port lied and why, and says nothing of those beside it',
    topology,
    shows: { antiSpoofing: ALL_SWITCHES },
    async run(lab) {
      for (const name of MALLORIES) {
        const mallory = lab.guest(name)
        const { tenant, portId, hostId } = mallory
        const [victim, peer] = honest(lab, name)
        await lab.send(name, markedPacket(lab.mark(), { ...mallory, mac: victim.mac }, peer))
        await lab.send(
          name,
          markedPacket(lab.mark(), { ...mallory, address: victim.address }, peer),
        )
        await lab.expectDropped(name, 'port_security')
        const path = `infra/hosts/${hostId}/drops`
        const { drops } = await lab.get<{ drops: { reason: string; port?: string }[] }>(path)
        const ports = drops.flatMap(({ reason, port }) =>
          reason === 'port_security' ? [port] : [],
        )
        const liar = `${tenant}/${portId}`
        if (!ports.includes(liar)) throw new Error(`${liar} is not named: ${JSON.stringify(drops)}`)
        const other = `${victim.tenant}/${victim.portId}`
        if (ports.includes(other)) throw new Error(`${other} is named: ${JSON.stringify(drops)}`)
      }
    },
  },
  {
    name: 'while a guest sends to everybody and nobody, as anybody, every ping of the others on its host is answered',
    topology,
    shows: {},
    async run(lab) {
      for (const way of HONEST) await reaches(lab, ...way)
      for (let round = 0; round < ROUNDS; round++) {
        for (const name of MALLORIES)
          for (const frame of noise(lab, name)) lab.guest(name).send(frame)
        for (const [from, to] of HONEST) {
          const { address } = lab.guest(to)
          const options = { bytes: SHORT_PING, timeoutMs: 5000, signal: lab.signal }
          if (!(await lab.guest(from).ping(address, options)))
            throw new Error(`${from} -> ${to}: a ping was lost in round ${round + 1}`)
        }
      }
    },
  },
]

/** The same site with every claim tried by a mallory: against its neighbour, and against somebody on the other host. */
function ofMallories(site: Site): Site {
  const samples = site.networks.flatMap((network): Sample[] => {
    const sender = network.workloads.find(({ name }) => MALLORIES.includes(name))
    const others = network.workloads.filter((each) => each !== sender)
    const local = others.find(({ hostId }) => hostId === sender?.hostId)
    const remote = others.find(({ hostId }) => hostId !== sender?.hostId)
    return sender && local && remote ? [{ network, sender, local, remote }] : []
  })
  return { ...site, samples }
}

/** The honest guest beside a mallory, and its peer. */
function honest(lab: ScenarioLab, mallory: string): [Workload, Workload] {
  const { hostId } = lab.guest(mallory)
  const [victim, peer] = HONEST.find(([from]) => from.startsWith(`${hostId}.`)) ?? []
  if (!victim || !peer) throw new Error(`nobody is beside ${mallory}`)
  return [lab.guest(victim), lab.guest(peer)]
}

/** ARP for every address, packets to MACs that nobody has, and lies: a burst of each. */
function noise(lab: ScenarioLab, name: string): Uint8Array[] {
  const { mac, address } = lab.guest(name)
  const [victim, peer] = honest(lab, name)
  const base = address - (address % 256)
  return Array.from({ length: BURST }, (_, at) => at).flatMap((at) => {
    const nobody = { mac: 0x0200_0000_ff00 + at, address: base + 100 + at }
    return [
      arpFrame({ op: ARP_REQUEST, sha: mac, spa: address, tha: 0, tpa: nobody.address }),
      markedPacket(lab.mark(), { mac, address }, nobody),
      markedPacket(lab.mark(), { mac: victim.mac, address: nobody.address }, peer),
    ]
  })
}
