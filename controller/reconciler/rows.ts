/**
 * The OVSDB rows of a host: what should be, compared with what the replica shows, as the operations that make the
 * difference; none when all is well. Written by level, so it serves first contact, drift and change alike.
 *
 * br-int is wholly ours; of the rest of the host's database only our own Manager row, patch ports to the bridges that the
 * host offers (`physical-networks.ts`) and `vlan-limit` are touched, and apart from these the bridges that the model declares
 * (`declared-bridges.ts`). Neighbours: `host-session.ts` sends the operations, `bindings.ts` reads what the host says back.
 */

import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { TUNNEL_OFPORT } from '../compiler/stages.ts'
import type { Host } from '../model/schema.ts'
import { bridgeBefore, controllersOf, portNames, remember, was } from './before.ts'
import { byName, datapathType, type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'
import { type Offer, patchPorts } from './physical-networks.ts'

export const TUNNEL_PORT = 'weft-vxlan'
/** Milliseconds; the default of Open vSwitch grows to 8 s, too long for a host that waits for its flows. */
const MAX_BACKOFF_MS = 1000

/** What the rows are made from. */
export interface DesiredRows {
  readonly host: Host
  readonly offers: readonly Offer[]
  /** Where the host's bridges find us: 'tcp:ADDRESS:PORT', or 'ssl:…'. */
  readonly openflowTarget: string
}

type RootRow = HostReplica extends { table(name: 'Open_vSwitch'): ReadonlyMap<string, infer R> }
  ? R
  : never

const { insert, update, mutate } = operations(openVSwitch)

/** The operations that bring a host's rows to what should be; empty: nothing to do. */
export function rowOperations(replica: HostReplica, desired: DesiredRows): Operation[] {
  const [root] = replica.table('Open_vSwitch').values()
  if (!root) return []
  const changes = [
    ...integrationBridge(replica, root._uuid, desired),
    ...patchPorts(replica, desired.offers),
    ...vlanLimit(root),
    ...manager(replica, desired.openflowTarget),
  ]
  // next_cfg asks ovs-vswitchd to say, by cur_cfg, when it has done all this.
  return changes.length ? [...changes, mutate('Open_vSwitch', root._uuid, 'next_cfg', '+=', 1)] : []
}

/** Without it Open vSwitch looks at one tag only, and takes what is behind it for the Ethernet type. */
function vlanLimit({ _uuid, other_config }: RootRow): Operation[] {
  if (other_config['vlan-limit'] === '0') return []
  return [
    remember('Open_vSwitch', _uuid, was.vlanLimit, other_config['vlan-limit'] ?? ''),
    mutate('Open_vSwitch', _uuid, 'other_config', 'delete', ['vlan-limit']),
    mutate('Open_vSwitch', _uuid, 'other_config', 'insert', { 'vlan-limit': '0' }),
  ]
}

function integrationBridge(replica: HostReplica, root: string, desired: DesiredRows): Operation[] {
  const bridge = byName(replica.table('Bridge'), INTEGRATION_BRIDGE)
  const controller = {
    target: desired.openflowTarget,
    connection_mode: 'out-of-band' as const,
    max_backoff: MAX_BACKOFF_MS,
  }
  const row = {
    fail_mode: 'secure' as const,
    protocols: ['OpenFlow13' as const],
    datapath_type: datapathType(replica),
  }
  const tunnel = {
    type: 'vxlan',
    options: tunnelOptions(desired.host),
    ofport_request: TUNNEL_OFPORT,
  }
  if (!bridge) {
    return [
      insert('Controller', controller, 'controller'),
      insert('Interface', { name: INTEGRATION_BRIDGE, type: 'internal' }, 'local_interface'),
      insert('Port', { name: INTEGRATION_BRIDGE, interfaces: ['local_interface'] }, 'local_port'),
      insert('Interface', { name: TUNNEL_PORT, ...tunnel }, 'tunnel_interface'),
      insert('Port', { name: TUNNEL_PORT, interfaces: ['tunnel_interface'] }, 'tunnel_port'),
      insert(
        'Bridge',
        {
          name: INTEGRATION_BRIDGE,
          ...row,
          ports: ['local_port', 'tunnel_port'],
          controller: ['controller'],
          other_config: { 'disable-in-band': 'true' },
          external_ids: { [was.bridge]: '' },
        },
        'bridge',
      ),
      mutate('Open_vSwitch', root, 'bridges', 'insert', ['bridge']),
    ]
  }
  const operations: Operation[] = []
  if (!(was.bridge in bridge.external_ids)) {
    // Of a release that did not remember. A tunnel of this name in another bridge says nothing.
    const isMade = portNames(replica, bridge).includes(TUNNEL_PORT)
    const before = isMade ? '' : bridgeBefore(replica, bridge)
    operations.push(remember('Bridge', bridge._uuid, was.bridge, before))
  }
  if (!covers(bridge, row)) operations.push(update('Bridge', bridge._uuid, row))
  if (bridge.other_config['disable-in-band'] !== 'true') {
    operations.push(
      update('Bridge', bridge._uuid, {
        other_config: { ...bridge.other_config, 'disable-in-band': 'true' },
      }),
    )
  }
  const controllers = controllersOf(replica, bridge)
  if (controllers.length !== 1 || !covers(controllers[0], controller)) {
    operations.push(
      insert('Controller', controller, 'controller'),
      update('Bridge', bridge._uuid, { controller: ['controller'] }),
    )
  }
  const iface = byName(replica.table('Interface'), TUNNEL_PORT)
  if (!iface) {
    operations.push(
      insert('Interface', { name: TUNNEL_PORT, ...tunnel }, 'tunnel_interface'),
      insert('Port', { name: TUNNEL_PORT, interfaces: ['tunnel_interface'] }, 'tunnel_port'),
      mutate('Bridge', bridge._uuid, 'ports', 'insert', ['tunnel_port']),
    )
  } else if (!covers(iface, tunnel)) operations.push(update('Interface', iface._uuid, tunnel))
  return operations
}

/**
 * One port carries both families: the flows say where to. With both the host takes its source address by its routes, as
 * one `local_ip` would shut the other family out.
 */
function tunnelOptions({ vtepAddress, alternateVtepAddress }: Host): Record<string, string> {
  const source = alternateVtepAddress === undefined ? { local_ip: vtepAddress } : {}
  return { key: 'flow', remote_ip: 'flow', ...source }
}

/** Our own Manager row alone: the one by which the host reached us. */
function manager(replica: HostReplica, openflowTarget: string): Operation[] {
  const address = addressIn(openflowTarget)
  return [...replica.table('Manager').values()]
    .filter(({ target, max_backoff }) => max_backoff === undefined && addressIn(target) === address)
    .flatMap(({ _uuid }) => [
      remember('Manager', _uuid, was.maxBackoff, ''),
      update('Manager', _uuid, { max_backoff: MAX_BACKOFF_MS }),
    ])
}

/** The address of 'tcp:ADDRESS:PORT'. */
export function addressIn(target: string): string {
  return target.slice(target.indexOf(':') + 1, target.lastIndexOf(':'))
}

/** OpenFlow number that the switch gave the tunnel port; -1: it could not be made, undefined: not yet. */
export function tunnelOfport(replica: HostReplica): number | undefined {
  return byName(replica.table('Interface'), TUNNEL_PORT)?.ofport
}

/** Whether a row has all these values; sets and maps are compared by content. */
function covers(
  row: Readonly<Record<string, unknown>> | undefined,
  values: Readonly<Record<string, unknown>>,
): boolean {
  return (
    row !== undefined && Object.entries(values).every(([name, value]) => same(row[name], value))
  )
}

function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return a === b
  const [x, y] = [Object.entries(a), Object.entries(b)]
  return (
    x.length === y.length &&
    y.every(([key, value]) => same((a as Record<string, unknown>)[key], value))
  )
}
