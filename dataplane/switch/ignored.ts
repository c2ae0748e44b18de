/**
 * What the database takes and this switch does not do, said once per kind in the log, so that nobody
 * waits for it. Neighbours: switch.ts.
 */
import type { openVSwitch, RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import type { SwitchLog } from './bridge.ts'

type Database = OvsdbServer<typeof openVSwitch>
/** A kind, and whether the database has some of it. */
type Ignored = readonly [what: string, isThere: (database: Database) => boolean]

const some =
  <T extends 'Bridge' | 'Port' | 'Interface' | 'Controller' | 'SSL'>(
    table: T,
    test: (row: RowOf<T>) => boolean,
  ): Ignored[1] =>
  (database) =>
    [...database.table(table).values()].some((row) => test(row as RowOf<T>))

/** dataplane/README.md has this table, held by a test. */
export const ignored: readonly Ignored[] = [
  ['Mirror rows', (database) => database.table('Mirror').size > 0],
  ['NetFlow rows', (database) => database.table('NetFlow').size > 0],
  ['sFlow rows', (database) => database.table('sFlow').size > 0],
  ['IPFIX rows', (database) => database.table('IPFIX').size > 0],
  ['Flow_Table rows', (database) => database.table('Flow_Table').size > 0],
  ['AutoAttach rows', (database) => database.table('AutoAttach').size > 0],
  ['Bridge.stp_enable and rstp_enable', some('Bridge', (row) => row.stp_enable || row.rstp_enable)],
  ['Bridge.mcast_snooping_enable', some('Bridge', (row) => row.mcast_snooping_enable)],
  [
    'Port.tag, trunks and vlan_mode: NORMAL forwards by the tag of the frame',
    some(
      'Port',
      (row) => row.tag !== undefined || row.trunks.length > 0 || row.vlan_mode !== undefined,
    ),
  ],
  [
    'Port.lacp, and Port.bond_mode but active-backup: a bond is active-backup',
    some(
      'Port',
      ({ interfaces, lacp = 'off', bond_mode = 'active-backup' }) =>
        interfaces.length > 1 && (lacp !== 'off' || bond_mode !== 'active-backup'),
    ),
  ],
  ['Interface.bfd', some('Interface', (row) => row.bfd.enable === 'true')],
  ['Interface.cfm_mpid', some('Interface', (row) => row.cfm_mpid !== undefined)],
  ['Interface.lldp', some('Interface', (row) => row.lldp.enable === 'true')],
  [
    'Interface.ingress_policing_rate',
    some('Interface', (row) => row.ingress_policing_rate + row.ingress_policing_kpkts_rate > 0),
  ],
  [
    'Controller.connection_mode in-band: controllers are reached outside of bridges',
    some('Controller', (row) => row.connection_mode === 'in-band'),
  ],
  ['SSL.bootstrap_ca_cert', some('SSL', (row) => row.bootstrap_ca_cert)],
]

/** Returns what warns of each kind when it first appears. */
export function warnOfIgnored(database: Database, log: SwitchLog): () => void {
  const left = new Set(ignored)
  return () => {
    for (const one of left) {
      if (!one[1](database)) continue
      left.delete(one)
      log.warn({ ignored: one[0] }, 'accepted, and without effect in this switch')
    }
  }
}
