/**
 * The Manager rows kept real: whoever they name is served the database, dialled or dialling in.
 * Neighbours: southbound/wire/remote.ts keeps the connections, switch.ts reports.
 */
import type { openVSwitch, RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import { OVSDB_PORT } from '../../southbound/wire/endpoint.ts'
import {
  DEFAULT_BACKOFF_MS,
  DEFAULT_PROBE_MS,
  keepAll,
  keepRemote,
  type Network,
  type Remote,
  type RemoteColumns,
} from '../../southbound/wire/remote.ts'
import type { SwitchLog } from './bridge.ts'

type ManagerRow = RowOf<'Manager'>

export interface ManagersOptions {
  readonly database: OvsdbServer<typeof openVSwitch>
  readonly network: Network
  readonly clock: Clock
  readonly log: SwitchLog
  /** columns() has something new. */
  changed(): void
}

export interface Managers {
  /** @param uuids Open_vSwitch.manager_options */
  apply(uuids: readonly string[]): void
  /** What is to be reported, by row. */
  columns(): Iterable<readonly [uuid: string, columns: RemoteColumns]>
  close(): void
}

export function managers(options: ManagersOptions): Managers {
  const { database, network, clock, log } = options
  const table = database.table('Manager')
  const running = new Map<string, { readonly row: ManagerRow; readonly remote: Remote }>()

  const start = (row: ManagerRow): Remote => {
    /** What changes in it later counts from the next attempt on. */
    const now = () => table.get(row._uuid) ?? row
    return keepRemote({
      ...{ target: row.target, defaultPort: OVSDB_PORT, network, clock, changed: options.changed },
      maxBackoffMs: () => now().max_backoff ?? DEFAULT_BACKOFF_MS,
      async serve(stream) {
        const echoIntervalMs = Math.max(0, now().inactivity_probe ?? DEFAULT_PROBE_MS)
        const session = database.accept(stream, row.target, { echoIntervalMs })
        return { ended: session.closed, close: () => session.close() }
      },
      log(is_connected, error) {
        const fields = { manager: row.target, error: error?.message }
        log.info(fields, is_connected ? 'connected' : 'disconnected')
      },
    })
  }

  return {
    apply(uuids) {
      const rows = uuids.flatMap((uuid) => table.get(uuid) ?? [])
      keepAll(running, rows, start)
    },
    *columns() {
      for (const { row, remote } of running.values()) yield [row._uuid, remote.columns()]
    },
    close() {
      for (const { remote } of running.values()) remote.stop()
      running.clear()
    },
  }
}
