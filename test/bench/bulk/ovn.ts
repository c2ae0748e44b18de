/**
 * OVN as it is used: one `ovn-nbctl` transaction with all that is added, then `ovn-nbctl --wait=hv sync`, then every port
 * `up`. In its favour: no database is asked to fsync, interfaces carry their iface-id beforehand, and what ovn-northd and
 * ovn-controller go on with afterwards is not waited for.
 */
import { dirname, join } from 'node:path'
import type { Step } from '../../../topologies/lab/lab.ts'
import { type Output, run } from '../../../topologies/lab/netns/run.ts'
import { openNorthbound } from '../port-realized/ovn-northbound.ts'
import { openOvnSite } from '../port-realized/ovn-site.ts'
import type { Contender } from './contender.ts'
import { pidIn } from './cpu.ts'
import { plug, unplugAll } from './interfaces.ts'
import { flowsOn, networksOf, portsOn, type ShapePort } from './shape.ts'

const TIMEOUT_MS = 600_000

/** @param version as ovnVersion says it */
export async function openOvn(version: string, step: Step): Promise<Contender> {
  const end = new AbortController()
  const site = await openOvnSite(end.signal, step)
  try {
    const northbound = await openNorthbound(site, end.signal)
    const nbctl = (...args: string[]): Promise<Output> =>
      run(['ovn-nbctl', `--db=unix:${site.northbound}`, ...args], { timeoutMs: TIMEOUT_MS })
    const directory = dirname(site.northbound)
    const database = (id: string): string => join(directory, id, 'db.sock')
    const central = ['ovn-nb', 'ovn-sb', 'ovn-northd'].map((name) => join(directory, `${name}.pid`))
    const onHosts = (name: string): string[] =>
      site.hosts.map(({ id }) => join(directory, id, `${name}.pid`))
    let switches: string[] = []
    return {
      name: `ovn ${version}`,
      pids: {
        control: [...central, ...onHosts('ovn-controller')].map(pidIn),
        switches: ['ovs-vswitchd', 'ovsdb-server'].flatMap(onHosts).map(pidIn),
      },
      async plug(ports) {
        await Promise.all(
          site.hosts.map(({ id }) => plug(database(id), portsOn(id, ports), (port) => port.id)),
        )
      },
      prepare(added, total) {
        const transaction = commandsOf(added)
        switches = [...switches, ...networksOf(added)]
        return async () => {
          const up = northbound.portsUp(total)
          await nbctl(...transaction)
          await nbctl('--wait=hv', 'sync')
          await up
        }
      },
      async clear() {
        await nbctl('--wait=hv', ...switches.flatMap((id) => ['--', 'ls-del', id]))
        switches = []
        await Promise.all(site.hosts.map(({ id }) => unplugAll(database(id))))
      },
      flows: () => Promise.all(site.hosts.map(flowsOn)),
      async close() {
        end.abort()
        northbound.close()
        await site.close()
      },
    }
  } catch (error) {
    await site.close()
    throw error
  }
}

function commandsOf(ports: readonly ShapePort[]): string[] {
  return [
    ...networksOf(ports).flatMap((id) => ['--', 'ls-add', id]),
    ...ports.flatMap(({ id, network, mac, address }) => [
      ...['--', 'lsp-add', network, id],
      ...['--', 'lsp-set-addresses', id, `${mac} ${address}`],
      ...['--', 'lsp-set-port-security', id, `${mac} ${address}`],
    ]),
  ]
}
