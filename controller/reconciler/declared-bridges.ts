/**
 * The bridges that the model declares on a host (`bridge` objects), as operations: made when absent, uplinks, their VLANs
 * and MTU kept, removed with their object. Ours carry the object's uuid; a bridge of the same name without it is the host's own and is
 * left alone. Neighbour: `rows.ts`.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { Bridge } from '../model/schema.ts'
import { type VidList, vidRanges } from '../model/vids.ts'
import { byName, type HostReplica } from './host-replica.ts'
import { isPatchPort, OWNER } from './physical-networks.ts'

const { insert, update, mutate } = operations(openVSwitch)

/** What makes the host's bridges those of the model. @param root uuid of the Open_vSwitch row */
export function declaredBridges(
  replica: HostReplica,
  root: string,
  declared: readonly Bridge[],
): Operation[] {
  const wanted = new Set(declared.map(({ uuid }) => uuid))
  const gone = [...replica.table('Bridge').values()].filter(({ external_ids }) => {
    const owner = external_ids[OWNER]
    return owner !== undefined && !wanted.has(owner)
  })
  const removal = gone.map(({ _uuid }) =>
    mutate('Open_vSwitch', root, 'bridges', 'delete', [_uuid]),
  )
  return [
    ...removal,
    ...declared.flatMap((bridge, i) => oneBridge(replica, root, bridge, `bridge${i}`)),
  ]
}

/** Names of declared bridges that exist on the host and are not ours. */
export function foreignBridges(replica: HostReplica, declared: readonly Bridge[]): string[] {
  return declared
    .filter(({ id, uuid }) => {
      const bridge = byName(replica.table('Bridge'), id)
      return bridge !== undefined && bridge.external_ids[OWNER] !== uuid
    })
    .map(({ id }) => id)
}

/** @param prefix of uuid-names, which one transaction may use once each */
function oneBridge(
  replica: HostReplica,
  root: string,
  declared: Bridge,
  prefix: string,
): Operation[] {
  const { id: name, uuid, uplinks, mtuBytes, vids } = declared
  const trunks = vids ? trunksOf(vids) : []
  const bridge = byName(replica.table('Bridge'), name)
  if (bridge && bridge.external_ids[OWNER] !== uuid) return []
  const ports = new Map<string, string>()
  for (const port of bridge?.ports ?? [])
    ports.set(replica.table('Port').get(port)?.name ?? '', port)
  const mtu = mtuBytes === undefined ? {} : { mtu_request: mtuBytes }

  const missing = (bridge ? uplinks : [name, ...uplinks]).filter((port) => !ports.has(port))
  const made = missing.flatMap((port, i) => [
    insert(
      'Interface',
      { name: port, ...(port === name ? { type: 'internal' } : {}), ...mtu },
      `${prefix}_interface${i}`,
    ),
    insert(
      'Port',
      {
        name: port,
        interfaces: [`${prefix}_interface${i}`],
        ...(port === name ? {} : { trunks }),
      },
      `${prefix}_port${i}`,
    ),
  ])
  const madePorts = missing.map((_, i) => `${prefix}_port${i}`)
  if (!bridge) {
    const [system] = replica.table('Open_vSwitch').values()
    const row = {
      name,
      datapath_type: system?.external_ids['weft-datapath-type'] ?? '',
      ports: madePorts,
      external_ids: { [OWNER]: uuid },
      other_config: { 'disable-in-band': 'true' },
    }
    return [
      ...made,
      insert('Bridge', row, prefix),
      mutate('Open_vSwitch', root, 'bridges', 'insert', [prefix]),
    ]
  }
  const surplus = [...ports]
    .filter(([port]) => port !== name && !uplinks.includes(port) && !isPatchPort(port))
    .map(([, port]) => port)
  const resized = [name, ...uplinks].flatMap((port) => {
    const iface = ports.has(port) ? byName(replica.table('Interface'), port) : undefined
    return iface && iface.mtu_request !== mtuBytes
      ? [update('Interface', iface._uuid, { mtu_request: mtuBytes })]
      : []
  })
  const retrunked = uplinks.flatMap((uplink) => {
    const port = replica.table('Port').get(ports.get(uplink) ?? '')
    const is = port && [...port.trunks].sort((a, b) => a - b)
    return is && is.join() !== trunks.join() ? [update('Port', port._uuid, { trunks })] : []
  })
  return [
    ...made,
    ...(madePorts.length ? [mutate('Bridge', bridge._uuid, 'ports', 'insert', madePorts)] : []),
    ...(surplus.length ? [mutate('Bridge', bridge._uuid, 'ports', 'delete', surplus)] : []),
    ...resized,
    ...retrunked,
  ]
}

/** As Port.trunks, in ascending order; VID 0 is what is untagged, which an uplink carries also. */
function trunksOf(vids: VidList): number[] {
  const ranges = vidRanges(vids).map(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  )
  return [0, ...ranges.flat()]
}
