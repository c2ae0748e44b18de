/**
 * What the checks of a machine go by: its Open vSwitch database, what its commands say, what the kernel shows below /sys. Asked
 * when a check needs it, and once. Neighbours: host-switch.ts, host-underlay.ts, host-system.ts.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { dial } from '../../southbound/wire/stream.ts'
import type { Rest } from '../rest.ts'

export type HostKind = 'ovs' | 'vtep'

/** How long a program of the machine may take. Milliseconds. */
const LIMIT_MS = 5000
/** Where sbin is not in PATH: of somebody who is no root. */
const SEARCH_PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`

const watched = {
  Open_vSwitch: ['ovs_version', 'external_ids', 'manager_options'],
  Bridge: ['name', 'ports', 'controller', 'fail_mode', 'datapath_type'],
  Port: ['name', 'interfaces'],
  Interface: ['name', 'type', 'options', 'error'],
  Manager: ['target', 'is_connected', 'status'],
  Controller: ['target', 'is_connected', 'status'],
} as const

/** What a host's tunnels begin and end at. */
export interface Tunnels {
  /** VTEP addresses of this host; empty: its database does not say. */
  readonly local: readonly string[]
  /** Of the hosts that it has tunnels to. */
  readonly remote: readonly string[]
  /** The longest packet of a workload that its networks allow, bytes; 0: it has none. */
  readonly guestBytes: number
}

export interface HostFacts {
  readonly kind: HostKind
  /** Where Open vSwitch has its sockets. */
  readonly rundir: string
  /** VTEP address as it was given; else found. */
  readonly vtep: string | undefined
  /** To compare clocks with. */
  readonly rest: Rest | undefined
  readonly now: () => number
  /** Standard output. @throws when there is no such program, or it fails */
  run(program: string, args: readonly string[]): Promise<string>
  /** @throws when ovsdb-server does not answer */
  database(): ReturnType<typeof readDatabase>
  tunnels(): Promise<Tunnels>
  /** Whether the kernel has it, as a module or built in. */
  hasModule(name: string): boolean
}

export interface HostOptions {
  readonly kind: HostKind
  readonly rundir: string
  readonly vtep: string | undefined
  readonly rest: Rest | undefined
  readonly now: () => number
  readonly signal: AbortSignal
}

export function hostFacts({ signal, ...options }: HostOptions): HostFacts {
  const { rundir, kind, vtep } = options
  let database: ReturnType<typeof readDatabase> | undefined
  let tunnels: Promise<Tunnels> | undefined
  const run = (program: string, args: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const env = { ...process.env, PATH: SEARCH_PATH, OVS_RUNDIR: rundir, LC_ALL: 'C' }
      const settings = { env, signal, timeout: LIMIT_MS, maxBuffer: 1 << 28 }
      execFile(program, args, settings, (error, stdout, stderr) => {
        if (!error) return resolve(stdout)
        const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
        const late = error.killed && `${program} has not answered within ${LIMIT_MS / 1000} s`
        const said = late || stderr.trim().split('\n')[0] || error.message.trim()
        reject(new Error(isAbsent ? `${program} is not installed` : said, { cause: error }))
      })
    })
  const facts: HostFacts = {
    ...options,
    run,
    database() {
      database ??= readDatabase(rundir, signal)
      return database
    },
    tunnels() {
      tunnels ??= kind === 'ovs' ? switchTunnels(facts) : kernelTunnels(run)
      return tunnels.then((found) => (vtep === undefined ? found : { ...found, local: [vtep] }))
    },
    hasModule: (name) => existsSync(`/sys/module/${name}`),
  }
  return facts
}

async function readDatabase(rundir: string, signal: AbortSignal) {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)])
  const stream = await dial(`unix:${join(rundir, 'db.sock')}`, { signal: ends })
  const client = await OvsdbClient.open(stream, { signal: ends })
  try {
    const replica = await client.monitor(openVSwitch, watched, { signal: ends })
    const rows = <T extends keyof typeof watched>(table: T) => [...replica.table(table).values()]
    return {
      root: rows('Open_vSwitch')[0],
      bridges: rows('Bridge'),
      ports: rows('Port'),
      interfaces: rows('Interface'),
      managers: rows('Manager'),
      controllers: rows('Controller'),
    }
  } finally {
    client.close()
  }
}

/** From the rows and flows of br-int, which are what frames meet. */
async function switchTunnels({ database, run }: HostFacts): Promise<Tunnels> {
  const { interfaces } = await database()
  const local = interfaces.flatMap(({ type, options }) =>
    type === 'vxlan' && options.local_ip !== undefined ? [options.local_ip] : [],
  )
  const [flows, groups] = await Promise.all(
    ['dump-flows', 'dump-groups'].map((what) =>
      run('ovs-ofctl', ['-O', 'OpenFlow13', what, 'br-int']),
    ),
  )
  const remote = new Set<string>()
  for (const text of [flows, groups])
    for (const [, address = ''] of `${text}`.matchAll(
      /set_field:([0-9a-f.:]+)->tun_(?:ipv6_)?dst/g,
    ))
      remote.add(address)
  const sizes = `${flows}`.split('\n').map(measured)
  return {
    local: [...new Set(local)],
    // Flows that all hosts of a network share name the host itself too.
    remote: [...remote].filter((address) => !local.includes(address)).sort(),
    guestBytes: Math.max(0, ...sizes),
  }
}

/** Bytes of a packet that a flow measures: without its header of 14, and the tag that comes off. 0: it measures none. */
function measured(flow: string): number {
  const [, bytes = '14'] = /check_pkt_larger\((\d+)\)/.exec(flow) ?? []
  return Number(bytes) - 14 - (flow.includes('pop_vlan') ? 4 : 0)
}

interface KernelLink {
  readonly mtu: number
  readonly linkinfo?: { readonly info_data?: { readonly local?: string; readonly local6?: string } }
}

/** From the VXLAN devices that weft agent has made, and where their frames go. */
async function kernelTunnels(run: HostFacts['run']): Promise<Tunnels> {
  const links: readonly KernelLink[] = parsed(
    await run('ip', ['-json', '-d', 'link', 'show', 'type', 'vxlan']),
  )
  const entries: readonly { readonly dst?: string }[] = parsed(
    await run('bridge', ['-json', 'fdb', 'show']),
  )
  const local = links.flatMap(({ linkinfo }) => {
    const { local: of4, local6: of6 } = linkinfo?.info_data ?? {}
    return of4 ?? of6 ?? []
  })
  const remote = entries.flatMap(({ dst }) => dst ?? [])
  return {
    local: [...new Set(local)],
    remote: [...new Set(remote)].sort(),
    guestBytes: Math.max(0, ...links.map(({ mtu }) => mtu)),
  }
}

/** What `ip -json` prints; nothing is an empty list. */
export const parsed = (text: string) => JSON.parse(text.trim() || '[]')
