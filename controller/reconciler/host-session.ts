/**
 * One OVSDB session: a host has dialled in, and we are the client of its database. The session knows who the host says it
 * is, keeps its rows right and reports which ports it carries. By level: every change of the replica or of the model
 * wakes one loop that looks at everything again. Neighbours: `rows.ts`, `bindings.ts`; `reconciler.ts` owns sessions.
 */
import type { Duplex } from 'node:stream'
import { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { OvsdbError } from '../../southbound/ovsdb/error.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { Clock } from '../clock.ts'
import type { Bridge, Host } from '../model/schema.ts'
import type { Store } from '../store/store.ts'
import { type Reported, seenBindings } from './bindings.ts'
import type { EventLog } from './events.ts'
import type { Logger } from './log.ts'
import {
  foreignBridges,
  type HostReplica,
  INTEGRATION_BRIDGE,
  rowOperations,
  watchHost,
} from './rows.ts'

export interface HostSessionOptions {
  readonly store: Store
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** Where the host's bridges find our OpenFlow listener: 'tcp:ADDRESS:PORT'. */
  readonly openflowTarget: string
  /** The host at the other end, undefined while the model does not name it. */
  readonly hostOf: (session: HostSession) => Host | undefined
  /** Called after every look: the datapath, the rows or the host may have changed. */
  readonly onLook: (session: HostSession) => void
}

/** How long a host may take to answer before it is given up. Milliseconds. */
const ANSWER_MS = 10_000
/** Between attempts at rows that the host refused. Milliseconds. */
const RETRY_MS = 1000

export class HostSession {
  /** Where it dials from, for people. */
  readonly peer: string
  readonly since: number
  readonly #options: HostSessionOptions
  readonly #client: OvsdbClient
  readonly #replica: HostReplica
  readonly #reported: Reported = { bindings: new Map(), refused: new Set() }
  readonly #end = new AbortController()
  /** next_cfg of our last transaction: our rows are real once cur_cfg has reached it. */
  #awaited = 0
  #rowsRight = false
  #looking = false
  #again = false
  #warned = new Set<string>()

  private constructor(
    client: OvsdbClient,
    replica: HostReplica,
    peer: string,
    options: HostSessionOptions,
  ) {
    this.#client = client
    this.#replica = replica
    this.peer = peer
    this.#options = options
    this.since = options.clock.now()
    replica.onChange(() => this.look())
    void client.closed.then((reason) =>
      this.#end.abort(reason ?? new Error('the host ended the session')),
    )
  }

  /** Opens the session over an accepted connection. Rejects when the peer is no Open vSwitch database. */
  static async open(
    duplex: Duplex,
    peer: string,
    options: HostSessionOptions,
  ): Promise<HostSession> {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const client = await OvsdbClient.open(duplex, { signal, probeIntervalMs: 5000 })
    try {
      return new HostSession(client, await watchHost(client, signal), peer, options)
    } catch (error) {
      client.close()
      throw error
    }
  }

  get closed(): Promise<Error | undefined> {
    return this.#client.closed
  }

  close(reason?: Error): void {
    this.#client.close(reason)
  }

  /** What the host says it is; undefined while it has no system-id. */
  get systemId(): string | undefined {
    return this.#root()?.external_ids['system-id']
  }

  /** datapath_id of br-int, 16 hexadecimal digits; undefined while there is none. */
  get datapathId(): string | undefined {
    for (const bridge of this.#replica.table('Bridge').values()) {
      if (bridge.name === INTEGRATION_BRIDGE) return bridge.datapath_id
    }
    return undefined
  }

  /** The rows are as they should be and ovs-vswitchd has carried them out. */
  get rowsRealized(): boolean {
    return this.#rowsRight && (this.#root()?.cur_cfg ?? 0) >= this.#awaited
  }

  /** Looks at everything again, soon. */
  look(): void {
    this.#again = true
    if (this.#looking) return
    this.#looking = true
    queueMicrotask(() => {
      this.#loop().catch((error: Error) => this.close(error))
    })
  }

  async #loop(): Promise<void> {
    try {
      while (this.#again && !this.#end.signal.aborted) {
        this.#again = false
        const host = this.#options.hostOf(this)
        if (host) {
          this.#reportBindings(host)
          await this.#mendRows(host)
        }
        this.#options.onLook(this)
      }
    } finally {
      this.#looking = false
    }
  }

  async #mendRows(host: Host): Promise<void> {
    const { store, events, log, openflowTarget } = this.#options
    const bridges: Bridge[] = []
    for (const bridge of store.snapshot.list('bridge').values())
      if (bridge.host === host.id) bridges.push(bridge)
    for (const name of foreignBridges(this.#replica, bridges)) {
      this.#warn(`bridge ${name}`, () =>
        events.add(
          'rows_failed',
          host.id,
          `bridge ${name} on ${host.id} exists and is not ours; it is left alone`,
        ),
      )
    }
    const operations = rowOperations(this.#replica, { host, bridges, openflowTarget })
    this.#rowsRight = operations.length === 0
    if (this.#rowsRight) return
    const next = (this.#root()?.next_cfg ?? 0) + 1
    try {
      const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(ANSWER_MS)])
      await this.#client.transact(openVSwitch, operations, { signal })
      this.#awaited = next
      this.#rowsRight = true
      log.info({ host: host.id, operations: operations.length }, 'rows written')
      this.#again = true
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      this.#warn(error.message, () =>
        events.add('rows_failed', host.id, `${host.id} refused its rows: ${error.message}`),
      )
      await this.#options.clock.sleep(RETRY_MS, this.#end.signal)
      this.#again = true
    }
  }

  #reportBindings(host: Host): void {
    const { store, events } = this.#options
    const { edits, refused } = seenBindings(this.#replica, host.id, store.snapshot, this.#reported)
    for (const { ifaceId, interface: name } of refused) {
      events.add(
        'binding_refused',
        host.id,
        `interface ${name} on ${host.id} says iface-id ${ifaceId}, which is no port`,
        {
          ifaceId,
          interface: name,
        },
      )
    }
    if (edits.length === 0) return
    const keys = edits.map(({ key, spec }) => ({
      spec,
      port: [...store.snapshot.find('portByUuid', key)][0],
    }))
    store.observe(edits, { who: `host ${host.id}` })
    for (const { spec, port } of keys) {
      const verb = spec ? 'plugged in' : 'unplugged'
      events.add(
        spec ? 'port_bound' : 'port_unbound',
        host.id,
        `${port ?? 'a deleted port'} was ${verb} on ${host.id}`,
        {
          port,
          ...(spec ? { ofport: spec.ofport } : {}),
        },
      )
    }
  }

  #root() {
    const [root] = this.#replica.table('Open_vSwitch').values()
    return root
  }

  #warn(what: string, add: () => void): void {
    if (this.#warned.has(what)) return
    this.#warned.add(what)
    add()
  }
}
