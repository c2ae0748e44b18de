/** Bridges of the model on hosts of kind vtep, and the physical networks that they lead to. */
import { BROADCAST_MAC, parseIpv4 } from '../../southbound/wire/address.ts'
import { markedPacket, type Station } from '../lab/checks/frames.ts'
import { fullPing, SHORT_PING } from '../lab/checks/ping.ts'
import type { Scenario, ScenarioLab } from './scenario.ts'
import { machineOn, stationOf, tagged } from './tags.ts'

const topology = 'linux-bridges'
const LINUX = ['linux-bridge', 'weft-vtep'] as const
const ofKernel = { memory: 'there is no kernel whose devices somebody could change' }
const HOSTS: Readonly<Record<number, string>> = { 1: 'v1', 2: 'v2', 3: 'h1' }
const nameOf = (n: number): string => `${HOSTS[n % 10]}.vm${n}`
const EVERYBODY: Station = { mac: BROADCAST_MAC, address: parseIpv4('10.0.0.255') }
/** A frame that finds a MAC unlearned, or a tunnel cold, may be lost. */
const ATTEMPTS = 5

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

/** The state of an object on one host, with its reason. */
async function stateOf(lab: ScenarioLab, path: string, hostId: string): Promise<string> {
  type Answer = { status: { hosts: Record<string, { state: string; reason?: string }> } }
  const { hosts } = (await lab.get<Answer>(path)).status
  const { state = 'absent', reason } = hosts[hostId] ?? {}
  return reason === undefined ? state : `${state}: ${reason}`
}

const becomes = (lab: ScenarioLab, path: string, hostId: string, wanted: RegExp) => {
  let state = ''
  return lab
    .until(`${path} on ${hostId} is ${wanted}`, async () => {
      state = await stateOf(lab, path, hostId)
      return wanted.test(state)
    })
    .catch((error: Error) => {
      throw new Error(`${error.message}, but ${state}`)
    })
}

const office = { uplinks: ['eth1'], physicalNetwork: 'office', mtuBytes: 9100 }

export const bridges: readonly Scenario[] = [
  {
    name: 'guests of a flat network reach each other over Linux bridges and Open vSwitch, up to a jumbo frame with DF',
    topology,
    shows: { vlan: LINUX },
    async run(lab) {
      for (const hostId of ['v1', 'v2'])
        await becomes(lab, `infra/bridges/${hostId}/br-office`, hostId, /^realized/)
      for (const { from, to } of lab.pairs()) {
        if (!from.portId.startsWith('vm1')) continue
        const what = `${from.name} -> ${to.name}`
        await reaches(lab, what, from, to, SHORT_PING)
        await reaches(lab, what, from, to, fullPing(from.mtuBytes))
      }
    },
  },
  {
    name: 'a frame of a flat network is on the physical network without a tag, once, and crosses no tunnel',
    topology,
    shows: { vlan: LINUX },
    async run(lab) {
      for (const from of [11, 12]) {
        const mark = lab.mark()
        const frame = markedPacket(mark, stationOf(from), EVERYBODY)
        await lab.send(nameOf(from), frame)
        const others = [11, 12, 13].filter((n) => n !== from).map(nameOf)
        for (const place of [...others, 'office']) await lab.expectAt(place, frame)
        await lab.expectOnly(mark, [...others, 'office'])
      }
    },
  },
  {
    name: 'a machine on a physical network and guests on Linux bridges reach each other',
    topology,
    shows: { vlan: LINUX },
    async run(lab) {
      using machine = machineOn(lab, 'office', 90)
      for (const n of [11, 12]) {
        const guest = lab.guest(nameOf(n))
        await reaches(lab, `${guest.name} -> 90`, guest, stationOf(90), fullPing(guest.mtuBytes))
        await reaches(lab, `90 -> ${guest.name}`, machine, guest, fullPing(guest.mtuBytes))
      }
    },
  },
  {
    name: 'a Linux bridge joins a VNI and a physical network: a machine there and guests everywhere reach each other',
    topology,
    shows: { extension: LINUX },
    async run(lab) {
      using machine = machineOn(lab, 'yard', 91)
      for (const n of [21, 22, 23]) {
        const guest = lab.guest(nameOf(n))
        await reaches(lab, `91 -> ${guest.name}`, machine, guest, fullPing(guest.mtuBytes))
        await reaches(lab, `${guest.name} -> 91`, guest, stationOf(91), fullPing(guest.mtuBytes))
      }
    },
  },
  {
    name: 'a network that a Linux bridge joins does not loop: one broadcast is once everywhere, wherever it comes from',
    topology,
    shows: { extension: LINUX },
    async run(lab) {
      const guests = [21, 22, 23]
      for (const from of guests) {
        const mark = lab.mark()
        const frame = markedPacket(mark, stationOf(from), EVERYBODY)
        await lab.send(nameOf(from), frame)
        const others = guests.filter((n) => n !== from).map(nameOf)
        for (const place of [...others, 'yard']) await lab.expectAt(place, frame)
        await lab.expectOnly(mark, [...others, 'yard', 'underlay'])
      }
      const mark = lab.mark()
      const frame = markedPacket(mark, stationOf(92), EVERYBODY)
      lab.physicalNetwork('yard').send(frame)
      for (const n of guests) await lab.expectAt(nameOf(n), frame)
      await lab.expectOnly(mark, [...guests.map(nameOf), 'underlay'])
    },
  },
  {
    name: 'nobody outside is one of us: such a frame is dropped at the Linux bridge, source_looped',
    topology,
    shows: {},
    async run(lab) {
      const drops = async () => {
        type Drops = { drops: { reason: string; network?: string; packets: number }[] }
        const all = (await lab.get<Drops>('infra/hosts/v1/drops')).drops
        return all
          .filter(({ reason, network }) => reason === 'source_looped' && network === 'acme/bare')
          .reduce((sum, { packets }) => sum + packets, 0)
      }
      const before = await drops()
      const mark = lab.mark()
      lab.physicalNetwork('office').send(markedPacket(mark, stationOf(11), EVERYBODY))
      await lab.until('v1 counts source_looped', async () => (await drops()) > before)
      // To the others vm11 is a machine like any other.
      await lab.expectOnly(mark, [nameOf(12), nameOf(13)])
      await reaches(lab, 'vm11 -> vm13', lab.guest(nameOf(11)), stationOf(13), SHORT_PING)
    },
  },
  {
    name: 'a network of type vlan is carried with its tag, or its status says that the kernel lacks 8021q',
    topology,
    shows: { vlan: ['weft-vtep'] },
    async run(lab) {
      const desk = { type: 'vlan', physicalNetwork: 'office', vid: 100, mtuBytes: 9000 }
      const mac = '02:00:00:00:00:31'
      const path = 'tenants/acme/networks/desk'
      await lab.put(path, desk)
      await lab.put('tenants/acme/subnets/desk', { network: 'desk', cidr: '10.0.0.0/24' })
      const port = { network: 'desk', parent: 'vm11', vid: 30, mac, addresses: ['10.0.0.31'] }
      if (lab.backend === 'netns') {
        await lab.put('tenants/acme/ports/sub', port, { realized: false })
        const device = await lab.netns().vtep('v1').vtepctl(['list', 'Physical_Switch'])
        const reason = device.includes('weft-missing=vlan')
          ? /^failed: vlan_unsupported: VID 100 of br-office/
          : /^realized/
        await becomes(lab, path, 'v1', reason)
        await becomes(lab, 'tenants/acme/networks/bare', 'v1', /^realized/)
      } else {
        await lab.put('tenants/acme/ports/sub', port)
        const mark = lab.mark()
        const frame = markedPacket(mark, stationOf(31), EVERYBODY)
        const sent = tagged(frame, 30)
        await lab.send(nameOf(11), sent, tagged(frame, 100))
        await lab.expectAt('office', tagged(frame, 100))
        await lab.expectOnly(mark, ['office'])
        using machine = machineOn(lab, 'office', 93, 100)
        const answer = markedPacket(lab.mark(), stationOf(93), stationOf(31))
        machine.send(answer)
        await lab.expectAt(nameOf(11), tagged(answer, 30))
      }
      await lab.remove('tenants/acme/ports/sub')
      await lab.remove('tenants/acme/subnets/desk')
      await lab.remove(path)
    },
  },
  {
    name: 'a bridge of the host, and an uplink that is something else already, are reported and never taken',
    topology,
    shows: { repair: ['linux-bridge'] },
    not: ofKernel,
    async run(lab) {
      const host = lab.netns().vtep('v2')
      const ip = async (line: string) => (await host.exec(['ip', ...line.split(' ')])).stdout
      await ip('link add br-own type bridge')
      const before = await ip('link show br-own')
      const path = 'infra/bridges/v2/br-own'
      const put = (body: object) => lab.put(path, body, { realized: false })
      await put({ uplinks: ['eth7'] })
      await becomes(lab, path, 'v2', /^failed: bridge_taken: br-own$/)
      expectSame(await ip('link show br-own'), before)
      await ip('link del br-own')
      await becomes(lab, path, 'v2', /^failed: uplink_missing: eth7$/)
      await put({ uplinks: ['phy0'] })
      await becomes(lab, path, 'v2', /^failed: uplink_taken: phy0 has address 192\.0\.2\.22$/)
      await lab.remove(path)
      const left = await ip('-brief link show type bridge')
      if (left.includes('br-own')) throw new Error(`still there: ${left}`)
    },
  },
  {
    name: 'a bridge that somebody deletes is made again, and the event says what was gone',
    topology,
    shows: { repair: ['linux-bridge'] },
    not: ofKernel,
    async run(lab) {
      const before = (await lab.events('drift')).length
      await lab.netns().vtep('v2').exec(['ip', 'link', 'del', 'br-office'])
      await lab.until('the event', async () =>
        (await lab.events('drift'))
          .slice(before)
          .some((message) => message.includes('device br-office was gone')),
      )
      await reaches(lab, 'vm12 -> vm13', lab.guest(nameOf(12)), stationOf(13), SHORT_PING)
    },
  },
  {
    name: 'without its bridge a network is not realized there and says why; with it again it is',
    topology,
    shows: { removal: ['linux-bridge', 'weft-vtep'] },
    async run(lab) {
      const path = 'infra/bridges/v2/br-office'
      const network = 'tenants/acme/networks/bare'
      await lab.remove(path)
      await becomes(lab, network, 'v2', /^failed: physical_network_missing/)
      await becomes(lab, network, 'v1', /^realized/)
      if (lab.backend === 'netns') {
        const host = lab.netns().vtep('v2')
        const links = (await host.exec(['ip', '-details', 'link', 'show'])).stdout
        const left = /br-office|weft-[pq]|weft-found/.exec(links)
        if (left) throw new Error(`still there: ${left[0]}`)
      }
      await lab.put(path, office)
      await becomes(lab, network, 'v2', /^realized/)
      await reaches(lab, 'vm12 -> vm11', lab.guest(nameOf(12)), stationOf(11), SHORT_PING)
    },
  },
]

function expectSame(is: string, was: string): void {
  if (is !== was) throw new Error(`changed: ${was} is now ${is}`)
}
