/**
 * A host of kind `vtep` in a process: the agent with its database, and our switch as its back end. What a controller
 * or vtep-ctl does to a host of `weft agent` it does to this one, over any stream.
 * Neighbours: backend.ts; southbound/agent/agent.ts.
 */
import { Agent, type AgentLog } from '../../southbound/agent/agent.ts'
import type { Storage } from '../../southbound/ovsdb/database.ts'
import { type Clock, systemClock } from '../../southbound/wire/clock.ts'
import { type Random, uuids } from '../../southbound/wire/random.ts'
import type { UnderlayOptions } from '../tunnel/underlay.ts'
import { openSwitchBackend, type SwitchBackend } from './backend.ts'

export interface VtepHostOptions {
  /** Of the Physical_Switch that is this host. */
  readonly name: string
  /** Put into Physical_Switch tunnel_ips: one of the underlay's addresses. */
  readonly tunnelIp: string
  readonly underlay: UnderlayOptions
  /** Of the agent's passes and of the switch; default: the system's. */
  readonly clock?: Clock | undefined
  /** Holds the database; without it the rows are gone with the process. */
  readonly storage?: Storage | undefined
  readonly log?: AgentLog | undefined
  /** Milliseconds after which counters are told anew, at the latest; default 5,000. */
  readonly auditMs?: number | undefined
  /** For the secrets of hashes, and uuids of rows. Default: the system's. */
  readonly random?: Random | undefined
}

export interface VtepHost {
  /** Its database, and `accept(stream)` for a client: a controller that the host dials, or vtep-ctl. */
  readonly agent: Agent
  /** `plug` and `unplug` guests here. */
  readonly backend: SwitchBackend
  close(): Promise<void>
}

const SILENT: AgentLog = { debug() {}, info() {}, warn() {} }

/** Resolves after the first pass. */
export async function openVtepHost(options: VtepHostOptions): Promise<VtepHost> {
  const { name, tunnelIp, underlay, clock = systemClock, storage, log = SILENT, random } = options
  const { auditMs } = options
  const backend = openSwitchBackend({ underlay, clock, log, random })
  // Nothing in this process takes long to change: events are followed at once.
  const agent = new Agent({
    ...{ name, tunnelIp, backend, log, clock, storage, eventMs: 0, auditMs },
    newUuid: uuids(random),
  })
  await agent.start()
  return {
    agent,
    backend,
    async close() {
      await agent.close()
      backend.close()
    },
  }
}
