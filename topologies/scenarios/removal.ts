/** Hosts that leave the site: drained, removed, and found as they were before Weft came. */
import { unplug } from '../../dataplane/switch/operator.ts'
import { formatIpv4 } from '../../southbound/wire/address.ts'
import type { OvsHost } from '../lab/netns/ovs-host.ts'
import { reaches } from './pinging.ts'
import type { Scenario, ScenarioLab } from './scenario.ts'

const topology = 'three-kinds'
const not = { memory: 'the last one has it in one process' }
const PATIENCE_MS = 40_000
const OFFICE = 'infra/physical-networks/office'

/** What an operator may set, without what a switch reports. */
const SETTABLE = {
  Open_vSwitch: ['bridges', 'manager_options', 'external_ids', 'other_config', 'ssl'],
  Manager: [
    'target',
    'max_backoff',
    'inactivity_probe',
    'connection_mode',
    'external_ids',
    'other_config',
  ],
  Bridge: [
    'name',
    'datapath_type',
    'ports',
    'controller',
    'fail_mode',
    'protocols',
    'mirrors',
    'netflow',
    'external_ids',
    'other_config',
  ],
  Controller: ['target', 'connection_mode', 'max_backoff', 'external_ids', 'other_config'],
  Port: ['name', 'interfaces', 'tag', 'trunks', 'vlan_mode', 'external_ids', 'other_config'],
  Interface: [
    'name',
    'type',
    'options',
    'ofport_request',
    'mtu_request',
    'external_ids',
    'other_config',
  ],
} as const

export const removal: readonly Scenario[] = [
  {
    name: 'an ovs host is drained and removed, or removed while it is away: it is found as before Weft came',
    topology,
    not,
    shows: { removal: ['open-vswitch', 'weft-switch'] },
    timeoutMs: 6 * PATIENCE_MS,
    async run(lab) {
      await lab.put(OFFICE, {})
      for (const id of ['h1', 'h2']) {
        const { vtepAddress, underlayMtuBytes } = lab.document.hosts[id] ?? {}
        const spec = { vtepAddress, underlayMtuBytes }
        await lab.remove(`infra/hosts/${id}`)
        const host = lab.netns().host(id)
        await host.kill()
        await host.start({ emptyDatabase: true })
        await forgetLinks(host)
        await furnish(lab, host)
        await lab.until(`${id} has dialled in`, () => isPending(lab, id), PATIENCE_MS)
        const before = await stateOf(host)

        await comeAndServe(lab, host, spec)
        await drain(host)
        await lab.remove(`infra/hosts/${id}`)
        await isAsBefore(lab, host, before)
        const removed = await lab.events('host_removed')
        if (removed.at(-1) !== `${id} is as Weft found it`) throw new Error(`told: ${removed}`)

        await comeAndServe(lab, host, spec)
        await drain(host)
        await host.kill()
        await forgetLinks(host)
        await lab.remove(`infra/hosts/${id}`)
        await host.start({ emptyDatabase: false })
        await setOwnFlow(host)
        await isAsBefore(lab, host, before)
        await comeAndServe(lab, host, spec)
      }
      await lab.remove(OFFICE)
    },
  },
  {
    name: 'a vtep host is drained and removed: it is found as before Weft came',
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
  {
    name: 'hosts of weft switch and of an agent with weft switch are drained and removed: nothing of Weft is left on them',
    topology,
    not: { netns: 'those above have it with processes' },
    shows: { removal: ['weft-switch', 'weft-vtep'] },
    async run(lab) {
      const { hosts, workloads } = lab.memory()
      for (const { portKey } of workloads.values()) {
        const [tenant, port] = portKey.split('/')
        await lab.remove(`tenants/${tenant}/ports/${port}`)
      }
      for (const id of hosts.keys()) await lab.remove(`infra/hosts/${id}`)
      for (const [id, { switch: device, vtep }] of hosts) {
        if (device)
          for (const guest of workloads.values())
            if (guest.hostId === id) unplug(device, guest.name.replace(`${id}.`, ''))
        await lab.until(`nothing is left on ${id}`, () =>
          device
            ? device.database.table('Bridge').size + device.database.table('Controller').size === 0
            : vtep !== undefined &&
              vtep.agent.database.table('Logical_Switch').size === 0 &&
              [...vtep.backend.bridge.flows.all()].length === 0,
        )
      }
      const removed = (await lab.events('host_removed')).filter((message) =>
        message.endsWith('is as Weft found it'),
      )
      if (removed.length !== hosts.size) throw new Error(`told: ${removed.join(', ')}`)
    },
  },
]

const guestsOf = (lab: ScenarioLab): string[] => {
  const guests = [...lab.netns().workloads.values()].filter(({ hostId }) => hostId === 'h3')
  return guests.map(({ plan }) => plan.device)
}

/** An operator's machine: a bridge of its own with a flow, which leads to a physical network, and settings of its own. */
async function furnish(lab: ScenarioLab, host: OvsHost): Promise<void> {
  const { systemId } = host.plan
  await host.vsctl([
    ...['--', 'add-br', 'br-own', '--', 'set', 'Bridge', 'br-own', 'datapath_type=netdev'],
    ...['other_config:disable-in-band=true', 'external_ids:own=yes', 'fail_mode=secure'],
    ...['--', 'add-port', 'br-own', 'own0', 'trunks=7,8'],
    ...['--', 'set', 'Interface', 'own0', 'type=internal', 'external_ids:own=yes'],
    ...['--', 'set', 'Open_vSwitch', '.', 'other_config:vlan-limit=1', 'other_config:own=yes'],
    ...[`external_ids:system-id=${systemId}`, 'external_ids:weft-datapath-type=netdev'],
    'external_ids:weft-bridge-mappings=office:br-own',
  ])
  await setOwnFlow(host)
  const controller = formatIpv4(lab.netns().controllerAddress)
  await host.vsctl(['set-manager', `tcp:${controller}:6640`])
}

const setOwnFlow = (host: OvsHost) => host.ofctl(['add-flow', 'br-own', 'priority=7,actions=drop'])

/** Devices that a killed ovs-vswitchd has left. */
async function forgetLinks(host: OvsHost): Promise<void> {
  if ((await linksOf(host)).includes('br-int')) await host.exec(['ip', 'link', 'del', 'br-int'])
}

async function linksOf(host: OvsHost): Promise<string[]> {
  const { stdout } = await host.exec(['ip', '-json', 'link'])
  return (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname).sort()
}

/** The host is named, its guests are plugged in and reach others. */
async function comeAndServe(lab: ScenarioLab, host: OvsHost, spec: object) {
  await lab.put(`infra/hosts/${host.id}`, spec)
  await plugIn(lab, host)
  const patch = ['--bare', '--columns=name', 'find', 'Interface', 'type=patch']
  await lab.until(
    `${host.id} has both ends of a patch port`,
    async () => (await host.vsctl(patch)).stdout.trim().split(/\s+/).length === 2,
    PATIENCE_MS,
  )
  const pairs = lab
    .pairs()
    .filter(({ from, to }) => from.hostId === host.id && to.hostId !== host.id)
  for (const { from, to } of pairs)
    await lab.until(
      `${from.name} reaches ${to.name}`,
      () => from.ping(to.address, { bytes: 56, timeoutMs: 300 }),
      PATIENCE_MS,
    )
}

/** As whoever starts guests does it: into br-int, with the uuid of the port. */
async function plugIn(lab: ScenarioLab, host: OvsHost): Promise<void> {
  const guests = [...lab.netns().workloads.values()].filter(({ hostId }) => hostId === host.id)
  for (const { tenant, portId, plan } of guests) {
    const { uuid } = await lab.get<{ uuid: string }>(`tenants/${tenant}/ports/${portId}`)
    const interfaceRow = ['set', 'Interface', plan.device, `external_ids:iface-id=${uuid}`]
    await host.vsctl(['add-port', 'br-int', plan.device, '--', ...interfaceRow])
  }
}

/** Its guests are stopped, or run elsewhere. */
async function drain(host: OvsHost): Promise<void> {
  const ports = (await host.vsctl(['list-ports', 'br-int'])).stdout.trim().split('\n')
  const guests = ports.filter((name) => !name.startsWith('weft-'))
  await host.vsctl(guests.flatMap((name) => ['--', 'del-port', 'br-int', name]))
}

async function isPending(lab: ScenarioLab, systemId: string): Promise<boolean> {
  const { items } = await lab.get<{ items: { systemId: string }[] }>('infra/pending-hosts')
  return items.some((each) => each.systemId === systemId)
}

/** The database, bridges' flows and links of a host, each as lines. */
async function stateOf(host: OvsHost): Promise<Record<string, string>> {
  const state: Record<string, string> = {}
  for (const [table, columns] of Object.entries(SETTABLE)) {
    const list = [
      '--format=csv',
      '--no-headings',
      `--columns=_uuid,${columns.join()}`,
      'list',
      table,
    ]
    state[table] = lines((await host.vsctl(list)).stdout)
  }
  state['flows of br-own'] = lines(
    (await host.ofctl(['dump-flows', '--no-stats', 'br-own'])).stdout.replace(/^.*reply.*\n/, ''),
  )
  state.links = (await linksOf(host)).join('\n')
  return state
}

const lines = (text: string): string => text.trim().split('\n').sort().join('\n')

async function isAsBefore(
  lab: ScenarioLab,
  host: OvsHost,
  before: Record<string, string>,
): Promise<void> {
  const deadline = lab.clock.now() + PATIENCE_MS
  for (;;) {
    const now = await stateOf(host)
    const differing = Object.keys(before).filter((what) => now[what] !== before[what])
    if (differing.length === 0) return
    if (lab.clock.now() > deadline) {
      const texts = differing.map((what) => `${what} was\n${before[what]}\nand is\n${now[what]}`)
      throw new Error(`${host.id} is not as before: ${texts.join('\n')}`)
    }
    await lab.clock.sleep(100, lab.signal)
  }
}
