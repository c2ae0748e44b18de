/** The controller works unchanged against Open vSwitch's emulator of a hardware switch, which knows nothing of Weft. */
import { tenantClaims } from '../lab/checks/tenants.ts'
import { broadcasts } from './broadcast.ts'
import { nestedClaims } from './hostile.ts'
import { lossless, reaches, realized, type Way } from './pinging.ts'
import type { Scenario, ScenarioLab } from './scenario.ts'
import { streams } from './stream.ts'
import { trunkOfHardware } from './trunk.ts'
import { extensionOfHardware } from './vlan.ts'

const topology = 'hardware-vtep'
const not = { memory: 'the emulator wants a kernel' }
const needs = ['pythonOvs'] as const
/** The emulator polls, and waits half a second for each tunnel port. */
const ATTEMPTS = 60

export const hardware: readonly Scenario[] = [
  {
    name: 'a port of a hardware switch, bound by declaration, reaches guests of the other kinds with jumbo frames',
    topology,
    not,
    needs,
    shows: { ping: ['ovs-vtep'], jumbo: ['ovs-vtep'] },
    async run(lab) {
      for (const { from, to } of lab.pairs()) {
        let answered = false
        for (let attempt = 0; attempt < ATTEMPTS && !answered; attempt++)
          answered = await from.ping(to.address, {
            bytes: 8972,
            timeoutMs: 500,
            signal: lab.signal,
          })
        if (!answered) throw new Error(`${from.name} does not reach ${to.name}`)
      }
    },
  },
  {
    name: 'TCP streams cross between a hardware switch and the other kinds',
    topology,
    not,
    needs: [...needs, 'iperf3'],
    shows: { tcp: ['ovs-vtep'] },
    run: streams,
  },
  {
    name: 'a broadcast of and to a hardware switch arrives at every guest of its network, once, and at no other',
    topology,
    not,
    needs,
    shows: { broadcast: ['ovs-vtep'] },
    run: broadcasts,
  },
  {
    name: 'two tenants have the same addresses and MACs on a hardware switch, and never see each other',
    topology,
    not,
    needs,
    shows: { tenants: ['ovs-vtep'] },
    run: async (lab) => void (await lab.prove(tenantClaims)),
  },
  {
    name: 'VXLAN that a guest of a hardware switch makes itself is a packet like any other and opens no tunnel',
    topology,
    not,
    needs,
    shows: { nestedVxlan: ['ovs-vtep'] },
    run: async (lab) => void (await lab.prove(nestedClaims)),
  },
  {
    name: 'a controller is killed and started again: a hardware switch loses no packet',
    topology,
    not,
    needs,
    shows: { restart: ['ovs-vtep'] },
    async run(lab) {
      const { controller } = lab.netns()
      const ways: Way[] = [
        ['h1.acme-vm1', 'h3.acme-vm3'],
        ['h3.globex-vm3', 'h2.globex-vm2'],
      ]
      await lossless(lab, ways, async () => {
        await controller.kill()
        await controller.start()
        await realized(lab)
      })
    },
  },
  {
    name: 'rows that somebody wrote into the database of a hardware switch are put right and recorded',
    topology,
    not,
    needs,
    shows: { repair: ['ovs-vtep'] },
    async run(lab) {
      const { vtepctl } = lab.netns().vtep('h3')
      const [vm1, mac] = ['h1.acme-vm1', '02:00:00:00:00:11']
      const name = await switchOf(lab, 5001)
      const put = async (what: string, argv: readonly string[], right: () => Promise<boolean>) => {
        const { length } = await lab.events('drift')
        await vtepctl(argv)
        await lab.until(`${what} is right again`, right)
        await lab.until(`${what} is told`, async () => (await lab.events('drift')).length > length)
      }
      const remote = async () => (await vtepctl(['list-remote-macs', name])).includes(mac)
      const forged = async () => (await vtepctl(['list-remote-macs', name])).includes('192.0.2.99')
      await put('a deleted MAC', ['del-ucast-remote', name, mac], remote)
      await put(
        'a forged MAC',
        ['add-ucast-remote', name, mac, '192.0.2.99'],
        async () => !(await forged()),
      )
      await put('a forged VNI', ['set', 'Logical_Switch', name, 'tunnel_key=77'], async () =>
        (await vtepctl(['get', 'Logical_Switch', name, 'tunnel_key'])).includes('5001'),
      )
      await reaches(lab, 'h3.acme-vm3', vm1)
      await reaches(lab, vm1, 'h3.acme-vm3')
    },
  },
  {
    name: 'the status of a port says what its device does not do',
    topology,
    not,
    needs,
    shows: {},
    async run(lab) {
      const { status } = await lab.get<{ status: { hosts: Record<string, { reason?: string }> } }>(
        'tenants/acme/ports/vm3',
      )
      const reason = status.hosts.h3?.reason
      const right = 'Degraded: anti_spoofing_unenforced, realization_unreported'
      if (reason !== right) throw new Error(`the reason is ${reason}`)
    },
  },
  extensionOfHardware,
  trunkOfHardware,
  {
    name: 'the last port of a network takes our rows along, also those that the device has learned',
    topology,
    not,
    needs,
    shows: { removal: ['ovs-vtep'] },
    async run(lab) {
      const host = lab.netns().vtep('h3')
      const name = await switchOf(lab, 5001)
      const [vm1, vm3] = [lab.guest('h1.acme-vm1'), lab.guest('h3.acme-vm3')]
      await lab.until('the device has learned the MAC', async () => {
        await vm3.ping(vm1.address, { bytes: 56, timeoutMs: 500 })
        return (await host.vtepctl(['list-local-macs', name])).includes('02:00:00:00:00:13')
      })
      await lab.remove('tenants/acme/ports/vm3')
      await lab.remove('tenants/globex/ports/vm3')
      if ((await host.vtepctl(['list-ls'])) !== '') throw new Error('a Logical_Switch is left')
      const failed = await lab.events('rows_failed')
      if (failed.length > 0) throw new Error(failed.join())
    },
  },
]

/** Name of the Logical_Switch with this VNI. */
async function switchOf(lab: ScenarioLab, vni: number): Promise<string> {
  const find = ['--bare', '--columns=name', 'find', 'Logical_Switch', `tunnel_key=${vni}`]
  return lab.netns().vtep('h3').vtepctl(find)
}
