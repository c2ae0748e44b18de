/**
 * A site of `weft agent`s without a controller: hosts in namespaces with kernel bridges, guests behind
 * veths, rows written by vtep-ctl. `rogue` is on the underlay and in no network.
 *
 *   g1 -- vm1 [h1: agent] u -- eth -- underlay -- eth -- u [h2: agent] vm2 -- g2, vm3 -- g3
 */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  addNamespaces,
  ipBatch,
  removeNamespaces,
  within,
} from '../../topologies/lab/netns/namespace.ts'
import { ended, launch, type RunError, run } from '../../topologies/lab/netns/run.ts'

const WEFT = fileURLToPath(new URL('../../bin/weft.ts', import.meta.url))
export const UNDERLAY_MTU = 9050

export interface Guest {
  readonly namespace: string
  /** The interface on its host. */
  readonly port: string
  readonly mac: string
  readonly address: string
  /** Of its frames only: guests have no IPv6. */
  readonly addressV6: string
}

export interface AgentHost {
  readonly namespace: string
  readonly address: string
  /** `--db` of vtep-ctl. */
  readonly target: string
  start(...options: string[]): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGTERM. @returns the exit code */
  stop(): Promise<number | null>
  log(): string
  /** A command in the namespace, its words separated by spaces; what it printed. */
  shell(line: string): Promise<string>
  /** `vtep-ctl --db=…`. */
  vtep(line: string): Promise<string>
  /** `weft agent --remove`. */
  remove(): Promise<string>
}

export interface AgentSite {
  readonly hosts: Readonly<Record<'h1' | 'h2', AgentHost>>
  readonly rogue: string
  /** The namespace of the underlay: its links to the hosts have their names. */
  readonly under: string
  readonly guests: Readonly<Record<'g1' | 'g2' | 'g3', Guest>>
  close(): Promise<void>
}

/** `mtu`: of the guests' interfaces. */
export async function openAgentSite({ mtu = 9000 }: { mtu?: number } = {}): Promise<AgentSite> {
  const id = randomBytes(3).toString('hex')
  const directory = mkdtempSync(join(tmpdir(), 'weft-agent-'))
  const name = (part: string) => `wag-${id}-${part}`
  const all = ['under', 'rogue', 'h1', 'h2', 'g1', 'g2', 'g3'].map(name)
  const guest = (n: number): Guest => ({
    namespace: name(`g${n}`),
    port: `vm${n}`,
    mac: `02:00:00:00:00:0${n}`,
    address: n === 3 ? '10.0.0.2' : `10.0.0.${n}`,
    addressV6: `fd00::${n}`,
  })
  const guests = { g1: guest(1), g2: guest(2), g3: guest(3) }
  const hosts = {
    h1: agentHost('h1', name('h1'), '192.0.2.11', directory),
    h2: agentHost('h2', name('h2'), '192.0.2.12', directory),
  }
  await addNamespaces(all)
  await ipBatch(name('under'), [
    'link add underlay type bridge',
    `link set underlay mtu ${UNDERLAY_MTU} up`,
  ])
  for (const [part, address] of [
    ['h1', hosts.h1.address],
    ['h2', hosts.h2.address],
    ['rogue', '192.0.2.99'],
  ] as const) {
    await ipBatch(name(part), [
      'link set lo up',
      `link add u0 mtu ${UNDERLAY_MTU} type veth peer name ${part} mtu ${UNDERLAY_MTU} netns ${name('under')}`,
      `address add ${address}/24 dev u0`,
      'link set u0 up',
    ])
    await ipBatch(name('under'), [`link set ${part} master underlay up`])
  }
  for (const [{ namespace, port, mac, address }, host] of [
    [guests.g1, hosts.h1],
    [guests.g2, hosts.h2],
    [guests.g3, hosts.h2],
  ] as const) {
    await ipBatch(host.namespace, [
      `link add ${port} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${namespace}`,
      `link set ${port} up`,
    ])
    await ipBatch(namespace, [
      `link set eth0 address ${mac}`,
      `address add ${address}/24 dev eth0`,
      'link set eth0 up',
    ])
  }
  return {
    hosts,
    guests,
    rogue: name('rogue'),
    under: name('under'),
    async close() {
      await removeNamespaces(all)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function agentHost(id: string, namespace: string, address: string, directory: string): AgentHost {
  const rundir = join(directory, id)
  const logFile = join(directory, `${id}.log`)
  const target = `unix:${rundir}/vtep.sock`
  const argv = (...options: string[]) =>
    within(namespace, [process.execPath, WEFT, 'agent', '--rundir', rundir, ...options])
  let child: ChildProcess | undefined
  const shell = async (line: string) => {
    const { stdout } = await run(within(namespace, line.split(' ')))
    return stdout.trim()
  }
  const end = async (signal: NodeJS.Signals) => {
    const ending = child
    child = undefined
    ending?.kill(signal)
    if (ending) await ended(ending)
    return ending?.exitCode ?? null
  }
  const log = () => readFileSync(logFile, 'utf8')
  return {
    namespace,
    address,
    target,
    async start(...options) {
      const output = openSync(logFile, 'a')
      const before = log().length
      const given = ['--name', id, '--tunnel-ip', address, '--audit', '1', ...options]
      const started = launch(argv(...given), { output })
      child = started
      closeSync(output)
      await until(`${id} is ready`, () => {
        if (started.exitCode !== null) throw new Error(`agent ended:\n${log().slice(before)}`)
        return log().slice(before).includes('weft agent: ready')
      })
    },
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    log,
    shell,
    vtep: (line) => shell(`vtep-ctl --db=${target} ${line}`),
    async remove() {
      const { stdout } = await run(argv('--remove'))
      return stdout
    },
  }
}

const LIMIT_MS = 20_000

/** Asks again until it is so. */
export async function until(
  what: string,
  test: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await test())) {
    if (performance.now() > deadline) throw new Error(`not in ${limitMs / 1000} s: ${what}`)
    await delay(50)
  }
}

export interface Pinged {
  readonly sent: number
  readonly received: number
}

/** ping(8) with DF set: `bytes` of payload, `count` of them, an `interval` in seconds. */
export async function ping(
  from: Guest,
  to: string,
  {
    bytes = 56,
    count = 1,
    interval = 0.2,
  }: { bytes?: number; count?: number; interval?: number } = {},
): Promise<Pinged> {
  const options = `-n -q -M do -W 1 -s ${bytes} -c ${count} -i ${interval}`
  const command = ['ping', ...options.split(' '), to]
  const text = await run(within(from.namespace, command), { timeoutMs: 60_000 }).then(
    ({ stdout }) => stdout,
    (error: RunError) => error.stdout,
  )
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? []
  return { sent: Number(sent), received: Number(received) }
}

/** Both hosts know both guests: vm1 and vm2 in VNI 5001, vm3 in 5002. */
export async function writeRows({ hosts, guests }: AgentSite): Promise<void> {
  const { h1, h2 } = hosts
  const red = 'add-ls red -- set Logical_Switch red tunnel_key=5001 other_config:weft-mtu=9000'
  const remote = async (at: AgentHost, guest: Guest, behind: AgentHost) => {
    await at.vtep(
      `add-ucast-remote red ${guest.mac} ${behind.address} -- add-mcast-remote red unknown-dst ${behind.address}`,
    )
    const row = await at.vtep(`--bare --columns=_uuid find Ucast_Macs_Remote MAC="${guest.mac}"`)
    await at.vtep(`set Ucast_Macs_Remote ${row} ipaddr=${guest.address}`)
  }
  await h1.vtep(`${red} -- bind-ls h1 vm1 0 red`)
  await h2.vtep(`${red} -- bind-ls h2 vm2 0 red`)
  await remote(h1, guests.g2, h2)
  await remote(h2, guests.g1, h1)
  await h2.vtep('add-ls blue -- set Logical_Switch blue tunnel_key=5002 -- bind-ls h2 vm3 0 blue')
}

/** What a host has: links, ports, FDB, neighbours and filters, without what changes by itself. */
export async function kernelOf({ shell }: AgentHost): Promise<string> {
  const texts = [
    await shell('ip -details address show'),
    await shell('bridge fdb show'),
    await shell('ip neigh show nud permanent'),
    await shell('nft -s list ruleset'),
  ]
  return texts
    .join('\n')
    .split('\n')
    .filter((line) => !/offload|extern_learn| vm\d master weft-\d+ $/.test(line))
    .map((line) =>
      line
        .replace(/(?:[a-z_]*timer|tcn|gc)[a-z_]* +[\d.]+|state [A-Za-z]+|NO-CARRIER,/g, '')
        .trimEnd(),
    )
    .join('\n')
}

/** What a controller would write for a guest: permit what it is, deny all else by its kind. */
export async function bindAntiSpoofing(host: AgentHost, id: string, guest: Guest): Promise<void> {
  const { mac, address, addressV6, port } = guest
  const entries = [
    `sequence=1 action=permit source_mac="${mac}" ethertype=0x0806 source_ip="${address}"`,
    `sequence=2 action=permit source_mac="${mac}" ethertype=0x0800 source_ip="${address}"`,
    `sequence=3 action=permit source_mac="${mac}" source_ip="${addressV6}" protocol=58 icmp_type=136`,
    'sequence=999 action=deny ethertype=0x86dd',
    'sequence=1000 action=deny ethertype=0x0806',
    `sequence=1001 action=deny source_mac="${mac}"`,
    'sequence=1002 action=deny',
  ]
  const creates = entries.map((text, i) => `--id=@e${i} create ACL_entry direction=ingress ${text}`)
  const all = entries.map((_, i) => `@e${i}`).join(',')
  const acl = `--id=@acl create ACL acl_name=${id}-${port} acl_entries=${all}`
  await host.vtep(
    `${creates.join(' -- ')} -- ${acl} -- set Physical_Port ${port} acl_bindings:0=@acl`,
  )
}
