/** Hostile guests on every kind of host, and a stranger on the underlay. */
import { parseIpv4, parseMac } from '../../southbound/wire/address.ts'
import { icmpEchoFrame } from '../../southbound/wire/frame.ts'
import { markedPacket } from '../lab/checks/frames.ts'
import { infrastructureClaims } from '../lab/checks/infrastructure.ts'
import { portSecurityClaims } from '../lab/checks/port-security.ts'
import { vtepClaims } from '../lab/checks/vtep.ts'
import type { Workload } from '../lab/lab.ts'
import { discoveryClaims, hiddenTagClaims, nestedClaims, tagClaims } from './hostile.ts'
import {
  ALL_SWITCHES,
  NETNS_SWITCHES,
  plainPairs,
  type Scenario,
  type ScenarioLab,
} from './scenario.ts'

const topology = 'three-kinds'
const also = ['mixed']

export const isolation: readonly Scenario[] = [
  {
    name: 'a guest sends under its own MAC, its own IP and its own ARP sender alone',
    topology,
    also,
    shows: { antiSpoofing: ALL_SWITCHES },
    run: async (lab) => void (await lab.prove(portSecurityClaims)),
  },
  {
    name: 'a frame under the address of another guest is dropped where it is sent, and the host says why',
    topology,
    also,
    shows: { antiSpoofing: ALL_SWITCHES },
    async run(lab) {
      for (const hostId of Object.keys(lab.document.hosts)) {
        const [from, to] = guestsAcross(lab, hostId)
        const honest = markedPacket(lab.mark(), from, to)
        await lab.send(from.name, honest)
        await lab.expectAt(to.name, honest)
      }
      for (const hostId of Object.keys(lab.document.hosts)) {
        const [from, to] = guestsAcross(lab, hostId)
        await lab.send(to.name, markedPacket(lab.mark(), { ...to, address: from.address }, from))
        await lab.expectDropped(to.name, 'port_security')
      }
    },
  },
  {
    name: 'a guest leads no neighbour astray by IPv6 neighbour discovery',
    topology,
    also,
    shows: { antiSpoofing: ALL_SWITCHES },
    run: async (lab) => void (await lab.prove(discoveryClaims)),
  },
  {
    name: 'a tag inside an access port is dropped, single and double; a priority tag passes',
    topology,
    also,
    shows: { accessTags: ALL_SWITCHES },
    run: async (lab) => void (await lab.prove(tagClaims)),
  },
  {
    name: 'a tag behind a priority tag is dropped',
    topology,
    also,
    shows: { hiddenTag: ALL_SWITCHES },
    run: async (lab) => void (await lab.prove(hiddenTagClaims)),
  },
  {
    name: 'VXLAN that a guest makes itself is a packet like any other and opens no tunnel',
    topology,
    also,
    shows: { nestedVxlan: ALL_SWITCHES },
    run: async (lab) => void (await lab.prove(nestedClaims)),
  },
  {
    name: 'neither ARP nor TCP of a guest reaches the controller or a VTEP',
    topology,
    also,
    shows: { infrastructure: ALL_SWITCHES },
    run: async (lab) => void (await lab.prove(infrastructureClaims)),
  },
  {
    name: 'no address of its host, by whatever MAC, answers a guest',
    topology,
    also,
    shows: { infrastructure: NETNS_SWITCHES },
    not: { memory: 'a host of the memory lab has no addresses but that of its VTEP' },
    async run(lab) {
      for (const hostId of Object.keys(lab.document.hosts)) await knock(lab, hostId)
    },
  },
  {
    name: 'VXLAN from an address that is no VTEP, or with a VNI that nobody has, is dropped',
    topology,
    also,
    shows: { forgedVxlan: ALL_SWITCHES },
    run: async (lab) => void (await lab.prove(vtepClaims)),
  },
]

/** A guest on the host, and one of its network elsewhere. */
function guestsAcross(lab: ScenarioLab, hostId: string): [Workload, Workload] {
  const pair = plainPairs(lab).find(
    ({ from, to }) => from.hostId === hostId && to.hostId !== hostId,
  )
  if (!pair) throw new Error(`no guest on ${hostId}`)
  return [pair.from, pair.to]
}

const echo = (payload: Uint8Array, from: Workload, to: { mac: number; address: number }) =>
  icmpEchoFrame({
    ...{ kind: 'request', identifier: 1, sequence: 1, payload, dontFragment: true },
    ...{ eth_src: from.mac, eth_dst: to.mac, ipv4_src: from.address, ipv4_dst: to.address },
  })

interface LinkAnswer {
  readonly address?: string
  readonly addr_info: readonly { readonly family: string; readonly local: string }[]
}

/** Echo requests to every address of the host and of the controller, by every MAC of the host. */
async function knock(lab: ScenarioLab, hostId: string): Promise<void> {
  const [from, to] = guestsAcross(lab, hostId)
  const control = lab.mark()
  await lab.send(from.name, echo(control, from, to))
  // The answer carries it back.
  await lab.expectOnly(control, [from.name, to.name, 'underlay'])

  const real = lab.real()
  const { stdout } = (await real.machines.get(hostId)?.exec(['ip', '-json', 'address'])) ?? {
    stdout: '[]',
  }
  const links = JSON.parse(stdout) as readonly LinkAnswer[]
  const macs = new Set(links.flatMap(({ address }) => (address ? [parseMac(address)] : [])))
  const own = links.flatMap(({ addr_info }) =>
    addr_info.flatMap(({ family, local }) => (family === 'inet' ? [parseIpv4(local)] : [])),
  )
  const vteps = Object.values(real.underlay.hosts).flatMap(({ address }) => address ?? [])
  const addresses = new Set([real.controllerAddress, ...own, ...vteps])
  const knocks = [...macs].flatMap((mac) => [...addresses].map((address) => ({ mac, address })))
  const marks = knocks.map((target) => {
    const mark = lab.mark()
    from.send(echo(mark, from, target))
    return mark
  })
  // A bridge shows a MAC that it does not know to the members on it; nobody else sees anything, nobody answers.
  const isMember = (name: string) =>
    lab.pairs().some((one) => one.from === from && one.to.name === name && one.to.hostId === hostId)
  await lab.send(from.name, echo(lab.mark(), from, to))
  for (const mark of marks) {
    const strangers = (await lab.places(mark)).filter((where) => !isMember(where))
    if (strangers.length > 0)
      throw new Error(`${from.name} -> ${hostId}: seen at ${strangers.join(', ')}`)
  }
}
