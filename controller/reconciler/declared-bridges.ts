/**
 * The bridges that the model declares on a host (`bridge` objects), as operations: made when absent, uplinks, their VLANs
 * and MTU kept, removed with their object. Ours carry the object's uuid; a bridge of the same name without it is the host's own and is
 * left alone, and so is an uplink that another bridge has. Several uplinks are one bond of which one carries frames at a
 * time: as ports of their own they would be a loop. Neighbours: `bridge-keeper.ts` sends these, `rows.ts` has the rest.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { Bridge } from '../model/schema.ts'
import { type VidList, vidRanges } from '../model/vids.ts'
import { type BridgeRow, byName, datapathType, type HostReplica } from './host-replica.ts'
import { isPatchPort, OWNER } from './physical-networks.ts'

const { insert, update, mutate } = operations(openVSwitch)

/** What is to be done for one bridge, in a transaction of its own. */
export interface BridgePlan {
  readonly name: string
  /** Empty: the rows are as they should be, as far as they can be. */
  readonly operations: readonly Operation[]
  /** Why it is not what was declared, as in a status; of a bridge that is there and not ours, nothing else is done. */
  readonly fault?: string
  /** What it waits for: an uplink that another bridge of ours gives up first. */
  readonly awaits?: string
}

/** Of each declared bridge what makes the host's bridge that. @param root uuid of the Open_vSwitch row */
export function bridgePlans(
  replica: HostReplica,
  root: string,
  declared: readonly Bridge[],
): BridgePlan[] {
  return declared.map((bridge) => {
    const row = byName(replica.table('Bridge'), bridge.id)
    if (row && row.external_ids[OWNER] !== bridge.uuid)
      return { name: bridge.id, operations: [], fault: 'it exists and is not ours' }
    return planOf(replica, root, bridge, row)
  })
}

/** Takes away the bridges of ours whose objects are gone. */
export function removedBridges(
  replica: HostReplica,
  root: string,
  declared: readonly Bridge[],
): Operation[] {
  const wanted = new Set(declared.map(({ uuid }) => uuid))
  return [...replica.table('Bridge').values()].flatMap(({ _uuid, external_ids }) => {
    const owner = external_ids[OWNER]
    if (owner === undefined || wanted.has(owner)) return []
    return [mutate('Open_vSwitch', root, 'bridges', 'delete', [_uuid])]
  })
}

function planOf(
  replica: HostReplica,
  root: string,
  { id: name, uuid, uplinks, mtuBytes, vids }: Bridge,
  bridge: BridgeRow | undefined,
): BridgePlan {
  const free: string[] = []
  const faults: string[] = []
  let awaits: string | undefined
  for (const uplink of uplinks) {
    const holder = holderOf(replica, uplink)
    if (!holder || holder === bridge) free.push(uplink)
    else if (OWNER in holder.external_ids) awaits = `${uplink} is on ${holder.name} still`
    else faults.push(`uplink_taken: ${holder.name}${uplinks.length > 1 ? ` (${uplink})` : ''}`)
  }
  for (const device of [name, ...free]) {
    const error = byName(replica.table('Interface'), device)?.error
    if (error) faults.push(error)
  }
  const own = { name, interfaces: [name], trunks: [] }
  const wanted = [own, ...uplinkPort(name, free, vids ? trunksOf(vids) : [])]
  const ports = keepPorts(replica, bridge, wanted, mtuBytes)
  return {
    name,
    operations: bridge
      ? [...ports.operations, ...members(bridge, ports)]
      : [
          ...ports.operations,
          insert('Bridge', newBridge(replica, name, uuid, ports.made), 'bridge'),
          mutate('Open_vSwitch', root, 'bridges', 'insert', ['bridge']),
        ],
    ...(faults.length > 0 && { fault: faults.join(', ') }),
    ...(awaits !== undefined && { awaits }),
  }
}

/** A port as it should be: the local one, or that of the uplinks. */
interface WantedPort {
  readonly name: string
  readonly interfaces: readonly string[]
  readonly trunks: readonly number[]
}

const BOND = { bond_mode: 'active-backup' } as const

function uplinkPort(bridge: string, uplinks: readonly string[], trunks: number[]): WantedPort[] {
  const [only] = uplinks
  if (only === undefined) return []
  return [{ name: uplinks.length > 1 ? `weft-bond-${bridge}` : only, interfaces: uplinks, trunks }]
}

interface KeptPorts {
  readonly operations: readonly Operation[]
  /** uuid-names of new ports. */
  readonly made: readonly string[]
  readonly surplus: readonly string[]
}

/** Ports and interfaces; which the bridge has is for the caller to write. */
function keepPorts(
  replica: HostReplica,
  bridge: BridgeRow | undefined,
  wanted: readonly WantedPort[],
  mtuBytes: number | undefined,
): KeptPorts {
  const operations: Operation[] = []
  const made: string[] = []
  const kept = new Set<string>()
  for (const [at, { name, interfaces, trunks }] of wanted.entries()) {
    const uuid = bridge?.ports.find((each) => replica.table('Port').get(each)?.name === name)
    const port = uuid === undefined ? undefined : replica.table('Port').get(uuid)
    const has = new Map<string, string>()
    for (const each of port?.interfaces ?? [])
      has.set(replica.table('Interface').get(each)?.name ?? '', each)
    const members = interfaces.map((device, i) => {
      const row = has.get(device)
      if (row !== undefined) {
        if (replica.table('Interface').get(row)?.mtu_request !== mtuBytes)
          operations.push(update('Interface', row, { mtu_request: mtuBytes }))
        return row
      }
      const id = `interface${at}_${i}`
      const type = at === 0 ? { type: 'internal' } : {}
      const mtu = mtuBytes === undefined ? {} : { mtu_request: mtuBytes }
      operations.push(insert('Interface', { name: device, ...type, ...mtu }, id))
      return id
    })
    const bond = interfaces.length > 1 ? BOND : {}
    if (!port || uuid === undefined) {
      operations.push(insert('Port', { name, interfaces: members, trunks, ...bond }, `port${at}`))
      made.push(`port${at}`)
      continue
    }
    kept.add(uuid)
    if (!sameSet(port.interfaces, members))
      operations.push(update('Port', uuid, { interfaces: members }))
    if (!sameSet(port.trunks, trunks)) operations.push(update('Port', uuid, { trunks }))
    if (interfaces.length > 1 && port.bond_mode !== BOND.bond_mode)
      operations.push(update('Port', uuid, BOND))
  }
  const surplus = (bridge?.ports ?? []).filter(
    (uuid) => !kept.has(uuid) && !isPatchPort(replica.table('Port').get(uuid)?.name ?? ''),
  )
  return { operations, made, surplus }
}

function members({ _uuid }: BridgeRow, { made, surplus }: KeptPorts): Operation[] {
  return [
    ...(surplus.length ? [mutate('Bridge', _uuid, 'ports', 'delete', [...surplus])] : []),
    ...(made.length ? [mutate('Bridge', _uuid, 'ports', 'insert', [...made])] : []),
  ]
}

function newBridge(replica: HostReplica, name: string, uuid: string, ports: readonly string[]) {
  return {
    name,
    datapath_type: datapathType(replica),
    ports: [...ports],
    external_ids: { [OWNER]: uuid },
    other_config: { 'disable-in-band': 'true' },
  }
}

/** The bridge that has this interface, or a port or a bridge of its name. */
function holderOf(replica: HostReplica, device: string): BridgeRow | undefined {
  for (const bridge of replica.table('Bridge').values()) {
    for (const uuid of bridge.ports) {
      const port = replica.table('Port').get(uuid)
      const isOn = port?.interfaces.some(
        (each) => replica.table('Interface').get(each)?.name === device,
      )
      if (isOn || port?.name === device) return bridge
    }
  }
  return undefined
}

const sameSet = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((each) => b.includes(each))

/** As Port.trunks, in ascending order; VID 0 is what is untagged, which an uplink carries also. */
function trunksOf(vids: VidList): number[] {
  const ranges = vidRanges(vids).map(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  )
  return [0, ...ranges.flat()]
}
