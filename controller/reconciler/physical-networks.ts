/**
 * The physical networks that a host offers, and the patch ports that join their bridges to br-int. A host offers one by a
 * bridge that the model declares on it (`declared-bridges.ts`), or by a bridge of its own that it names in external_ids:
 * `weft-bridge-mappings=physnet:bridge,…`; of such a bridge nothing is touched but our patch port. Neighbour: `rows.ts`.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { patchOfport } from '../compiler/stages.ts'
import type { Bridge, PhysicalNetwork } from '../model/schema.ts'
import { byName, type HostReplica, INTEGRATION_BRIDGE } from './host-replica.ts'

/** external_ids key of a bridge that was made for a `bridge` object; its value is the object's uuid. */
export const OWNER = 'weft-bridge'
const MAPPINGS = 'weft-bridge-mappings'

/** Ends of a patch port: on br-int, and on the bridge of the physical network. */
const here = ({ number }: PhysicalNetwork): string => `weft-phy${number}`
const there = ({ number }: PhysicalNetwork): string => `weft-int${number}`
/** Whether a port of this name is ours, on whose bridge it may be. */
export const isPatchPort = (name: string): boolean => /^weft-(phy|int)\d+$/.test(name)

const { insert, update, mutate } = operations(openVSwitch)

/** A physical network and the bridge of the host that leads to it. */
export interface Offer {
  readonly physical: PhysicalNetwork
  readonly bridge: { readonly _uuid: string; readonly name: string }
}

export interface Offers {
  readonly offers: readonly Offer[]
  /** Physical networks that the host names a bridge of its own for which cannot lead there, and why. */
  readonly refused: ReadonlyMap<string, string>
}

/**
 * What the host offers of the physical networks that the model knows; a declared bridge goes before a mapping, and that
 * before those behind it. A bridge leads to one physical network: with two, tenants of both would be in one VLAN.
 */
export function offersOf(
  replica: HostReplica,
  declared: readonly Bridge[],
  physicalOf: (id: string) => PhysicalNetwork | undefined,
): Offers {
  const [root] = replica.table('Open_vSwitch').values()
  const integration = byName(replica.table('Bridge'), INTEGRATION_BRIDGE)
  const offers = new Map<string, Offer>()
  const refused = new Map<string, string>()
  /** Name of a bridge -> the physical network that it leads to, be it one that the model knows or not. */
  const leads = new Map<string, string>()
  const add = (id: string, name: string) => {
    const bridge = byName(replica.table('Bridge'), name)
    const taken = leads.get(name)
    if (taken === undefined) leads.set(name, id)
    const physical = physicalOf(id)
    if (!physical || offers.has(id)) return
    const [type, own] = [datapathOf(bridge), datapathOf(integration)]
    if (!integration) return
    if (!bridge) refused.set(id, `there is no ${name}`)
    else if (bridge === integration) refused.set(id, `${name} is of Weft itself`)
    else if (taken !== undefined && taken !== id)
      refused.set(id, `${name} leads to physical network ${taken}`)
    else if (type !== own)
      refused.set(id, `${name} has datapath_type ${type}, ${INTEGRATION_BRIDGE} has ${own}`)
    else {
      refused.delete(id)
      offers.set(id, { physical, bridge })
    }
  }
  for (const { id, uuid, physicalNetwork } of declared) {
    const bridge = byName(replica.table('Bridge'), id)
    if (physicalNetwork !== undefined && bridge?.external_ids[OWNER] === uuid)
      add(physicalNetwork, id)
  }
  for (const [id, bridge] of mappings(root)) add(id, bridge)
  return { offers: [...offers.values()], refused }
}

/** No frame crosses a patch port between datapaths of two types, and Open vSwitch says nothing of it. */
function datapathOf(bridge: { readonly datapath_type: string } | undefined): string | undefined {
  return bridge && (bridge.datapath_type || 'system')
}

/** What a host offers by bridges of its own: 'physnet:bridge,…' as pairs; what is no pair is left out. */
export function mappings(
  root: { readonly external_ids: Readonly<Record<string, string>> } | undefined,
): (readonly [physicalNetwork: string, bridge: string])[] {
  return (root?.external_ids[MAPPINGS] ?? '').split(',').flatMap((pair) => {
    const [physicalNetwork, bridge, ...rest] = pair.split(':').map((word) => word.trim())
    return physicalNetwork && bridge && rest.length === 0 ? [[physicalNetwork, bridge]] : []
  })
}

/** Whether the patch port is there under its number, by which flows name it. */
export function isJoined(replica: HostReplica, { physical }: Offer): boolean {
  const iface = byName(replica.table('Interface'), here(physical))
  return iface?.ofport === patchOfport(physical.number)
}

/** Makes the patch ports of what is offered, and takes away those of what is not any longer. */
export function patchPorts(replica: HostReplica, offers: readonly Offer[]): Operation[] {
  const integration = byName(replica.table('Bridge'), INTEGRATION_BRIDGE)
  if (!integration) return []
  const places = new Map<string, string>()
  const made: Operation[] = []
  for (const { physical, bridge } of offers) {
    const [near, far] = [here(physical), there(physical)]
    const external_ids = { 'weft-physical-network': physical.id }
    const common = { type: 'patch', external_ids }
    const ends = [
      [near, integration, { ofport_request: patchOfport(physical.number), options: { peer: far } }],
      [far, bridge, { options: { peer: near } }],
    ] as const
    for (const [name, on, row] of ends) {
      places.set(name, on._uuid)
      made.push(...onePort(replica, name, on._uuid, { ...common, ...row }))
    }
  }
  return [...strayPatchPorts(replica, places), ...made]
}

interface PatchRow {
  readonly type: string
  readonly external_ids: Readonly<Record<string, string>>
  readonly options: { readonly peer: string }
  readonly ofport_request?: number
}

function onePort(replica: HostReplica, name: string, bridge: string, row: PatchRow): Operation[] {
  const port = byName(replica.table('Port'), name)
  if (!port || !replica.table('Bridge').get(bridge)?.ports.includes(port._uuid)) {
    const id = name.replace('-', '_')
    return [
      insert('Interface', { name, ...row }, `${id}_interface`),
      insert('Port', { name, interfaces: [`${id}_interface`] }, id),
      mutate('Bridge', bridge, 'ports', 'insert', [id]),
    ]
  }
  const iface = byName(replica.table('Interface'), name)
  const isRight =
    iface?.type === row.type &&
    iface.options.peer === row.options.peer &&
    iface.external_ids['weft-physical-network'] === row.external_ids['weft-physical-network'] &&
    iface.ofport_request === row.ofport_request
  return iface && !isRight ? [update('Interface', iface._uuid, row)] : []
}

/** Patch ports of ours where they should not be. @param places name -> uuid of the bridge where it should */
export function strayPatchPorts(
  replica: HostReplica,
  places: ReadonlyMap<string, string>,
): Operation[] {
  return [...replica.table('Bridge').values()].flatMap(({ _uuid, ports }) => {
    const out = ports.filter((port) => {
      const name = replica.table('Port').get(port)?.name ?? ''
      return isPatchPort(name) && places.get(name) !== _uuid
    })
    return out.length > 0 ? [mutate('Bridge', _uuid, 'ports', 'delete', out)] : []
  })
}
