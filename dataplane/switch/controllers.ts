/**
 * The Controller rows of one bridge kept real: a connection for each, primary ones (those that are
 * dialled, unless `type` says otherwise) and service ones (those that dial in, and BRIDGE.mgmt).
 * Neighbours: southbound/wire/remote.ts keeps the connections, fail-mode.ts is told of them,
 * openflow/agent.ts speaks.
 */
import type { Duplex } from 'node:stream'
import { Connection } from '../../southbound/openflow/connection.ts'
import type { openVSwitch, RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import type { Served } from '../../southbound/wire/dialer.ts'
import { OPENFLOW_PORT } from '../../southbound/wire/endpoint.ts'
import {
  DEFAULT_BACKOFF_MS,
  DEFAULT_PROBE_MS,
  keepAll,
  keepRemote,
  type Network,
  type Remote,
  type RemoteColumns,
} from '../../southbound/wire/remote.ts'
import { serveOpenflow } from '../openflow/agent.ts'
import type { Bridge } from './bridge.ts'
import { failMode } from './fail-mode.ts'

type ControllerRow = RowOf<'Controller'>

export interface ControllersOptions {
  readonly bridge: Bridge
  readonly database: OvsdbServer<typeof openVSwitch>
  readonly network: Network
  /** columns() of this row has something new. */
  changed(uuid: string): void
}

export interface Controllers {
  apply(row: RowOf<'Bridge'>): void
  /** What is to be reported, by row. */
  columns(): Iterable<readonly [uuid: string, columns: RemoteColumns & Pick<ControllerRow, 'role'>]>
  /** Speaks OpenFlow over a stream of somebody who is no primary controller. */
  serve(stream: Duplex): Promise<Served>
  close(): void
}

/** The longest that a timer takes: never, for a probe of 0. */
const NEVER_MS = 2 ** 31 - 1
/** For the peer's hello. */
const HELLO_MS = 10_000
/** Controller.role by the number of a role request. */
const ROLES = ['other', 'other', 'master', 'slave'] as const

const isPassive = ({ target }: ControllerRow) => /^p(tcp|ssl|unix):/.test(target)
const isPrimary = (row: ControllerRow) =>
  (row.type ?? (isPassive(row) ? 'service' : 'primary')) === 'primary'

export function controllers(options: ControllersOptions): Controllers {
  const { bridge, database, network } = options
  const running = new Map<string, { readonly row: ControllerRow; readonly remote: Remote }>()
  const roles = new Map<string, (typeof ROLES)[number] | undefined>()
  const inFailure = failMode(bridge)
  let protocols: readonly string[] = []
  let isClosed = false

  /** As it is now: what changes in it later counts from the next attempt on. */
  const now = (row: ControllerRow): ControllerRow =>
    database.table('Controller').get(row._uuid) ?? row

  const serve = async (stream: Duplex, row?: ControllerRow): Promise<Served> => {
    if (protocols.length > 0 && !protocols.includes('OpenFlow13')) {
      stream.destroy()
      throw new Error(
        `protocols of ${bridge.name} leave out OpenFlow13, all that this switch speaks`,
      )
    }
    const probe = row ? (now(row).inactivity_probe ?? DEFAULT_PROBE_MS) : DEFAULT_PROBE_MS
    const late = new AbortController()
    const cancel = bridge.clock.after(HELLO_MS, () => late.abort(new Error('no hello came')))
    const connection = await Connection.open(stream, {
      echoIntervalMs: probe <= 0 ? NEVER_MS : probe,
      signal: late.signal,
      clock: bridge.clock,
    }).finally(cancel)
    if (isClosed) {
      connection.close()
      throw new Error(`${bridge.name} is gone`)
    }
    serveOpenflow(bridge, connection, {
      isService: !row || !isPrimary(row),
      onRole(role) {
        if (!row) return
        roles.set(row._uuid, ROLES[role])
        options.changed(row._uuid)
      },
    })
    return { ended: connection.closed, close: () => connection.close() }
  }

  const tellFailMode = () => {
    const primaries = [...running.values()].filter((one) => isPrimary(one.row))
    const connected = primaries.filter(({ remote }) => remote.columns().is_connected)
    inFailure.connected(connected.length)
  }
  const start = (row: ControllerRow): Remote =>
    keepRemote({
      target: row.target,
      defaultPort: OPENFLOW_PORT,
      network,
      clock: bridge.clock,
      maxBackoffMs: () => now(row).max_backoff ?? DEFAULT_BACKOFF_MS,
      serve: (stream) => serve(stream, row),
      changed() {
        tellFailMode()
        options.changed(row._uuid)
      },
      log(is_connected, error) {
        if (!is_connected) roles.delete(row._uuid)
        const fields = { bridge: bridge.name, controller: row.target, error: error?.message }
        bridge.log.info(fields, is_connected ? 'connected' : 'disconnected')
      },
    })

  return {
    apply(row) {
      protocols = row.protocols
      const rows = row.controller.flatMap((uuid) => database.table('Controller').get(uuid) ?? [])
      const primaries = rows.filter(isPrimary)
      inFailure.apply({
        isStandalone: row.fail_mode !== 'secure',
        primaries: primaries.length,
        probeMs: Math.max(0, ...primaries.map((one) => one.inactivity_probe ?? DEFAULT_PROBE_MS)),
      })
      // One whose part changes comes anew.
      keepAll(running, rows, start, isPrimary)
      // One that was connected may be among those that went.
      tellFailMode()
    },
    *columns() {
      for (const { row, remote } of running.values()) {
        const columns = remote.columns()
        const role = columns.is_connected ? (roles.get(row._uuid) ?? 'other') : undefined
        yield [row._uuid, { ...columns, role: remote.isPassive ? undefined : role }]
      }
    },
    serve: (stream) => serve(stream),
    close() {
      isClosed = true
      for (const { remote } of running.values()) remote.stop()
      running.clear()
      inFailure.stop()
    },
  }
}
