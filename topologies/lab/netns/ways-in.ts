/**
 * How somebody at a shell gets into a running lab: lines to copy, one guest and one host of each sort. Pure.
 * Neighbours: plan.ts has the names, lab.ts and its hosts the files.
 */
import { join } from 'node:path'
import { formatIpv4 } from '../../../southbound/wire/address.ts'
import { type LabSwitch, switchNames } from '../host-switch.ts'
import { within } from './namespace.ts'
import type { HostPlan, SitePlan } from './plan.ts'

/** What shows what a host is like, by what switches there. @param directory the lab's */
const shown: Readonly<Record<LabSwitch, (directory: string, host: HostPlan) => string>> = {
  'open-vswitch': (directory, { id }) => `OVS_RUNDIR=${join(directory, id)} ovs-vsctl show`,
  'weft-switch': (directory, { id }) =>
    `OVS_RUNDIR=${join(directory, id)} ovs-ofctl -O OpenFlow13 dump-ports br-int`,
  'linux-bridge': (directory, { id }) =>
    `vtep-ctl --db=unix:${join(directory, `${id}-agent`, 'vtep.sock')} show`,
  'ovs-vtep': (directory, { id }) => `vtep-ctl --db=unix:${join(directory, id, 'db.sock')} show`,
}

/**
 * What stands before a command in a guest, on a router or on a host. On a host the tools of Open vSwitch and of hardware VTEPs find what runs there.
 * @param directory the lab's run directory
 */
export function commandIn(
  { hosts, workloads, routed }: SitePlan,
  directory: string,
  name: string,
): readonly string[] | undefined {
  const guest = workloads.find((each) => each.name === name)
  if (guest) return within(guest.namespace, [])
  const router = routed.routers.find(({ id }) => id === name)
  if (router) return within(router.namespace, [])
  const host = hosts.find(({ id }) => id === name)
  if (!host) return undefined
  const rundir = join(directory, host.switch === 'linux-bridge' ? `${name}-agent` : name)
  return within(host.namespace, ['env', `OVS_RUNDIR=${rundir}`])
}

/** Lines that say what they are for, each followed by its command. @param directory the lab's run directory */
export function waysIn({ hosts, workloads }: SitePlan, directory: string): string[] {
  const lines: string[] = []
  const add = (what: string, command: string) => lines.push(`  ${what.padEnd(42)} ${command}`)
  const [guest] = workloads
  if (guest) {
    const peer = workloads.find(
      ({ tenant, hostId }) => tenant === guest.tenant && hostId !== guest.hostId,
    )
    const does = peer ? `ping ${formatIpv4(peer.address)}` : 'ip address'
    add(`guest ${guest.name}`, `ip netns exec ${guest.namespace} ${does}`)
  }
  const told = new Set<LabSwitch>()
  for (const host of hosts) {
    if (told.has(host.switch)) continue
    told.add(host.switch)
    add(`host ${host.id} (${switchNames[host.switch]})`, shown[host.switch](directory, host))
  }
  const [host] = hosts
  // `ip netns exec` would mount /sys anew: namespaces that are made in it are gone with it.
  if (host) add(`a shell on host ${host.id}`, `nsenter --net=/run/netns/${host.namespace}`)
  return lines
}
