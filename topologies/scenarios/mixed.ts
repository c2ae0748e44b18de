/**
 * What a site of kernels has that others may lack: 8021q and VLAN filtering of bridges, the datapath of Open vSwitch in the
 * kernel, and both beside a physical network. On a kernel without 8021q the status of what wants it says so.
 */
import { BROADCAST_MAC, parseIpv4 } from '../../southbound/wire/address.ts'
import { markedPacket, type Station } from '../lab/checks/frames.ts'
import { fullPing, SHORT_PING } from '../lab/checks/ping.ts'
import type { Scenario, ScenarioLab } from './scenario.ts'
import { machineOn, stationOf, tagged } from './tags.ts'

const topology = 'mixed'
const OFFICE = 'office'
const VID = 100
const EVERYBODY: Station = { mac: BROADCAST_MAC, address: parseIpv4('10.0.0.255') }
/** Sub-ports of v1.vm43, by their VIDs: in the VLAN, and in a network of VXLAN. */
const SUBPORTS = [
  { n: 33, vid: 30, network: 'desk' },
  { n: 53, vid: 50, network: 'side' },
] as const

/** A frame that finds a MAC unlearned, or a tunnel cold, may be lost. */
const reaches = (
  lab: ScenarioLab,
  what: string,
  from: { ping(target: number, options: { bytes: number; timeoutMs: number }): Promise<boolean> },
  to: Station,
  bytes: number,
): Promise<void> =>
  lab.until(`${what}, ${bytes} bytes`, () => from.ping(to.address, { bytes, timeoutMs: 1000 }))

/** Realized or failed, and why. */
async function outcome(lab: ScenarioLab, path: string, hostId: string): Promise<string> {
  type Answer = { status: { hosts: Record<string, { state: string; reason?: string }> } }
  let said = ''
  await lab.until(`${path} is realized on ${hostId}, or cannot be`, async () => {
    const { state, reason = '' } = (await lab.get<Answer>(path)).status.hosts[hostId] ?? {}
    said = `${state}: ${reason}`
    return state === 'realized' || state === 'failed'
  })
  return said
}

export const mixed: readonly Scenario[] = [
  {
    name: 'guests on a VLAN reach each other and a machine that Weft does not know, up to a jumbo frame with DF, beside VXLAN and Linux bridges',
    topology,
    shows: { vlan: ['open-vswitch'] },
    async run(lab) {
      const [a, b] = [lab.guest('h1.vm31'), lab.guest('h2.vm32')]
      for (const bytes of [SHORT_PING, fullPing(a.mtuBytes)]) {
        await reaches(lab, 'vm31 -> vm32', a, b, bytes)
        await reaches(lab, 'vm32 -> vm31', b, a, bytes)
      }
      using machine = machineOn(lab, OFFICE, 90, VID)
      for (const guest of [a, b]) {
        const bytes = fullPing(guest.mtuBytes)
        await reaches(lab, `${guest.name} -> machine`, guest, stationOf(90), bytes)
        await reaches(lab, `machine -> ${guest.name}`, machine, guest, bytes)
      }
    },
  },
  {
    name: 'a frame of a VLAN is on the physical network with its tag, once, and crosses no tunnel, beside VXLAN and Linux bridges',
    topology,
    shows: { vlan: ['open-vswitch'] },
    async run(lab) {
      const [a, b] = [stationOf(31), stationOf(32)]
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const [sender, receiver] = from === a ? ['h1.vm31', 'h2.vm32'] : ['h2.vm32', 'h1.vm31']
        const mark = lab.mark()
        const frame = markedPacket(mark, from, to)
        await lab.send(sender, frame)
        await lab.expectAt(OFFICE, tagged(frame, VID))
        await lab.expectAt(receiver, frame)
        await lab.expectOnly(mark, [receiver, OFFICE])
      }
    },
  },
  {
    name: 'what is untagged on a physical network reaches a guest on a Linux bridge and comes from it, with VLANs beside it',
    topology,
    shows: { vlan: ['linux-bridge', 'weft-vtep'] },
    async run(lab) {
      const guest = lab.guest('v1.vm43')
      using machine = machineOn(lab, OFFICE, 91)
      await reaches(lab, 'vm43 -> machine', guest, stationOf(91), fullPing(guest.mtuBytes))
      await reaches(lab, 'machine -> vm43', machine, guest, fullPing(guest.mtuBytes))
      const mark = lab.mark()
      const frame = markedPacket(mark, guest, EVERYBODY)
      await lab.send(guest.name, frame)
      await lab.expectAt(OFFICE, frame)
      await lab.expectOnly(mark, [OFFICE])
    },
  },
  {
    name: 'a guest on a Linux bridge is in a VLAN and in a VXLAN network by tags of its own, where the kernel has 8021q',
    topology,
    shows: { trunk: ['linux-bridge', 'weft-vtep'], vlan: ['linux-bridge', 'weft-vtep'] },
    async run(lab) {
      const path = (n: number) => `tenants/acme/ports/vm${n}`
      const said: string[] = []
      for (const { n, vid, network } of SUBPORTS) {
        const mac = `02:00:00:00:00:${n}`
        const body = { network, parent: 'vm43', vid, mac, addresses: [`10.0.0.${n}`] }
        await lab.put(path(n), body, { realized: false })
        said.push(await outcome(lab, path(n), 'v1'))
      }
      if (said.some((each) => each.startsWith('failed'))) {
        // Of the labs only that of virtual machines brings its own kernel.
        const why = /^failed: vlan_unsupported/
        if (lab.backend !== 'netns' || !said.every((each) => why.test(each)))
          throw new Error(said.join('; '))
        lab.tell(`v1: ${said.join('; ')}`)
      } else {
        await acrossVlan(lab)
        await acrossTunnel(lab)
      }
      for (const { n } of SUBPORTS) await lab.remove(path(n))
    },
  },
  {
    name: 'a trunk of a guest on Open vSwitch reaches a guest in the network of its sub-port, and nobody beside',
    topology,
    shows: { trunk: ['open-vswitch'] },
    async run(lab) {
      const [sub, guest] = [stationOf(51), stationOf(52)]
      await reaches(
        lab,
        'vm2 -> vm1',
        lab.guest('h2.acme-vm2'),
        lab.guest('h1.acme-vm1'),
        SHORT_PING,
      )
      const there = lab.mark()
      const out = markedPacket(there, sub, guest)
      await lab.send('h2.acme-vm2', tagged(out, 51), out)
      await lab.expectAt('h1.vm52', out)
      await lab.expectOnly(there, ['h1.vm52', 'underlay'])
      const back = lab.mark()
      const answer = markedPacket(back, guest, sub)
      await lab.send('h1.vm52', answer, tagged(answer, 51))
      await lab.expectAt('h2.acme-vm2', tagged(answer, 51))
      await lab.expectOnly(back, ['h2.acme-vm2', 'underlay'])
    },
  },
  {
    name: 'a capture sees a frame leave a guest, cross the underlay and arrive, each once and the right way',
    topology,
    shows: {},
    async run(lab) {
      const [from, to] = [lab.guest('h2.acme-vm2'), lab.guest('h1.acme-vm1')]
      const mark = lab.mark()
      const wanted = ['h2 acme-vm2 out', 'underlay h2 out', 'underlay h1 in', 'h1 acme-vm1 in']
      const seen: string[] = []
      await using watched = new AsyncDisposableStack()
      for (const tap of lab.taps) {
        if (!wanted.some((each) => each.startsWith(tap.name))) continue
        const open = tap.open((frame, direction) => {
          if (Buffer.from(frame).includes(Buffer.from(mark))) seen.push(`${tap.name} ${direction}`)
        })
        watched.defer(() => open.close())
        await open.ready
      }
      const frame = markedPacket(mark, from, to)
      await lab.send(from.name, frame)
      await lab.expectAt(to.name, frame)
      await lab.until(`it is seen: ${wanted.join(', ')}`, () =>
        wanted.every((each) => seen.includes(each)),
      )
      if (seen.length !== wanted.length) throw new Error(`seen: ${seen.join(', ')}`)
    },
  },
  {
    name: 'Open vSwitch forwards in the kernel, and a bridge that somebody has filter VLANs is put right',
    topology,
    shows: {},
    not: {
      memory: 'it has no kernel',
      netns: 'the kernel of the tests has neither; Open vSwitch runs in a process there',
    },
    async run(lab) {
      const real = lab.real()
      for (const id of ['h1', 'h2']) {
        const { stdout } = await real.host(id).exec(['ovs-appctl', 'dpif/show'])
        if (!/^system@ovs-system:/m.test(stdout)) throw new Error(`${id}: ${stdout}`)
      }
      const link = async (...argv: string[]) =>
        (await real.vtep('v1').exec(['ip', '-details', 'link', ...argv])).stdout
      // A filter that knows of no VLAN 100 would keep it from everybody.
      const said = await lab.events('drift')
      await link('set', 'br-office', 'type', 'bridge', 'vlan_filtering', '1')
      await lab.until('v1 filters no VLANs any more, and says so', async () => {
        const isPut = (await link('show', 'br-office')).includes('vlan_filtering 0')
        return isPut && (await lab.events('drift')).length > said.length
      })
    },
  },
]

/** By the tag of the sub-port at the guest, by that of the VLAN on the physical network, without one at a guest of its own. */
async function acrossVlan(lab: ScenarioLab): Promise<void> {
  const [sub, guest] = [stationOf(33), stationOf(31)]
  const there = lab.mark()
  const out = markedPacket(there, sub, guest, { ipBytes: 9000 })
  await lab.send('v1.vm43', tagged(out, 30), out)
  await lab.expectAt(OFFICE, tagged(out, VID))
  await lab.expectAt('h1.vm31', out)
  const back = markedPacket(lab.mark(), guest, sub)
  await lab.send('h1.vm31', back, tagged(back, 30))
  await lab.expectAt('v1.vm43', tagged(back, 30))
  using machine = machineOn(lab, OFFICE, 93, VID)
  const answer = markedPacket(lab.mark(), stationOf(93), sub)
  machine.send(answer)
  await lab.expectAt('v1.vm43', tagged(answer, 30))
}

async function acrossTunnel(lab: ScenarioLab): Promise<void> {
  const [sub, guest] = [stationOf(53), stationOf(52)]
  const there = lab.mark()
  const out = markedPacket(there, sub, guest)
  await lab.send('v1.vm43', tagged(out, 50), out)
  await lab.expectAt('h1.vm52', out)
  await lab.expectOnly(there, ['h1.vm52', 'underlay'])
  const back = markedPacket(lab.mark(), guest, sub)
  await lab.send('h1.vm52', back, tagged(back, 50))
  await lab.expectAt('v1.vm43', tagged(back, 50))
}
