/**
 * The Manager rows of an agent's database: dialled, or listened at, for as long as they are there, and
 * the columns that tell how that goes. Neighbours: agent.ts; dataplane/switch/managers.ts does the
 * same for a switch.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Agent, AgentLog } from '../../southbound/agent/agent.ts'
import { operations } from '../../southbound/ovsdb/operation.ts'
import { hardwareVtep, type VtepRow } from '../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { systemClock } from '../../southbound/wire/clock.ts'
import { OVSDB_PORT } from '../../southbound/wire/endpoint.ts'
import {
  DEFAULT_BACKOFF_MS,
  keepAll,
  keepRemote,
  type Network,
  type Remote,
} from '../../southbound/wire/remote.ts'

const { update } = operations(hardwareVtep)
/** `sec_since_connect` and others go on by themselves. */
const REFRESH_MS = 5000

/** @returns how to stop */
export function keepManagers(agent: Agent, network: Network, log: AgentLog): () => void {
  const running = new Map<string, { row: VtepRow<'Manager'>; remote: Remote }>()
  const managers = agent.database.table('Manager')
  const report = () => {
    const ops = [...running.values()].flatMap(({ row: { _uuid }, remote }) => {
      const row = managers.get(_uuid)
      const { is_connected, status } = remote.columns()
      if (
        !row ||
        (row.is_connected === is_connected && isDeepStrictEqual({ ...row.status }, status))
      ) {
        return []
      }
      return [update('Manager', _uuid, { is_connected, status })]
    })
    if (ops.length > 0) agent.database.transact(ops)
  }
  const apply = () => {
    const [global] = agent.database.table('Global').values()
    const rows = (global?.managers ?? []).flatMap((uuid) => managers.get(uuid) ?? [])
    keepAll(running, rows, (row) =>
      keepRemote({
        ...{ target: row.target, network, defaultPort: OVSDB_PORT, clock: systemClock },
        maxBackoffMs: () => managers.get(row._uuid)?.max_backoff ?? DEFAULT_BACKOFF_MS,
        serve: async (stream) => {
          const probeMs = managers.get(row._uuid)?.inactivity_probe
          const options = probeMs === undefined ? {} : { echoIntervalMs: probeMs }
          const session = agent.database.accept(stream, row.target, options)
          return { ended: session.closed, close: () => session.close() }
        },
        changed: report,
        log: (connected, error) => {
          const fields = { manager: row.target, error: error?.message }
          log.info(fields, connected ? 'connected' : 'disconnected')
        },
      }),
    )
  }
  const undo = agent.database.onCommit((changes) => {
    if (changes.some(({ table }) => table === 'Global' || table === 'Manager')) apply()
  })
  const timer = setInterval(report, REFRESH_MS)
  timer.unref()
  apply()
  return () => {
    undo()
    clearInterval(timer)
    for (const { remote } of running.values()) remote.stop()
  }
}
