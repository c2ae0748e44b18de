/**
 * The OVSDB rows of a host: what should be, compared with what the replica shows, as the operations that make the
 * difference; none when all is well. Written by level, so it serves first contact, drift and change alike.
 *
 * br-int is wholly ours; of the rest of the host's database only our own keys and the bridges that the model declares
 * are touched. Neighbours: `ovsdb-session.ts` sends the operations, `bindings.ts` reads what the host says back.
 */

import type { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { TUNNEL_OFPORT } from '../compiler/stages.ts'
import type { Bridge, Host } from '../model/schema.ts'

export const INTEGRATION_BRIDGE = 'br-int'
const TUNNEL_PORT = 'weft-vxlan'
/** Milliseconds; the default of Open vSwitch grows to 8 s, too long for a host that waits for its flows. */
const MAX_BACKOFF_MS = 1000
/** Bridges made on behalf of a `bridge` object carry this key. */
const OWNER = 'weft-bridge'

/** What the controller watches of a host. */
export const watched = {
  Open_vSwitch: ['bridges', 'manager_options', 'external_ids', 'next_cfg', 'cur_cfg'],
  Bridge: [
    'name',
    'datapath_type',
    'datapath_id',
    'ports',
    'controller',
    'protocols',
    'fail_mode',
    'other_config',
    'external_ids',
  ],
  Port: ['name', 'interfaces'],
  Interface: [
    'name',
    'type',
    'options',
    'ofport',
    'ofport_request',
    'external_ids',
    'mtu_request',
    'error',
  ],
  Controller: ['target', 'connection_mode', 'max_backoff'],
  Manager: ['target', 'max_backoff'],
} as const

const watch = (client: OvsdbClient, signal: AbortSignal) =>
  client.monitor(openVSwitch, watched, { signal })
/** The watched part of a host's database. */
export type HostReplica = Awaited<ReturnType<typeof watch>>
export const watchHost = watch

/** What the rows are made from. */
export interface DesiredRows {
  readonly host: Host
  readonly bridges: readonly Bridge[]
  /** Where the host's bridges find us: 'tcp:ADDRESS:PORT'. */
  readonly openflowTarget: string
}

const { insert, update, mutate } = operations(openVSwitch)

/** The operations that bring a host's rows to what should be; empty: nothing to do. */
export function rowOperations(replica: HostReplica, desired: DesiredRows): Operation[] {
  const [root] = replica.table('Open_vSwitch').values()
  if (!root) return []
  const changes = [
    ...integrationBridge(
      replica,
      root._uuid,
      root.external_ids['weft-datapath-type'] ?? '',
      desired,
    ),
    ...desired.bridges.flatMap((bridge) => declaredBridge(replica, root._uuid, bridge)),
    ...managers(replica),
  ]
  // next_cfg asks ovs-vswitchd to say, by cur_cfg, when it has done all this.
  return changes.length ? [...changes, mutate('Open_vSwitch', root._uuid, 'next_cfg', '+=', 1)] : []
}

function integrationBridge(
  replica: HostReplica,
  root: string,
  datapathType: string,
  desired: DesiredRows,
): Operation[] {
  const bridge = byName(replica.table('Bridge'), INTEGRATION_BRIDGE)
  const controller = {
    target: desired.openflowTarget,
    connection_mode: 'out-of-band' as const,
    max_backoff: MAX_BACKOFF_MS,
  }
  const row = {
    fail_mode: 'secure' as const,
    protocols: ['OpenFlow13' as const],
    datapath_type: datapathType,
  }
  const tunnel = {
    type: 'vxlan',
    options: { key: 'flow', remote_ip: 'flow', local_ip: desired.host.vtepAddress },
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
        },
        'bridge',
      ),
      mutate('Open_vSwitch', root, 'bridges', 'insert', ['bridge']),
    ]
  }
  const operations: Operation[] = []
  if (!covers(bridge, row)) operations.push(update('Bridge', bridge._uuid, row))
  if (bridge.other_config['disable-in-band'] !== 'true') {
    operations.push(
      update('Bridge', bridge._uuid, {
        other_config: { ...bridge.other_config, 'disable-in-band': 'true' },
      }),
    )
  }
  const controllers = bridge.controller.map((uuid) => replica.table('Controller').get(uuid))
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

/** A bridge of the model: made when absent, its uplinks joined. One of the same name that is not ours is left alone. */
function declaredBridge(replica: HostReplica, root: string, declared: Bridge): Operation[] {
  const mtu = declared.mtuBytes === undefined ? {} : { mtu_request: declared.mtuBytes }
  const bridge = byName(replica.table('Bridge'), declared.id)
  if (bridge && bridge.external_ids[OWNER] !== declared.uuid) return []
  const present = new Set(bridge?.ports.map((uuid) => replica.table('Port').get(uuid)?.name))
  const missing = declared.uplinks.filter((name) => !present.has(name))
  const uplinks = missing.flatMap((name, i) => [
    insert('Interface', { name, ...mtu }, `uplink_interface${i}`),
    insert('Port', { name, interfaces: [`uplink_interface${i}`] }, `uplink_port${i}`),
  ])
  const ports = missing.map((_, i) => `uplink_port${i}`)
  if (bridge)
    return missing.length
      ? [...uplinks, mutate('Bridge', bridge._uuid, 'ports', 'insert', ports)]
      : []
  const name = declared.id
  const [system] = replica.table('Open_vSwitch').values()
  return [
    ...uplinks,
    insert('Interface', { name, type: 'internal', ...mtu }, 'declared_interface'),
    insert('Port', { name, interfaces: ['declared_interface'] }, 'declared_port'),
    insert(
      'Bridge',
      {
        name,
        datapath_type: system?.external_ids['weft-datapath-type'] ?? '',
        ports: ['declared_port', ...ports],
        external_ids: { [OWNER]: declared.uuid },
      },
      'declared_bridge',
    ),
    mutate('Open_vSwitch', root, 'bridges', 'insert', ['declared_bridge']),
  ]
}

function managers(replica: HostReplica): Operation[] {
  return [...replica.table('Manager').values()]
    .filter((manager) => manager.max_backoff === undefined)
    .map((manager) => update('Manager', manager._uuid, { max_backoff: MAX_BACKOFF_MS }))
}

/** One bridge whose name is not ours but the model's: what an operator must know about. */
export function foreignBridges(replica: HostReplica, declared: readonly Bridge[]): string[] {
  return declared
    .filter(({ id, uuid }) => {
      const bridge = byName(replica.table('Bridge'), id)
      return bridge !== undefined && bridge.external_ids[OWNER] !== uuid
    })
    .map(({ id }) => id)
}

function byName<R extends { readonly name: string }>(
  table: ReadonlyMap<string, R>,
  name: string,
): R | undefined {
  for (const row of table.values()) if (row.name === name) return row
  return undefined
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
