/**
 * The agent of a host of kind `vtep`: serves hardware_vtep, realizes its rows by a back end, and
 * writes what the back end saw and did into the rows. Level, not edge: a pass reads all rows, makes it
 * so and reports; commits, events of the host and a clock start one, and none but the next runs late.
 *
 * Neighbours: rows.ts (rows -> what should be), backend.ts (what makes it so), report.ts (back into rows).
 */
import type { Duplex } from 'node:stream'
import type { Storage } from '../ovsdb/database.ts'
import { OvsdbError } from '../ovsdb/error.ts'
import { type Operation, operations } from '../ovsdb/operation.ts'
import { type HardwareVtep, hardwareVtep } from '../ovsdb/schemas/hardware-vtep.ts'
import { OvsdbServer, type ServerSession } from '../ovsdb/server.ts'
import { type Clock, systemClock } from '../wire/clock.ts'
import type { Backend, Repair, Report } from './backend.ts'
import type { Fault } from './fault.ts'
import { keys } from './other-config.ts'
import { needsOf, type PathMtus, pathMtus } from './path-mtu.ts'
import { reportOperations } from './report.ts'
import { readRows, type Tables } from './rows.ts'

export interface AgentLog {
  debug(fields: object, event: string): void
  info(fields: object, event: string): void
  warn(fields: object, event: string): void
}

export interface AgentOptions {
  /** Of the Physical_Switch that is this host. */
  readonly name: string
  readonly backend: Backend
  readonly log: AgentLog
  /** Put into Physical_Switch tunnel_ips; absent: whatever the row says. */
  readonly tunnelIp?: string | undefined
  readonly storage?: Storage | undefined
  /**
   * The database was empty because it is new, not because it was emptied: nothing on the host is
   * touched until a Logical_Switch or a bridge is written, so that a lost database does not end networks.
   */
  readonly isNew?: boolean | undefined
  /** A pass at least so often, ms; default 5,000. */
  readonly auditMs?: number | undefined
  /** Passes that events of the host start are at least so far apart, ms; default 500. */
  readonly eventMs?: number | undefined
  /** What passes are timed by and repairs dated with. Default: the system's. */
  readonly clock?: Clock | undefined
  /** Of rows. */
  readonly newUuid?: (() => string) | undefined
}

const { insert, mutate, update } = operations(hardwareVtep)
/** Transactions that come together are realized together, ms. */
const GATHER_MS = 5
/** Of the repairs that `weft-last-repair` tells of. */
const MAX_TOLD = 3

export class Agent {
  readonly database: OvsdbServer<HardwareVtep>
  readonly #options: AgentOptions
  readonly #stop = new AbortController()
  readonly #undo: (() => void)[] = []
  readonly #repairs = { count: 0, last: '' }
  #isHeld: boolean
  #isWriting = false
  #running: Promise<void> | undefined
  readonly #clock: Clock
  #cancel = () => {}
  #due = Number.POSITIVE_INFINITY
  #lastPass = 0
  readonly #paths: PathMtus | undefined
  #faults: ReadonlyMap<string, Fault> = new Map()

  /** Serves at once; `start` begins to realize. Throws OvsdbError when `storage` holds another schema. */
  constructor(options: AgentOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#isHeld = options.isNew === true
    const { storage, log, backend, newUuid } = options
    const changed = () => this.#schedule(GATHER_MS)
    const failed = (error: Error) => log.warn({ error: error.message }, 'paths cannot be probed')
    const { probe } = backend
    this.#paths = probe && pathMtus({ probe, clock: this.#clock, changed, failed })
    this.database = new OvsdbServer(hardwareVtep, {
      ...{ log, clock: this.#clock },
      ...(storage && { storage }),
      ...(newUuid && { newUuid }),
    })
    this.#announce(options.tunnelIp)
  }

  /** Resolves after the first pass. Rejects when the host cannot be read. */
  async start(): Promise<void> {
    this.#undo.push(
      this.database.onCommit((changes) => {
        if (this.#isWriting) return
        if (this.#isHeld && this.#asks(changes.map(({ table }) => table))) this.#isHeld = false
        this.#schedule(GATHER_MS)
      }),
    )
    await this.#run()
    const { eventMs = 500 } = this.#options
    const since = () => this.#clock.now() - this.#lastPass
    this.#undo.push(
      this.#options.backend.watch(() => this.#schedule(Math.max(GATHER_MS, eventMs - since()))),
    )
    this.#schedule(this.#options.auditMs ?? 5000)
  }

  /** Serves a client until it leaves. */
  accept(stream: Duplex, peer?: string): ServerSession {
    return this.database.accept(stream, peer)
  }

  /** Ends sessions and passes; what was realized stays as it is. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#cancel()
    this.#paths?.close()
    for (const undo of this.#undo) undo()
    await this.#running
    this.database.close()
  }

  /** Whether a change of these tables says what this host should be like. */
  #asks(tables: readonly string[]): boolean {
    if (tables.includes('Logical_Switch')) return true
    if (!tables.includes('Physical_Switch')) return false
    const { bridges } = readRows(this.#table, this.#options.name).desired
    return bridges.some(({ isOurs }) => isOurs)
  }

  readonly #table: Tables = (name) => this.database.table(name)

  /** The earliest wish counts. */
  #schedule(inMs: number): void {
    const due = this.#clock.now() + inMs
    if (this.#stop.signal.aborted || due >= this.#due) return
    this.#due = due
    this.#cancel()
    this.#cancel = this.#clock.after(inMs, () => {
      this.#due = Number.POSITIVE_INFINITY
      if (this.#running) return this.#schedule(GATHER_MS)
      this.#run()
        .catch((error: Error) => {
          if (this.#stop.signal.aborted) return
          this.#options.log.warn({ error: error.message }, 'the host cannot be read')
        })
        .finally(() => this.#schedule(this.#options.auditMs ?? 5000))
    })
  }

  /** A pass while which none begins: two would make the same thing twice. */
  #run(): Promise<void> {
    const pass = this.#pass().finally(() => {
      this.#running = undefined
    })
    this.#running = pass.catch(() => {})
    return pass
  }

  async #pass(): Promise<void> {
    const { name, backend } = this.#options
    const { signal } = this.#stop
    this.#announce(undefined)
    const [global] = this.database.table('Global').values()
    const nextCfg = global?.other_config[keys.nextCfg]
    const reading = readRows(this.#table, name)
    const { desired, local } = reading
    const prune = !this.#isHeld
    const report = await backend.realize(desired, { local, prune, signal })
    this.#lastPass = this.#clock.now()
    this.#tell(report)
    this.#paths?.want(needsOf(desired, local, report))
    const repairs = this.#repairs
    const paths = this.#paths?.found ?? new Map<string, number>()
    const told = { backend: backend.name, report, reading, repairs, nextCfg, paths }
    // The rows may be others by now; what was seen of rows that are gone is left out, and comes no more.
    this.#write(reportOperations(this.#table, name, told))
  }

  /** A Global row, and the Physical_Switch that this host is. */
  #announce(tunnelIp: string | undefined): void {
    const { name } = this.#options
    const [global] = this.database.table('Global').values()
    const host = [...this.database.table('Physical_Switch').values()].find((r) => r.name === name)
    const tunnel_ips = tunnelIp ?? this.#options.tunnelIp
    const ops: Operation[] = []
    if (!host) {
      const row = { name, ...(tunnel_ips !== undefined && { tunnel_ips: [tunnel_ips] }) }
      ops.push(insert('Physical_Switch', row, 'host'))
    } else if (tunnelIp !== undefined && host.tunnel_ips.join() !== tunnelIp) {
      ops.push(update('Physical_Switch', host._uuid, { tunnel_ips: [tunnelIp] }))
    }
    if (!global) ops.push(insert('Global', { switches: [host?._uuid ?? 'host'] }))
    else if (!host) ops.push(mutate('Global', global._uuid, 'switches', 'insert', ['host']))
    this.#write(ops)
  }

  #write(ops: readonly Operation[]): void {
    if (ops.length === 0) return
    this.#isWriting = true
    try {
      this.database.transact(ops)
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      // A row went while the host was read: the next pass, which its commit has started, knows.
      this.#options.log.warn({ error: error.message }, 'not reported')
    } finally {
      this.#isWriting = false
    }
  }

  #tell({ repairs, changes, faults }: Report): void {
    const { log } = this.#options
    const at = new Date(this.#clock.wall())
    if (changes > 0) log.info({ changes }, 'applied')
    for (const { object, was, now } of repairs) log.warn({ object, was, now }, 'repaired')
    if (repairs.length > 0) {
      this.#repairs.count += repairs.length
      this.#repairs.last = `${at.toISOString()} ${repairs.slice(0, MAX_TOLD).map(format).join('; ')}`
    }
    const before = this.#faults
    this.#faults = new Map(faults.map((fault) => [JSON.stringify(fault), fault]))
    for (const [key, { code, subject, detail }] of this.#faults) {
      if (!before.has(key)) log.warn({ code, subject, detail }, 'fault')
    }
  }
}

function format({ object, was }: Repair): string {
  return `${object} was ${was === undefined ? 'gone' : was === '' ? 'there' : was.replaceAll('\n', ' | ')}`
}
