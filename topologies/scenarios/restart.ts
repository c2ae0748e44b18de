/** Processes that are killed under traffic: a controller, an agent, a switch. */
import { setTimeout as delay } from 'node:timers/promises'
import { table } from '../../controller/compiler/stages.ts'
import { formatIpv4 } from '../../southbound/wire/address.ts'
import {
  collect,
  finish,
  lossless,
  PATIENCE_MS,
  reaches,
  realized,
  startPing,
  type Way,
} from './pinging.ts'
import { NETNS_SWITCHES, type Scenario, type ScenarioLab } from './scenario.ts'

const topology = 'three-kinds'
const also = ['mixed']
const not = { memory: 'there is no process to kill' }
/** What a host does by the clock while its controller is away (probes, backoff) it does within this time. */
const DOWN_MS = process.env.WEFT_TEST_FULL ? 60_000 : 12_000
/** Each kind of host sends to another kind and gets from another; guests, on whatever host. */
const WAYS: readonly Way[] = [
  ['acme-vm1', 'acme-vm2'],
  ['acme-vm5', 'acme-vm6'],
  ['globex-vm3', 'globex-vm1'],
]

/** With their hosts. */
const named = (lab: ScenarioLab, guests: Way): Way => {
  const [from, to] = guests.map((guest) =>
    Object.keys(lab.document.workloads).find((name) => name.endsWith(`.${guest}`)),
  )
  if (!from || !to) throw new Error(`no ${guests.join(' or ')} in ${lab.document.name}`)
  return [from, to]
}

const hostsOf = (lab: ScenarioLab, wanted: 'ovs' | 'vtep'): string[] =>
  Object.entries(lab.document.hosts).flatMap(([id, { kind }]) => (kind === wanted ? [id] : []))

export const restart: readonly Scenario[] = [
  {
    name: 'a controller is killed, stays away and is started again: no packet is lost and nothing on a host changes',
    topology,
    also,
    not,
    shows: { restart: NETNS_SWITCHES },
    timeoutMs: DOWN_MS + 2 * PATIENCE_MS,
    async run(lab) {
      const { controller } = lab.real()
      const before = await forwarding(lab)
      const monitors = hostsOf(lab, 'ovs').map((id) => monitor(lab, id))
      const ways = WAYS.map((way) => named(lab, way))
      await lossless(lab, ways, async () => {
        await controller.kill()
        await delay(DOWN_MS / 2)
        await afresh(lab, named(lab, ['acme-vm4', 'acme-vm3']))
        await afresh(lab, named(lab, ['acme-vm3', 'acme-vm2']))
        await delay(DOWN_MS / 2)
        await controller.start()
        await realized(lab)
      })
      const after = await forwarding(lab)
      for (const [where, text] of Object.entries(before))
        if (after[where] !== text) throw new Error(`${where} was\n${text}\nand is\n${after[where]}`)
      for (const { id, said, stop } of monitors) {
        const changed = said()
          .split('\n')
          .filter((line) => /event=/.test(line) && !isMute(line))
        if (changed.length > 0) throw new Error(`the flow monitor of ${id}: ${changed}`)
        // It would have told: it tells of this.
        const flow = 'table=90,priority=1,actions=drop'
        await lab.real().host(id).ofctl(['add-flow', 'br-int', flow])
        await lab.until(`the monitor of ${id} tells`, () => /event=ADDED.*table=90/.test(said()))
        await stop()
      }
    },
  },
  {
    name: 'an agent is killed and started again while guests ping: no packet is lost',
    topology,
    also,
    not,
    shows: { restart: ['linux-bridge'] },
    async run(lab) {
      const [id = ''] = hostsOf(lab, 'vtep')
      const host = lab.real().vtep(id)
      const ways = [named(lab, ['acme-vm1', 'acme-vm3']), named(lab, ['acme-vm3', 'acme-vm2'])]
      await lossless(lab, ways, async () => {
        await host.kill()
        await host.start({ emptyDatabase: false })
        await realized(lab)
      })
    },
  },
  {
    name: 'a switch that is killed and started again is reached again by itself, and others have not noticed',
    topology,
    not,
    shows: { revival: ['open-vswitch', 'weft-switch'] },
    timeoutMs: 3 * PATIENCE_MS,
    async run(lab) {
      const others: Record<string, Way> = {
        h1: ['h2.acme-vm2', 'h3.acme-vm3'],
        h2: ['h1.acme-vm1', 'h3.acme-vm3'],
      }
      for (const [id, other] of Object.entries(others)) {
        const host = lab.netns().host(id)
        const guests = lab.pairs().filter(({ from, to }) => from.hostId === id && to.hostId !== id)
        const [first] = guests
        if (!first) throw new Error(`no guest on ${id}`)
        const ping = startPing(lab, [first.from.name, first.to.name])
        let [down, up] = [0, 0]
        await lossless(lab, [other], async () => {
          await host.kill()
          down = performance.now()
          await host.start({ emptyDatabase: false })
          up = performance.now()
          for (const { from, to } of guests)
            await lab.until(
              `${from.name} reaches ${to.name}`,
              () => from.ping(to.address, { bytes: 56, timeoutMs: 200 }),
              PATIENCE_MS,
            )
        })
        const [startMs, backMs] = [up - down, performance.now() - up].map(Math.round)
        const { sent, lost } = await ping.stop()
        const kind = lab.realizer(id)
        lab.tell(
          `${kind} killed: ready after ${startMs} ms, all guests reached ${backMs} ms later; ${lost.length} of ${sent} pings lost, one every 20 ms`,
        )
        if (lost.length === 0) throw new Error(`${kind} was not killed: no ping was lost`)
        await realized(lab)
      }
    },
  },
]

/** All that decides where frames go on each host, as its own tools tell it. */
async function forwarding(lab: ScenarioLab): Promise<Record<string, string>> {
  const real = lab.real()
  const flows = async (id: string) => {
    const { stdout } = await real.host(id).ofctl(['dump-flows', '--no-stats', 'br-int'])
    return stdout.split('\n').filter(isOfCompiler).sort().join('\n')
  }
  const [vtep = ''] = hostsOf(lab, 'vtep')
  const kernel = async (line: string) => {
    const { stdout } = await real.vtep(vtep).exec(line.split(' '))
    const learned = /extern_learn|offload|state |vlan 1 |master weft-\d+ *$/
    return stdout
      .split('\n')
      .filter((each) => !learned.test(each))
      .sort()
      .join('\n')
  }
  return {
    'flows of h1': await flows('h1'),
    'flows of h2': await flows('h2'),
    [`FDB of ${vtep}`]: await kernel('bridge fdb show'),
    [`filters of ${vtep}`]: await kernel('nft -s list ruleset'),
    [`links of ${vtep}`]: await kernel('ip -brief link'),
  }
}

/** Who was shown is mute for some seconds, by a flow that the switch learns; such flows come and go. */
const isMute = (line: string) => new RegExp(`table=${table.shown}[,\\s]`).test(line)
const isOfCompiler = (line: string) => line.includes('cookie=') && !isMute(line)

function monitor(lab: ScenarioLab, id: string) {
  const argv = ['ovs-ofctl', '-O', 'OpenFlow13', 'monitor', 'br-int', 'watch:!initial']
  const child = lab.real().host(id).launch(argv)
  // Answers come on the one stream and what comes by itself on the other.
  return { id, said: collect(child), stop: () => finish(child, 'SIGTERM') }
}

/** A guest that has forgotten whom it knew reaches another one. */
async function afresh(lab: ScenarioLab, [from, to]: Way): Promise<void> {
  const guest = lab.real().workload(from)
  await guest.exec(['ip', 'neigh', 'flush', 'to', formatIpv4(lab.guest(to).address), 'dev', 'eth0'])
  await reaches(lab, from, to)
}
