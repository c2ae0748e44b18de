/**
 * Rows of hardware_vtep -> what this host should do: a pure function of the tables. What a row asks for
 * and nobody could do becomes a fault of that row; the others are realized all the same.
 * Neighbours: desired.ts is what comes out, agent.ts calls.
 */
import { BlockList, isIP, SocketAddress } from 'node:net'
import type { HardwareVtep, VtepRow } from '../ovsdb/schemas/hardware-vtep.ts'
import type { ServerRow } from '../ovsdb/server.ts'
import {
  type AclEntry,
  type Desired,
  MAX_VNI,
  type Member,
  type Network,
  type RemoteMac,
} from './desired.ts'
import type { Fault, FaultCode } from './fault.ts'
import { keys } from './other-config.ts'
import { bridgesOf } from './physical-bridge.ts'

type Table = keyof HardwareVtep['tables'] & string

/** As `OvsdbServer.table`. */
export type Tables = <T extends Table>(name: T) => ReadonlyMap<string, ServerRow<HardwareVtep, T>>

export interface Reading {
  readonly desired: Desired
  readonly faults: readonly Fault[]
  /** The address of our VTEP. */
  readonly local: string | undefined
  /** The Logical_Switch of each VNI, by uuid. */
  readonly switches: ReadonlyMap<number, string>
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/
const UNKNOWN_DST = 'unknown-dst'
/** Numbers of networks without VXLAN: with MAX_VNI they still fit a name and a MAC of ours. */
const MAX_NUMBER = 2 ** 21 - 1
/** Unspecified, loopback, group and broadcast addresses: no VTEP has them. */
const NO_VTEP = { 4: new BlockList(), 6: new BlockList() } as const
NO_VTEP[4].addSubnet('0.0.0.0', 8)
NO_VTEP[4].addSubnet('127.0.0.0', 8)
NO_VTEP[4].addSubnet('224.0.0.0', 4)
NO_VTEP[4].addAddress('255.255.255.255')
// A list of its own: an IPv4 address counts as one of ::/8 (::ffff:0:0/96).
NO_VTEP[6].addSubnet('::', 8, 'ipv6')
NO_VTEP[6].addSubnet('fe80::', 10, 'ipv6')
NO_VTEP[6].addSubnet('ff00::', 8, 'ipv6')
const RESERVED_VID = 4095

/** @param name of the Physical_Switch that is this host */
export function readRows(table: Tables, name: string): Reading {
  const faults: Fault[] = []
  const host = [...table('Physical_Switch').values()].find((row) => row.name === name)
  const local = (host?.tunnel_ips ?? []).flatMap((ip) => vtepOf(ip) ?? []).sort()[0]
  if (local === undefined) {
    const detail = host?.tunnel_ips.join(' ') ?? ''
    faults.push({ code: 'vtep_address_missing', subject: { kind: 'host' }, detail })
  }
  const networks: Network[] = []
  const members = membersOf(table, host?.ports ?? [], faults)
  const macs = grouped(table('Ucast_Macs_Remote').values())
  const groups = grouped(table('Mcast_Macs_Remote').values())
  const switches = new Map<number, string>()
  for (const row of sorted(table('Logical_Switch').values(), ({ _uuid }) => _uuid)) {
    const subject = { kind: 'network', uuid: row._uuid } as const
    const fault = (code: FaultCode, detail = '') => void faults.push({ code, subject, detail })
    const vni = numberOf(row, fault)
    if (vni === undefined) continue
    if (switches.has(vni)) fault('tunnel_key_taken', `${vni}`)
    else {
      switches.set(vni, row._uuid)
      const hasTunnel = vni <= MAX_VNI
      const locate = locator(table, hasTunnel ? local : undefined, vni, fault)
      const config = row.other_config
      if (row.replication_mode === 'service_node') fault('service_node_unsupported')
      const groupMacs = multicast(table, groups.get(row._uuid) ?? [], locate, fault)
      networks.push({
        vni,
        local: hasTunnel ? local : undefined,
        mtuBytes: mtuOf(config[keys.mtu], fault),
        flood: groupMacs.find(({ mac }) => mac === UNKNOWN_DST)?.vteps ?? [],
        floodsUnknown: config[keys.unknownUnicast] !== 'drop',
        vlanTransparent: transparencyOf(config[keys.vlanTransparent]),
        macs: sorted(
          [
            ...unicast(macs.get(row._uuid) ?? [], locate, fault),
            ...groupMacs.filter(({ mac }) => mac !== UNKNOWN_DST),
          ],
          ({ mac }) => mac,
        ),
        members: members.get(row._uuid) ?? [],
      })
    }
  }
  const { bridges, wrong } = bridgesOf(host?.other_config ?? {})
  for (const [name, detail] of wrong)
    faults.push({ code: 'bridge_invalid', subject: { kind: 'bridge', name }, detail })
  return { desired: { networks, bridges }, faults, local, switches }
}

function numberOf(
  { tunnel_key, other_config }: VtepRow<'Logical_Switch'>,
  fault: Report,
): number | undefined {
  const number = other_config[keys.number]
  if (tunnel_key !== undefined) {
    if (tunnel_key >= 1 && tunnel_key <= MAX_VNI) return tunnel_key
    return void fault('tunnel_key_invalid', `${tunnel_key}`)
  }
  if (number === undefined) return void fault('tunnel_key_missing')
  if (/^[1-9]\d{0,6}$/.test(number) && Number(number) <= MAX_NUMBER) return MAX_VNI + Number(number)
  return void fault('number_invalid', number)
}

type Report = (code: FaultCode, detail?: string) => void
/** The address of a VTEP; undefined: this host, or none that can be used. */
type Locate = (uuid: string) => string | undefined

function locator(table: Tables, local: string | undefined, vni: number, fault: Report): Locate {
  return (uuid) => {
    const row = table('Physical_Locator').get(uuid)
    if (!row || local === undefined) return undefined
    const ip = vtepOf(row.dst_ip)
    if (ip === local) return undefined
    if (row.tunnel_key !== undefined && row.tunnel_key !== vni) {
      return void fault('locator_key_unsupported', `${row.dst_ip} ${row.tunnel_key}`)
    }
    if (ip === undefined || isIP(ip) !== isIP(local)) {
      return void fault('locator_invalid', row.dst_ip)
    }
    return ip
  }
}

/** As a kernel prints it, so that what was written is found again; undefined: no address, or one with a zone. */
function canonical(text: string): string | undefined {
  const family = isIP(text)
  if (family === 0 || text.includes('%')) return undefined
  return family === 4 ? text : new SocketAddress({ address: text, family: 'ipv6' }).address
}

function vtepOf(text: string): string | undefined {
  const ip = canonical(text)
  if (ip === undefined) return undefined
  const refused = isIP(ip) === 4 ? NO_VTEP[4].check(ip) : NO_VTEP[6].check(ip, 'ipv6')
  return refused ? undefined : ip
}

function unicast(
  rows: readonly VtepRow<'Ucast_Macs_Remote'>[],
  locate: Locate,
  fault: Report,
): RemoteMac[] {
  const found = new Map<string, { vteps: Set<string>; addresses: Set<string> }>()
  for (const row of rows) {
    const mac = row.MAC.toLowerCase()
    if (!MAC.test(mac)) fault('mac_invalid', row.MAC)
    const vtep = MAC.test(mac) ? locate(row.locator) : undefined
    if (vtep === undefined) continue
    const entry = found.get(mac) ?? { vteps: new Set(), addresses: new Set() }
    found.set(mac, entry)
    entry.vteps.add(vtep)
    const address = canonical(row.ipaddr)
    if (address !== undefined) entry.addresses.add(address)
    else if (row.ipaddr !== '') fault('address_invalid', row.ipaddr)
  }
  return [...found].map(([mac, { vteps, addresses }]) => {
    const [first = '', second] = [...vteps].sort()
    if (second !== undefined) fault('locator_conflict', `${mac} ${first} ${second}`)
    return { mac, vteps: [first], addresses: [...addresses].sort() }
  })
}

function multicast(
  table: Tables,
  rows: readonly VtepRow<'Mcast_Macs_Remote'>[],
  locate: Locate,
  fault: Report,
): RemoteMac[] {
  const found = new Map<string, Set<string>>()
  for (const row of rows) {
    const mac = row.MAC.toLowerCase()
    if (mac !== UNKNOWN_DST && !MAC.test(mac)) {
      fault('mac_invalid', row.MAC)
      continue
    }
    const vteps = found.get(mac) ?? new Set()
    found.set(mac, vteps)
    for (const uuid of table('Physical_Locator_Set').get(row.locator_set)?.locators ?? []) {
      const vtep = locate(uuid)
      if (vtep !== undefined) vteps.add(vtep)
    }
  }
  return [...found].map(([mac, vteps]) => ({ mac, vteps: [...vteps].sort(), addresses: [] }))
}

/** Of each Logical_Switch, by uuid. */
function membersOf(
  table: Tables,
  ports: readonly string[],
  faults: Fault[],
): ReadonlyMap<string, Member[]> {
  const found = new Map<string, Member[]>()
  const rows = ports.flatMap((uuid) => table('Physical_Port').get(uuid) ?? [])
  for (const row of sorted(rows, ({ name }) => name)) {
    const fault = (code: FaultCode, detail: string) =>
      void faults.push({ code, subject: { kind: 'port', name: row.name }, detail })
    for (const vid of Object.keys(row.acl_bindings)) {
      if (row.vlan_bindings[vid] === undefined) fault('acl_unbound', vid)
    }
    for (const [key, network] of Object.entries(row.vlan_bindings)) {
      const vid = Number(key)
      if (vid === RESERVED_VID) {
        fault('vlan_invalid', key)
        continue
      }
      const acl = aclOf(table, row.acl_bindings[key])
      found.set(network, [...(found.get(network) ?? []), { interface: row.name, vid, acl }])
    }
  }
  return found
}

function aclOf(table: Tables, uuid: string | undefined): AclEntry[] {
  const entries = table('ACL').get(uuid ?? '')?.acl_entries ?? []
  const rows = entries.flatMap((entry) => table('ACL_entry').get(entry) ?? [])
  return rows
    .map(({ _uuid, _version, acle_fault_status, ...row }) => ({ ...row, uuid: _uuid }))
    .sort((a, b) => a.sequence - b.sequence || (a.uuid < b.uuid ? -1 : 1))
}

function transparencyOf(text: string | undefined): boolean | 'qinq' {
  return text === 'qinq' ? text : text === 'true'
}

function mtuOf(text: string | undefined, fault: Report): number | undefined {
  if (text === undefined) return undefined
  const bytes = Number(text)
  if (/^\d+$/.test(text) && bytes >= 68 && bytes <= 65_535) return bytes
  return void fault('mtu_invalid', text)
}

function grouped<R extends { readonly logical_switch: string }>(
  rows: Iterable<R>,
): ReadonlyMap<string, R[]> {
  const found = new Map<string, R[]>()
  for (const row of rows) {
    const group = found.get(row.logical_switch)
    if (group) group.push(row)
    else found.set(row.logical_switch, [row])
  }
  return found
}

function sorted<R>(rows: Iterable<R>, key: (row: R) => string): R[] {
  return [...rows].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
}
