/** What goes wrong on hosts, and hosts that go. Real ones: the kernel, Open vSwitch, processes that are killed. */
import type { ChildProcess } from 'node:child_process'
import { ended } from '../../topologies/lab/netns/run.ts'
import type { Scenario, ScenarioLab } from './scenario.ts'

const topology = 'three-kinds'
const not = { memory: 'there is no process to kill and no kernel to change' }
const VNI = 5001
const PINGS = 300
/** Seconds. */
const INTERVAL = 0.01

/** Echo requests from one guest to another while something happens; resolves to how many were not answered. */
async function lostWhile(
  lab: ScenarioLab,
  [from, to]: [string, string],
  work: () => Promise<void>,
): Promise<number> {
  const target = lab.guest(to)
  const address = lab.document.tenants[target.tenant]?.ports?.[target.portId]?.addresses[0] ?? ''
  const { workload } = lab.netns()
  const argv = ['ping', '-n', '-q', '-c', String(PINGS), '-i', String(INTERVAL), '-W', '1', address]
  const pinging = workload(from).launch(argv)
  const [said] = await Promise.all([output(pinging), work()])
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? []
  if (sent !== String(PINGS)) throw new Error(`ping said: ${said}`)
  return Number(sent) - Number(received)
}

async function output(child: ChildProcess): Promise<string> {
  let said = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await ended(child)
  return said
}

const reaches = (lab: ScenarioLab, from: string, to: string) =>
  lab.until(`${from} reaches ${to}`, () =>
    lab.guest(from).ping(lab.guest(to).address, { bytes: 56, timeoutMs: 500 }),
  )

/** Does it by hand on h3, and sees it undone and told. */
async function repaired(lab: ScenarioLab, line: string, recorded: string): Promise<void> {
  const { length } = await lab.events('drift')
  await lab.netns().vtep('h3').exec(line.split(' '))
  await lab.until(`told: ${recorded}`, async () =>
    (await lab.events('drift')).slice(length).some((message) => message.includes(recorded)),
  )
  await reaches(lab, 'h3.acme-vm3', 'h1.acme-vm1')
  await reaches(lab, 'h2.acme-vm2', 'h3.acme-vm3')
}

export const failures: readonly Scenario[] = [
  {
    name: 'an agent is killed and started again while guests ping: no packet is lost',
    topology,
    not,
    shows: { restart: ['linux-bridge'] },
    async run(lab) {
      const host = lab.netns().vtep('h3')
      for (const pair of [
        ['h1.acme-vm1', 'h3.acme-vm3'],
        ['h3.acme-vm3', 'h2.acme-vm2'],
      ] as [string, string][]) {
        await reaches(lab, ...pair)
        const lost = await lostWhile(lab, pair, async () => {
          await host.kill()
          await host.start({ emptyDatabase: false })
        })
        if (lost > 0) throw new Error(`${pair.join(' -> ')}: ${lost} of ${PINGS} lost`)
      }
      await lab.until('h3 is realized again', async () => {
        const { status } = await lab.get<{ status: { realized: boolean } }>('infra/hosts/h3')
        return status.realized
      })
    },
  },
  {
    name: 'a VXLAN device deleted by hand is made again',
    topology,
    not,
    shows: { repair: ['linux-bridge'] },
    run: (lab) => repaired(lab, `ip link del vx${VNI}`, `device vx${VNI} was gone`),
  },
  {
    name: 'an FDB entry that is forged, or added, is put right',
    topology,
    not,
    shows: { repair: ['linux-bridge'] },
    async run(lab) {
      const where = `dev vx${VNI} dst 192.0.2.99 self static`
      const entry = (mac: string) => `fdb vx${VNI} ${mac} self was 192.0.2.99 static`
      const forged = '02:00:00:00:00:11'
      await repaired(lab, `bridge fdb replace ${forged} ${where}`, entry(forged))
      const added = '02:00:00:00:00:99'
      await repaired(lab, `bridge fdb add ${added} ${where}`, entry(added))
    },
  },
  {
    name: 'rows of a host that somebody wrote are put right',
    topology,
    not,
    shows: { repair: ['linux-bridge'] },
    async run(lab) {
      const host = lab.netns().vtep('h3')
      const names = (await host.vtepctl(['list-ls'])).split('\n')
      for (const name of names) await host.vtepctl(['set', 'Logical_Switch', name, 'tunnel_key=77'])
      await lab.until('the keys are right', async () => {
        const keys = await Promise.all(
          names.map((name) => host.vtepctl(['get', 'Logical_Switch', name, 'tunnel_key'])),
        )
        return keys.sort().join() === '5001,5002'
      })
      await lab.until('told', async () =>
        (await lab.events('drift')).some((message) => message.includes('tunnel_key')),
      )
      await reaches(lab, 'h3.acme-vm3', 'h1.acme-vm1')
    },
  },
  {
    name: 'flows and groups deleted by hand are put back',
    topology,
    not,
    shows: { repair: ['open-vswitch', 'weft-switch'] },
    async run(lab) {
      for (const id of ['h1', 'h2']) {
        const { length } = await lab.events('drift')
        await lab.netns().host(id).ofctl(['del-flows', 'br-int'])
        await lab.netns().host(id).ofctl(['del-groups', 'br-int'])
        await lab.until(`${id} is told`, async () => (await lab.events('drift')).length > length)
        await reaches(lab, 'h1.acme-vm1', 'h2.acme-vm2')
        await reaches(lab, 'h2.acme-vm2', 'h3.acme-vm3')
      }
    },
  },
  {
    name: 'a host that is drained and removed is left as Weft found it',
    topology,
    not,
    shows: { removal: ['linux-bridge'] },
    async run(lab) {
      const host = lab.netns().vtep('h3')
      const shell = async (line: string) => (await host.exec(line.split(' '))).stdout
      for (const guest of ['acme/vm3', 'acme/vm6', 'globex/vm3']) {
        const [tenant, port] = guest.split('/')
        await lab.remove(`tenants/${tenant}/ports/${port}`)
      }
      await lab.remove('infra/hosts/h3')
      const own = ['lo', 'phy0', 'mgmt0', ...guestsOf(lab)].sort().join()
      await lab.until('no link is left but its own', async () => {
        const links = JSON.parse(await shell('ip -json link')) as {
          ifname: string
          master?: string
        }[]
        const names = links.map(({ ifname }) => ifname).sort()
        return names.join() === own && links.every(({ master }) => master === undefined)
      })
      await lab.until('no filter is left', async () => (await shell('nft list ruleset')) === '')
      await lab.until(
        'no entry is left',
        async () => !(await shell('bridge fdb show')).includes('dst'),
      )
      if ((await host.vtepctl(['list-ls'])) !== '') throw new Error('h3 has a Logical_Switch')
      // The others go on, and send it nothing.
      await reaches(lab, 'h1.acme-vm1', 'h2.acme-vm2')
    },
  },
]

const guestsOf = (lab: ScenarioLab): string[] => {
  const guests = [...lab.netns().workloads.values()].filter(({ hostId }) => hostId === 'h3')
  return guests.map(({ plan }) => plan.device)
}
