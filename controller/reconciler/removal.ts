/**
 * The rows of a host that leaves the site, as the operations that give it back as Weft found it; none when that is done. The
 * reverse of `rows.ts`, by level as well. br-int goes when nothing of the host's own is plugged into it any more: until then
 * it stays, without the tunnel and with its controller, by which its flows are taken away. Neighbour: `host-session.ts`.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { type BridgeBefore, portNames, readBridgeBefore, was } from './before.ts'
import { removedBridges } from './declared-bridges.ts'
import { type BridgeRow, byName, type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'
import { isPatchPort, OWNER, strayPatchPorts } from './physical-networks.ts'
import { addressIn, TUNNEL_PORT } from './rows.ts'
import { lookBack } from './takeover.ts'

const { insert, update, mutate } = operations(openVSwitch)

export interface Removal {
  readonly operations: readonly Operation[]
  /** Interfaces that somebody has plugged into br-int: as long as they are, it stays. */
  readonly plugged: readonly string[]
  /** A br-int stays, for those or because it was there before Weft: its flows go by OpenFlow. */
  readonly isBridgeStaying: boolean
  /** Who drives br-int by now: then nothing is done. */
  readonly drivenBy?: string
}

const nothing: Removal = { operations: [], plugged: [], isBridgeStaying: false }

/**
 * @param openflowTarget ours; a host whose br-int has another controller is somebody else's by now and is left alone
 * @param isCleared whether br-int has no flows any more
 */
export function removal(
  replica: HostReplica,
  openflowTarget: string,
  isCleared: () => boolean,
): Removal {
  const [root] = replica.table('Open_vSwitch').values()
  const bridge = integrationBridge(replica)
  const drivenBy = otherDriver(replica, bridge, openflowTarget)
  if (!root || drivenBy !== undefined) return { ...nothing, ...(drivenBy && { drivenBy }) }
  const plugged = bridge ? pluggedInto(replica, bridge) : []
  const before = readBridgeBefore(bridge?.external_ids[was.bridge])
  const isBridgeStaying = bridge !== undefined && (plugged.length > 0 || before !== undefined)
  const changes = [
    ...removedBridges(replica, root._uuid, []),
    ...strayPatchPorts(replica, new Map()),
    ...vlanLimitBack(root),
    ...managersBack(replica),
    ...lookBack(replica),
  ]
  if (bridge && !isBridgeStaying)
    changes.push(mutate('Open_vSwitch', root._uuid, 'bridges', 'delete', [bridge._uuid]))
  else if (bridge) {
    const tunnel = portUuid(replica, bridge, TUNNEL_PORT)
    if (tunnel !== undefined)
      changes.push(mutate('Bridge', bridge._uuid, 'ports', 'delete', [tunnel]))
    if (before && plugged.length === 0 && isCleared())
      changes.push(...bridgeBack(bridge, before), forget('Bridge', bridge._uuid, was.bridge))
  }
  const count = changes.length ? [mutate('Open_vSwitch', root._uuid, 'next_cfg', '+=', 1)] : []
  return { operations: [...changes, ...count], plugged, isBridgeStaying }
}

/** Names of what is recognizably of Weft on a host, for people; empty: nothing is. */
export function traces(replica: HostReplica): string[] {
  const [root] = replica.table('Open_vSwitch').values()
  const bridges = [...replica.table('Bridge').values()]
  const ports = [...replica.table('Port').values()].map(({ name }) => name)
  const integration = integrationBridge(replica)
  return [
    ...(was.vlanLimit in (root?.external_ids ?? {}) ? ['vlan-limit'] : []),
    ...bridges.filter(({ external_ids }) => OWNER in external_ids).map(({ name }) => name),
    ...(integration ? [integration.name] : []),
    ...(lookBack(replica).length > 0 ? ['weft-look'] : []),
    ...ports.filter((name) => name === TUNNEL_PORT || isPatchPort(name)),
  ].sort()
}

/** br-int as far as it is ours: marked, or with our tunnel. */
function integrationBridge(replica: HostReplica): BridgeRow | undefined {
  const bridge = byName(replica.table('Bridge'), INTEGRATION_BRIDGE)
  if (!bridge) return undefined
  const isOurs =
    was.bridge in bridge.external_ids || portUuid(replica, bridge, TUNNEL_PORT) !== undefined
  return isOurs ? bridge : undefined
}

/** Target of a controller at another address than ours. */
function otherDriver(
  replica: HostReplica,
  bridge: BridgeRow | undefined,
  ourTarget: string,
): string | undefined {
  return (bridge?.controller ?? [])
    .flatMap((uuid) => replica.table('Controller').get(uuid)?.target ?? [])
    .find((target) => addressIn(target) !== addressIn(ourTarget))
}

function pluggedInto(replica: HostReplica, bridge: BridgeRow): string[] {
  const own = new Set([
    ...[INTEGRATION_BRIDGE, TUNNEL_PORT],
    ...(readBridgeBefore(bridge.external_ids[was.bridge])?.ports ?? []),
  ])
  return portNames(replica, bridge).filter((name) => !own.has(name) && !isPatchPort(name))
}

function portUuid(replica: HostReplica, bridge: BridgeRow, name: string): string | undefined {
  return bridge.ports.find((uuid) => replica.table('Port').get(uuid)?.name === name)
}

function bridgeBack({ _uuid, other_config }: BridgeRow, before: BridgeBefore): Operation[] {
  const { fail_mode, protocols, datapath_type, controllers } = before
  const { 'disable-in-band': _, ...others } = other_config
  const inBand = before['disable-in-band']
  const names = controllers.map((_, i) => `controller${i}`)
  return [
    ...controllers.map((target, i) => insert('Controller', { target }, names[i] ?? '')),
    update('Bridge', _uuid, {
      ...{ fail_mode, protocols, controller: names },
      ...(datapath_type !== undefined && { datapath_type }),
      other_config: inBand === undefined ? others : { ...others, 'disable-in-band': inBand },
    }),
  ]
}

function vlanLimitBack({
  _uuid,
  external_ids,
}: {
  readonly _uuid: string
  readonly external_ids: Readonly<Record<string, string>>
}): Operation[] {
  const before = external_ids[was.vlanLimit]
  if (before === undefined) return []
  return [
    mutate('Open_vSwitch', _uuid, 'other_config', 'delete', ['vlan-limit']),
    ...(before === ''
      ? []
      : [mutate('Open_vSwitch', _uuid, 'other_config', 'insert', { 'vlan-limit': before })]),
    forget('Open_vSwitch', _uuid, was.vlanLimit),
  ]
}

function managersBack(replica: HostReplica): Operation[] {
  return [...replica.table('Manager').values()]
    .filter(({ external_ids }) => was.maxBackoff in external_ids)
    .flatMap(({ _uuid }) => [
      update('Manager', _uuid, { max_backoff: undefined }),
      forget('Manager', _uuid, was.maxBackoff),
    ])
}

const forget = (table: 'Bridge' | 'Open_vSwitch' | 'Manager', uuid: string, key: string) =>
  mutate(table, uuid, 'external_ids', 'delete', [key])
