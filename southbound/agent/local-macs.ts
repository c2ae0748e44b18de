/**
 * Ucast_Macs_Local and Mcast_Macs_Local: what other VTEPs are to send here. Both tables are the
 * agent's: rows that nothing was seen for go. As ovs-vtep does, networks without a port here have
 * none: these rows would keep their Logical_Switch from being deleted. Guests may make MACs up: of a network so many are
 * told and no more, those that are told already first. Neighbour: report.ts.
 */
import { type Operation, operations } from '../ovsdb/operation.ts'
import { hardwareVtep } from '../ovsdb/schemas/hardware-vtep.ts'
import type { Report } from './backend.ts'
import type { Fault } from './fault.ts'
import type { Reading, Tables } from './rows.ts'

const { deleteRows, insert } = operations(hardwareVtep)
/** Of a network on this host: more guests than a host has. */
export const MOST_LOCAL_MACS = 2048
const ENCAPSULATION = 'vxlan_over_ipv4'

/** As many of what was seen as are told of each network, and the networks that have more. */
export function boundLocalMacs(
  table: Tables,
  { switches }: Reading,
  seen: Report['localMacs'],
): { readonly localMacs: Report['localMacs']; readonly faults: readonly Fault[] } {
  const groups = Map.groupBy(seen, ({ vni }) => vni)
  if (![...groups.values()].some(({ length }) => length > MOST_LOCAL_MACS))
    return { localMacs: seen, faults: [] }
  const told = new Set(
    [...table('Ucast_Macs_Local').values()].map((row) => `${row.logical_switch} ${row.MAC}`),
  )
  const faults: Fault[] = []
  const localMacs = [...groups].flatMap(([vni, of]) => {
    if (of.length <= MOST_LOCAL_MACS) return of
    const subject = { kind: 'network', vni } as const
    faults.push({ code: 'local_macs_overfull', subject, detail: `${MOST_LOCAL_MACS} are told` })
    const isTold = ({ mac }: { mac: string }) => told.has(`${switches.get(vni)} ${mac}`)
    return [...of.filter(isTold), ...of.filter((each) => !isTold(each))].slice(0, MOST_LOCAL_MACS)
  })
  return { localMacs, faults }
}

export function localMacOperations(
  table: Tables,
  { local, switches, desired }: Reading,
  report: Report,
): Operation[] {
  const ops: Operation[] = []
  const reachable = desired.networks.filter(
    ({ local, members }) => local !== undefined && members.length > 0,
  )
  const here = new Set(reachable.map(({ vni }) => vni))
  // The host was read after the rows: some may have gone since.
  const switchOf = (vni: number) => {
    const uuid = switches.get(vni)
    return uuid !== undefined && table('Logical_Switch').has(uuid) ? uuid : undefined
  }
  const wanted = new Map<string, { logical_switch: string; MAC: string }>()
  for (const { vni, mac } of report.localMacs) {
    const logical_switch = switchOf(vni)
    if (here.has(vni) && logical_switch !== undefined) {
      wanted.set(`${logical_switch} ${mac}`, { logical_switch, MAC: mac })
    }
  }
  const everywhere = new Map(
    reachable.flatMap(({ vni }) => {
      const logical_switch = switchOf(vni)
      if (logical_switch === undefined) return []
      const row = { logical_switch, MAC: 'unknown-dst' }
      return [[`${logical_switch} ${row.MAC}`, row] as const]
    }),
  )
  const address = (uuid: string) => table('Physical_Locator').get(uuid)?.dst_ip
  for (const row of table('Ucast_Macs_Local').values()) {
    const isRight = address(row.locator) === local
    if (!(isRight && wanted.delete(`${row.logical_switch} ${row.MAC}`))) {
      ops.push(deleteRows('Ucast_Macs_Local', row._uuid))
    }
  }
  for (const row of table('Mcast_Macs_Local').values()) {
    const locators = table('Physical_Locator_Set').get(row.locator_set)?.locators ?? []
    const isRight = locators.length === 1 && address(locators[0] ?? '') === local
    if (!(isRight && everywhere.delete(`${row.logical_switch} ${row.MAC}`))) {
      ops.push(deleteRows('Mcast_Macs_Local', row._uuid))
    }
  }
  if (local === undefined || wanted.size + everywhere.size === 0) return ops
  const own = [...table('Physical_Locator').values()].find(
    ({ dst_ip, tunnel_key }) => dst_ip === local && tunnel_key === undefined,
  )
  const locator = own?._uuid ?? 'own_locator'
  if (!own) {
    const row = { encapsulation_type: ENCAPSULATION, dst_ip: local } as const
    ops.push(insert('Physical_Locator', row, locator))
  }
  for (const row of wanted.values()) {
    ops.push(insert('Ucast_Macs_Local', { ...row, locator, ipaddr: '' }))
  }
  if (everywhere.size > 0) {
    ops.push(insert('Physical_Locator_Set', { locators: [locator] }, 'own_set'))
  }
  for (const row of everywhere.values()) {
    ops.push(insert('Mcast_Macs_Local', { ...row, locator_set: 'own_set', ipaddr: '' }))
  }
  return ops
}
