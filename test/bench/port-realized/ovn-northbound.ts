/**
 * OVN as its user has it: one connection to the northbound database. A change is committed together with the next
 * `nb_cfg`, and is on every host once `hv_cfg` has followed: what `ovn-nbctl --wait=hv` does, without a process for each.
 * A second connection watches the southbound database, where the acknowledgements of the hosts come in earlier.
 */
import { connect } from 'node:net'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { formatMac, parseMac } from '../../../southbound/wire/address.ts'
import type { OvnSite } from './ovn-site.ts'

/** A commit that has reached the hosts. */
export interface Committed {
  /** Of the rows that were inserted, by operation; '' for other operations. */
  readonly uuids: readonly string[]
  /** Milliseconds until both chassis acknowledged `nb_cfg` in the southbound database. */
  readonly acknowledgedMs: number
  /** Milliseconds until the client knows by `hv_cfg`. */
  readonly realizedMs: number
}

/** A logical port with its ACL, as operations that go into one commit. */
export interface PortOperations {
  readonly create: readonly Operation[]
  /** Takes the `uuids` of a commit of nothing but `create`. */
  remove(uuids: readonly string[]): readonly Operation[]
}

export interface Northbound {
  commit(changes: readonly Operation[]): Promise<Committed>
  /** The uuids of new logical switches. */
  addSwitches(count: number): Promise<string[]>
  /** Operations for port `id`, the `n`-th of all (1 to 65,534), which gives it its addresses. */
  port(switchUuid: string, id: string, n: number): PortOperations
  /** Resolves when so many ports are `up`: bound, and their flows installed. */
  portsUp(count: number): Promise<void>
  close(): void
}

/** Connects; `signal` ends everything that is under way, at any time. */
export async function openNorthbound(site: OvnSite, signal: AbortSignal): Promise<Northbound> {
  const nb = await OvsdbClient.open(connect(site.northbound), { signal })
  const sb = await OvsdbClient.open(connect(site.southbound), { signal })
  const schema = await nb.getSchema('OVN_Northbound', { signal })
  const { insert, mutate, update } = operations(schema)
  const globals = await nb.monitor(schema, { NB_Global: ['hv_cfg'] }, { signal })
  const southbound = await sb.getSchema('OVN_Southbound', { signal })
  const chassis = await sb.monitor(southbound, { Chassis_Private: ['nb_cfg'] }, { signal })
  let nbCfg = 0

  const commit = async (changes: readonly Operation[]): Promise<Committed> => {
    const wanted = ++nbCfg
    const reached = (rows: ReadonlyMap<string, object>, column: string): boolean =>
      [...rows.values()].every((row) => Reflect.get(row, column) >= wanted)
    const began = performance.now()
    const since = (): number => performance.now() - began
    const [acknowledgedMs, realizedMs, results] = await Promise.all([
      chassis
        .until(() => reached(chassis.table('Chassis_Private'), 'nb_cfg'), { signal })
        .then(since),
      globals.until(() => reached(globals.table('NB_Global'), 'hv_cfg'), { signal }).then(since),
      nb.transact(schema, [...changes, update('NB_Global', [], { nb_cfg: wanted })], { signal }),
    ])
    const uuids = changes.map((_, index) => results[index]?.uuid ?? '')
    return { uuids, acknowledgedMs, realizedMs }
  }

  return {
    commit,
    async addSwitches(count) {
      const rows = Array.from({ length: count }, (_, n) =>
        insert('Logical_Switch', { name: `n${n}` }),
      )
      return [...(await commit(rows)).uuids]
    },
    port(switchUuid, id, n) {
      const owner = `${formatMac(parseMac('02:00:00:00:00:00') + n)} 10.0.${n >> 8}.${n & 255}`
      const match = `outport == "${id}" && ip4.src == 10.0.0.0/16`
      const port = { name: id, addresses: [owner], port_security: [owner] }
      const acl = { direction: 'to-lport', priority: 1000, match, action: 'allow' }
      const change = (mutator: 'insert' | 'delete', ports: string[], acls: string[]) => [
        mutate('Logical_Switch', switchUuid, 'ports', mutator, ports),
        mutate('Logical_Switch', switchUuid, 'acls', mutator, acls),
      ]
      return {
        create: [
          insert('Logical_Switch_Port', port, `port${n}`),
          insert('ACL', acl, `acl${n}`),
          ...change('insert', [`port${n}`], [`acl${n}`]),
        ],
        remove: ([portUuid = '', aclUuid = '']) => change('delete', [portUuid], [aclUuid]),
      }
    },
    async portsUp(count) {
      const ports = await nb.monitor(schema, { Logical_Switch_Port: ['up'] }, { signal })
      const rows = ports.table('Logical_Switch_Port')
      const up = () => [...rows.values()].filter((row) => row.up === true).length
      await ports.until(() => up() === count, { signal })
      await ports.cancel({ signal })
    },
    close() {
      nb.close()
      sb.close()
    },
  }
}
