/**
 * `weft agent`: this Linux host as a VTEP that vtep-ctl, or a controller, drives by rows.
 * Neighbours: agent-options.ts (names and help), agent-managers.ts, ../../southbound/agent/agent.ts.
 */
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import pino from 'pino'
import { openRundir } from '../../dataplane/switch/rundir.ts'
import { socketNetwork } from '../../dataplane/switch/sockets.ts'
import { Agent } from '../../southbound/agent/agent.ts'
import { openIproute2 } from '../../southbound/agent/iproute2/backend.ts'
import { openStorage } from '../../southbound/ovsdb/journal-storage.ts'
import { hardwareVtep } from '../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { startedService } from '../systemd/notify.ts'
import { keepManagers } from './agent-managers.ts'
import type { LogLevel } from './log-option.ts'
import { remoteTarget, serveAt, type TlsSettings, tlsFiles } from './remotes.ts'
import { SwitchError } from './switch-error.ts'

export interface AgentSettings extends TlsSettings {
  readonly name?: string
  readonly rundir: string
  /** Journal file; absent: in the rundir. */
  readonly db?: string
  readonly tunnelIp?: string
  readonly remote: readonly string[]
  /** Seconds. */
  readonly audit: number
  /** Remove what agents have made, and end. */
  readonly remove: boolean
  readonly log: LogLevel
  /** Ends the agent in order. */
  readonly signal: AbortSignal
}

/** Serves until the signal. @returns the exit code */
export async function runAgent(settings: AgentSettings): Promise<number> {
  const { tunnelIp, signal } = settings
  const log = pino({ level: settings.log }, pino.destination(2))
  const remotes = settings.remote.map(remoteTarget)
  if (tunnelIp !== undefined && isIP(tunnelIp) === 0) {
    throw new SwitchError(
      `--tunnel-ip ${tunnelIp}: '${tunnelIp}' is no address; it wants one of this host, such as 192.0.2.11 or 2001:db8::11`,
    )
  }
  const tls = tlsFiles(settings)
  const network = socketNetwork(() => tls)
  const rundir = openRundir(settings.rundir)
  const db = settings.db ?? join(settings.rundir, 'vtep.db')
  /** What is to be let go of, last first. */
  const taken: (() => void | Promise<void>)[] = []
  try {
    let agent: Agent | undefined
    // First of all, so that a second agent on this folder ends here, having touched nothing.
    taken.unshift(
      await rundir.listen('vtep.sock', (stream) => {
        if (agent) agent.accept(stream)
        else stream.destroy()
      }),
    )
    const backend = await openIproute2(signal)
    if (settings.remove) {
      const { changes, faults } = await backend.realize(
        { networks: [], bridges: [] },
        { local: undefined, prune: true, signal },
      )
      rmSync(db, { force: true })
      const refused = faults.filter(({ code }) => code === 'kernel_refused')
      for (const { detail } of refused) process.stderr.write(`weft agent: ${detail}\n`)
      process.stdout.write(`weft agent: ${changes} things removed\n`)
      return refused.length === 0 ? 0 : 1
    }
    const isNew = !existsSync(db)
    agent = new Agent({
      ...{ backend, log, isNew, tunnelIp },
      name: settings.name ?? hostname(),
      storage: openStorage(hardwareVtep, db),
      auditMs: settings.audit * 1000,
    })
    taken.unshift(() => agent?.close())
    taken.unshift(keepManagers(agent, network, log))
    const { database } = agent
    for (const target of remotes) taken.unshift(await serveAt(target, database, network, log))
    await agent.start()
    process.stdout.write(nextSteps(settings, db))
    const service = startedService(log)
    if (!signal.aborted) await once(signal, 'abort')
    service.stopping()
    return 0
  } finally {
    for (const release of taken) await release()
  }
}

/** What to type next, as it works when copied. */
function nextSteps({ rundir, name = hostname() }: AgentSettings, db: string): string {
  const at = `vtep-ctl --db=unix:${resolve(rundir)}/vtep.sock`
  return `weft agent: ready as ${name}; the database is in ${db}. In another shell:
  ${at} list-ports ${name}
  ${at} add-ls red -- set Logical_Switch red tunnel_key=5001
  ${at} bind-ls ${name} PORT 0 red
  ${at} add-ucast-remote red 02:00:00:00:00:02 192.0.2.12
`
}
