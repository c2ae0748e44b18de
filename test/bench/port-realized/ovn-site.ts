/**
 * OVN on two real Open vSwitch hosts, in namespaces of its own: the site of a netns lab, with OVN in the place of our
 * controller. The northbound and southbound databases and ovn-northd run where the controller would, the hosts reach the
 * southbound over the management network (TCP), and each runs an ovn-controller. ovn-peer.ts measures it.
 *
 * Set up as its operators do it for speed: every host monitors the whole southbound database (both have every network
 * anyhow), no inactivity probe cuts a busy daemon off, databases are not asked to fsync.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { formatIpv4 } from '../../../southbound/wire/address.ts'
import type { LabDocument, Step } from '../../../topologies/lab/lab.ts'
import { within } from '../../../topologies/lab/netns/namespace.ts'
import { INTEGRATION_BRIDGE, type OvsHost } from '../../../topologies/lab/netns/ovs-host.ts'
import { type Output, run, SEARCH_PATH } from '../../../topologies/lab/netns/run.ts'
import { openSite, type Site } from '../../../topologies/lab/netns/site.ts'
import { together } from '../../../topologies/lab/netns/together.ts'

const SCHEMAS = '/usr/share/ovn'
const COMMANDS = ['ovn-northd', 'ovn-controller', 'ovn-nbctl', 'ovn-sbctl']
const SOUTHBOUND_PORT = 6642
const START_TIMEOUT_S = 30

/** A running OVN without a single logical switch; both hosts are registered as its chassis. */
export interface OvnSite {
  readonly hosts: readonly OvsHost[]
  /** Paths of the unix sockets of the databases. */
  readonly northbound: string
  readonly southbound: string
  /** Ends every process of the site and removes everything. */
  close(): Promise<void>
}

/** `23.03` when everything is installed that the site needs, else undefined. */
export async function ovnVersion(): Promise<string | undefined> {
  const schemas = ['ovn-nb.ovsschema', 'ovn-sb.ovsschema'].map((name) => join(SCHEMAS, name))
  const isCommand = (name: string): boolean =>
    SEARCH_PATH.split(':').some((directory) => existsSync(join(directory, name)))
  if (!schemas.every((path) => existsSync(path)) || !COMMANDS.every(isCommand)) return undefined
  const { stdout } = await run(['ovn-northd', '--version'])
  return /^ovn-northd (\d+\.\d+)/.exec(stdout)?.[1] ?? 'of unknown version'
}

/** Brings it up with two hosts; when that fails nothing is left. */
export async function openOvnSite(signal: AbortSignal, step: Step): Promise<OvnSite> {
  const portUuid = () => Promise.reject(new Error('the site of OVN has no workloads'))
  const site = await openSite({ document: document(), portUuid, signal, step })
  try {
    const central = await startCentral(site, signal)
    const hosts = [...site.hosts.values()]
    await together(
      signal,
      hosts.map((host) => (either: AbortSignal) => startHost(site, host, either)),
    )
    const known = hosts.flatMap(({ plan }) => ['--', 'wait-until', 'Chassis', plan.systemId])
    const sbctl = ['ovn-sbctl', `--db=unix:${central.southbound}`, `--timeout=${START_TIMEOUT_S}`]
    await run([...sbctl, ...known], { signal })
    return { hosts, ...central, close: () => site.close() }
  } catch (error) {
    await site.close()
    throw error
  }
}

function document(): LabDocument {
  const host = (vtepAddress: string) => ({
    kind: 'ovs' as const,
    vtepAddress,
    underlayMtuBytes: 9050,
  })
  return {
    name: 'port-realized-ovn',
    underlay: { mtuBytes: 9050 },
    hosts: { h1: host('192.0.2.11'), h2: host('192.0.2.12') },
    tenants: {},
    workloads: {},
  }
}

async function startCentral(
  { plan, runDirectory }: Site,
  signal: AbortSignal,
): Promise<Pick<OvnSite, 'northbound' | 'southbound'>> {
  const { namespace, address } = plan.controller
  const file = (name: string): string => join(runDirectory.path, name)
  const inside = (argv: readonly string[]): Promise<Output> =>
    run(within(namespace, argv), { signal, env: runtimeFiles(runDirectory.path) })
  const server = async (name: string, ...remotes: string[]): Promise<void> => {
    await inside(['ovsdb-tool', 'create', file(`${name}.db`), join(SCHEMAS, `${name}.ovsschema`)])
    const remote = [`--remote=punix:${file(`${name}.sock`)}`, ...remotes]
    const own = daemonArguments(file(name))
    await inside(['ovsdb-server', file(`${name}.db`), ...remote, ...own])
  }
  await server('ovn-nb')
  await server('ovn-sb', '--remote=db:OVN_Southbound,SB_Global,connections')
  const northbound = file('ovn-nb.sock')
  const southbound = file('ovn-sb.sock')
  const listen = `ptcp:${SOUTHBOUND_PORT}:${formatIpv4(address)}`
  const connection = ['--', '--inactivity-probe=0', 'set-connection', listen]
  await inside(['ovn-nbctl', `--db=unix:${northbound}`, 'init'])
  await inside(['ovn-sbctl', `--db=unix:${southbound}`, 'init', ...connection])
  const remotes = [`--ovnnb-db=unix:${northbound}`, `--ovnsb-db=unix:${southbound}`]
  await inside(['ovn-northd', ...remotes, ...daemonArguments(file('ovn-northd'))])
  return { northbound, southbound }
}

/** Open vSwitch as in the lab (VTEP on br-phy), and ovn-controller, which makes br-int and the tunnel. */
async function startHost(site: Site, host: OvsHost, signal: AbortSignal): Promise<void> {
  const directory = join(site.runDirectory.path, host.id)
  const southbound = `tcp:${formatIpv4(site.plan.controller.address)}:${SOUTHBOUND_PORT}`
  await host.start({ emptyDatabase: true, signal })
  const settings = {
    'system-id': host.plan.systemId,
    'ovn-remote': JSON.stringify(southbound),
    'ovn-encap-type': 'geneve',
    'ovn-encap-ip': formatIpv4(host.plan.vtep.address ?? 0),
    'ovn-bridge-datapath-type': 'netdev',
    'ovn-monitor-all': 'true',
    'ovn-remote-probe-interval': '0',
    'ovn-openflow-probe-interval': '0',
  }
  const pairs = Object.entries(settings).map(([key, value]) => `external_ids:${key}=${value}`)
  await host.vsctl(['set', 'Open_vSwitch', '.', ...pairs], { signal })
  const database = `unix:${join(directory, 'db.sock')}`
  const argv = ['ovn-controller', database, ...daemonArguments(join(directory, 'ovn-controller'))]
  await run(within(host.plan.namespace, argv), { signal, env: runtimeFiles(directory) })
  const bridge = ['wait-until', 'Bridge', INTEGRATION_BRIDGE]
  await host.vsctl([`--timeout=${START_TIMEOUT_S}`, ...bridge], { signal })
}

/** Where the programs of OVN and its databases find each other's sockets and put their own. */
function runtimeFiles(directory: string): Record<string, string> {
  return { OVN_RUNDIR: directory, OVS_RUNDIR: directory }
}

/** Files of a daemon whose name is the last part of `path`; it goes to the background once it is ready. */
function daemonArguments(path: string): string[] {
  return [
    `--pidfile=${path}.pid`,
    `--log-file=${path}.log`,
    '-vconsole:off',
    '-vsyslog:off',
    '--detach',
  ]
}
