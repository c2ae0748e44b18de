/**
 * Remote MACs and flood lists of the Logical_Switches that are ours, with the locators they need. A locator is made when
 * nobody has it yet and goes by itself with its last reference. Part of `difference.ts`.
 */
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import type { RemoteMacRow } from '../../compiler/rows.ts'
import { rowItemId } from '../../compiler/rows.ts'
import type { Draft } from './difference.ts'

const { insert, update, deleteRows } = operations(hardwareVtep)

const UNKNOWN_DST = 'unknown-dst'
/** The only value that the schema has, for VTEPs on IPv6 too. */
const ENCAPSULATION = 'vxlan_over_ipv4'

export function macOperations(draft: Draft): void {
  const locators = locatorsOf(draft)
  remoteMacs(draft, locators)
  floods(draft, locators)
}

interface Locators {
  addressOf(uuid: string): string | undefined
  /** The locator of an address; when nobody has it, `made` gets the operation that makes it. */
  ref(address: string, made: Operation[]): string
}

function locatorsOf({ replica }: Draft): Locators {
  const refs = new Map<string, string>()
  for (const { _uuid, dst_ip, tunnel_key } of replica.table('Physical_Locator').values())
    if (tunnel_key === undefined) refs.set(dst_ip, _uuid)
  let count = 0
  return {
    addressOf(uuid) {
      const row = replica.table('Physical_Locator').get(uuid)
      return row?.tunnel_key === undefined ? row?.dst_ip : undefined
    },
    ref(address, made) {
      const known = refs.get(address)
      if (known !== undefined) return known
      const uuidName = `locator_${count++}`
      refs.set(address, uuidName)
      const values = { encapsulation_type: ENCAPSULATION, dst_ip: address } as const
      made.push(insert('Physical_Locator', values, uuidName))
      return uuidName
    },
  }
}

function remoteMacs(draft: Draft, locators: Locators): void {
  const { replica, change, switchRef, ourSwitch } = draft
  const actual = new Map<string, string[]>()
  for (const { _uuid, MAC, ipaddr, logical_switch } of replica
    .table('Ucast_Macs_Remote')
    .values()) {
    const name = ourSwitch(logical_switch)
    if (name === undefined) continue
    const id = rowItemId(remoteMac(name, MAC, ipaddr))
    const rows = actual.get(id) ?? []
    if (rows.push(_uuid) === 1) actual.set(id, rows)
  }
  for (const { item, row } of draft.wanted('Ucast_Macs_Remote')) {
    const { mac, address, vtep, logicalSwitch } = row
    const uuids = actual.get(item.id) ?? []
    actual.delete(item.id)
    const table = replica.table('Ucast_Macs_Remote')
    const right = uuids.find((uuid) => locators.addressOf(table.get(uuid)?.locator ?? '') === vtep)
    const keep = right ?? uuids[0]
    const made: Operation[] = []
    const name = `remote MAC ${mac} ${address}`.trim()
    if (keep === undefined) {
      const locator = locators.ref(vtep, made)
      const logical_switch = switchRef(logicalSwitch)
      const values = { MAC: mac, ipaddr: address, logical_switch, locator }
      const text = `${name} of ${logicalSwitch} was missing`
      change({ row, item, text }, ...made, insert('Ucast_Macs_Remote', values))
    } else if (right === undefined) {
      const locator = locators.ref(vtep, made)
      const text = `${name} of ${logicalSwitch} was behind another VTEP than ${vtep}`
      change({ row, item, text }, ...made, update('Ucast_Macs_Remote', keep, { locator }))
    }
    const surplus = uuids.filter((uuid) => uuid !== keep)
    if (surplus.length === 0) continue
    const text = `${name} of ${logicalSwitch} was there more than once`
    change({ row, item, text }, ...surplus.map((uuid) => deleteRows('Ucast_Macs_Remote', uuid)))
  }
  for (const uuids of actual.values()) {
    for (const uuid of uuids) {
      const row = replica.table('Ucast_Macs_Remote').get(uuid)
      const name = ourSwitch(row?.logical_switch) ?? ''
      const known = remoteMac(name, row?.MAC ?? '', row?.ipaddr ?? '')
      const text = `remote MAC ${known.mac} ${known.address} of ${name} was there for no port`
      change({ row: known, text }, deleteRows('Ucast_Macs_Remote', uuid))
    }
  }
}

function floods(draft: Draft, locators: Locators): void {
  const { replica, change, switchRef, ourSwitch } = draft
  const actual = new Map<string, string>()
  for (const row of replica.table('Mcast_Macs_Remote').values()) {
    const { _uuid, MAC, logical_switch } = row
    const name = ourSwitch(logical_switch)
    if (name === undefined) continue
    if (MAC === UNKNOWN_DST && !actual.has(name)) actual.set(name, _uuid)
    else {
      const known = { table: 'Mcast_Macs_Remote', logicalSwitch: name, vteps: [] } as const
      const text = `group MAC ${MAC} of ${name} was there unasked`
      change({ row: known, text }, deleteRows('Mcast_Macs_Remote', _uuid))
    }
  }
  const addresses = (set: string) =>
    (replica.table('Physical_Locator_Set').get(set)?.locators ?? [])
      .map((uuid) => locators.addressOf(uuid) ?? '?')
      .sort()
      .join()
  let count = 0
  for (const { item, row } of draft.wanted('Mcast_Macs_Remote')) {
    const { logicalSwitch, vteps } = row
    const uuid = actual.get(logicalSwitch)
    actual.delete(logicalSwitch)
    const now = replica.table('Mcast_Macs_Remote').get(uuid ?? '')
    if (now && addresses(now.locator_set) === [...vteps].sort().join()) continue
    const made: Operation[] = []
    const members = vteps.map((vtep) => locators.ref(vtep, made))
    const locator_set = `set_${count++}`
    made.push(insert('Physical_Locator_Set', { locators: members }, locator_set))
    const values = { MAC: UNKNOWN_DST, logical_switch: switchRef(logicalSwitch), locator_set }
    const text = `flood list of ${logicalSwitch} was ${now ? 'another one' : 'missing'}`
    change(
      { row, item, text },
      ...made,
      now
        ? update('Mcast_Macs_Remote', now._uuid, { locator_set })
        : insert('Mcast_Macs_Remote', { ...values, ipaddr: '' }),
    )
  }
  for (const [logicalSwitch, uuid] of actual) {
    const row = { table: 'Mcast_Macs_Remote', logicalSwitch, vteps: [] } as const
    const text = `flood list of ${logicalSwitch} was there for no other VTEP`
    change({ row, text }, deleteRows('Mcast_Macs_Remote', uuid))
  }
}

function remoteMac(logicalSwitch: string, mac: string, address: string): RemoteMacRow {
  return { table: 'Ucast_Macs_Remote', logicalSwitch, mac, address, vtep: '' }
}
