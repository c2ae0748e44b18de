/**
 * One session with a host of kind `vtep`: an agent, an emulator or a hardware switch has dialled in, and we are the client
 * of its hardware_vtep database. It gets rows and nothing else. By level: every change of the replica or of the model wakes
 * one loop that looks at everything again.
 *
 *   look: who is it ─► what is plugged in ─► desired − actual ─► one transaction ─► weft-cur-cfg ─► confirmed
 *
 * Neighbours: `difference.ts`, `device.ts`, `plugs.ts`, `account.ts` (events and objections); `../session.ts` opens it, `../reconciler.ts` owns it.
 */
import { keys } from '../../../southbound/agent/other-config.ts'
import type { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import type { Clock } from '../../clock.ts'
import type { Item, RowItem } from '../../compiler/program.ts'
import type { Host } from '../../model/schema.ts'
import type { DropCount } from '../../northbound/realization.ts'
import type { Store } from '../../store/store.ts'
import type { PeerIdentity } from '../../tls/identity.ts'
import { nothingReported, reportBindings } from '../bindings.ts'
import type { EventLog } from '../events.ts'
import type { Desired } from '../flow-channel.ts'
import { addressOf, SYSTEM_ID } from '../host-session.ts'
import type { Logger } from '../log.ts'
import { Contest, Looking } from '../looking.ts'
import { Account } from './account.ts'
import { deviceDrops, pathMtuOf, pathMtusOf, tellsRealized, underlayOf } from './device.ts'
import { contestedText, rowDifference } from './difference.ts'
import { vtepPlugs } from './plugs.ts'
import { physicalSwitch, type VtepReplica, watchVtep } from './vtep-replica.ts'

export interface VtepSessionOptions {
  readonly store: Store
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** What the host's certificate says; undefined when it did not come over TLS. */
  readonly identity?: PeerIdentity | undefined
  /** The host at the other end; undefined while it is none that we drive. */
  readonly hostOf: (session: VtepSession) => Host | undefined
  readonly isHeld: (ifaceId: string, byHost: string) => boolean
  /** The rows that should be on a host. */
  readonly desiredRows: (hostId: string) => Desired<RowItem>
  /** Called after every look. */
  readonly onLook: (session: VtepSession) => void
}

/** How long a device may take to answer before it is given up. Milliseconds. */
const ANSWER_MS = 10_000
/** Between attempts at rows that the device refused, or that somebody keeps changing back. Milliseconds. */
const RETRY_MS = 1000

const { mutate } = operations(hardwareVtep)

export class VtepSession {
  readonly kind = 'vtep'
  /** Where it dials from, for people. */
  readonly peer: string
  readonly since: number
  readonly #options: VtepSessionOptions
  readonly #client: OvsdbClient
  readonly #replica: VtepReplica
  readonly #reported = nothingReported()
  readonly #end = new AbortController()
  readonly #contest = new Contest()
  readonly #looking: Looking
  /** Of the host that it is driven as, or was until the model lost that host. */
  #account: Account | undefined
  /** weft-next-cfg of our last transaction, or of the first look. */
  #awaited = 0
  /** The database has what it should have, and nothing has changed since that was seen. */
  #isSettled = false
  /** Rows written to a host that has not been as it should be yet. */
  #put = 0
  #confirmed = 0

  private constructor(
    client: OvsdbClient,
    replica: VtepReplica,
    peer: string,
    options: VtepSessionOptions,
  ) {
    this.#client = client
    this.#replica = replica
    this.peer = peer
    this.#options = options
    this.since = options.clock.now()
    this.#awaited = this.#config(keys.nextCfg)
    this.#looking = new Looking(
      () => this.#look(),
      this.#end.signal,
      (error) => this.close(error),
    )
    replica.onChange(() => this.look())
    void client.closed.then((reason) => {
      this.#end.abort(reason ?? new Error('the host ended the session'))
      const host = this.#account?.host
      const message = `${host}: ${reason?.message ?? 'it ended the session'}; it keeps forwarding`
      if (host !== undefined) options.events.add('host_disconnected', host, message)
    })
  }

  /** Opens the session; rejects when the device does not answer. */
  static async open(
    client: OvsdbClient,
    peer: string,
    options: VtepSessionOptions,
  ): Promise<VtepSession> {
    const replica = await watchVtep(client, AbortSignal.timeout(ANSWER_MS))
    return new VtepSession(client, replica, peer, options)
  }

  get closed(): Promise<Error | undefined> {
    return this.#client.closed
  }

  close(reason?: Error): void {
    this.#client.close(reason)
  }

  /** Where it dials from, without the port. */
  get address(): string {
    return addressOf(this.peer)
  }

  get identity(): PeerIdentity | undefined {
    return this.#options.identity
  }

  /**
   * Name of the Physical_Switch; undefined while there is none that could be a host. Of several the one that its certificate
   * or else the model names.
   */
  get systemId(): string | undefined {
    const rows = [...this.#replica.table('Physical_Switch').values()]
    const names = rows.map(({ name }) => name).filter((name) => SYSTEM_ID.test(name))
    const { store, identity } = this.#options
    const proven = names.find((name) => name === identity?.systemId)
    const isKnown = (name: string) => [...store.snapshot.find('hostBySystemId', name)].length > 0
    return proven ?? names.sort().find(isKnown) ?? names[0]
  }

  /** Whether the host was last seen with an interface of this iface-id. */
  carries(ifaceId: string): boolean {
    return this.#reported.bindings.has(ifaceId)
  }

  /** The device has everything up to this revision; undefined while that is not known. */
  get confirmed(): number | undefined {
    return this.#confirmed || undefined
  }

  /** Why one of these intents is not realized; undefined: nothing is against it. */
  objection(intents: readonly string[]): string | undefined {
    return this.#account?.objection(intents)
  }

  /** Names of what these intents go without on this device; empty: nothing. */
  degradation(intents: readonly string[]): readonly string[] {
    return this.#account?.degradation(intents) ?? []
  }

  /** The NIC that carries its tunnels, as the device has seen it; undefined where it says nothing. */
  /** Bytes of the longest outer packet that it got to a VTEP of its networks; undefined: it does not say. */
  pathMtu(remote: string): number | undefined {
    return pathMtuOf(this.#replica, this.#account?.name ?? '', remote)
  }

  /** All that it says of path MTUs, to notice a change. */
  get pathMtus(): string {
    return pathMtusOf(this.#replica, this.#account?.name ?? '')
  }

  get underlay(): ReturnType<typeof underlayOf> {
    return underlayOf(this.#replica, this.#account?.name ?? '')
  }

  drops(): DropCount[] {
    if (!this.#account) return []
    const { host, name } = this.#account
    return deviceDrops(this.#replica, name, [...this.#options.desiredRows(host).items()])
  }

  /** Tells that these rows may have changed; undefined: a revision that does not concern this host. */
  touch(items: ReadonlyMap<string, Item> | undefined): void {
    if (!items) return this.#confirm()
    this.#account?.touch(items.keys())
    this.look()
  }

  /** Looks as if for the first time: what was left to others may be ours after all. */
  lookAfresh(): void {
    this.#reported.first = true
    this.look()
  }

  /** Looks at everything again, soon. */
  look(): void {
    this.#isSettled = false
    this.#looking.again()
  }

  async #look(): Promise<void> {
    const { store, events, hostOf, onLook } = this.#options
    const host = hostOf(this)
    if (host) {
      if (this.#account?.host !== host.id) this.#become(new Account(host.id, this.#replica, events))
      if (this.#account) this.#account.name = host.systemId
      const plugs = vtepPlugs(this.#replica, physicalSwitch(this.#replica, host.systemId))
      reportBindings(plugs, host.id, { ...this.#options, reported: this.#reported })
    }
    const account = this.#account
    // Lost by the model while it was here: what it has of ours goes. Any other stranger is left alone.
    const isLost = account !== undefined && !store.snapshot.get('host', account.host)
    if (account && (host || isLost)) await this.#mendRows(account, host)
    if (isLost && this.#isSettled) this.#account = undefined
    onLook(this)
  }

  #become(account: Account): void {
    this.#account = account
    this.#put = 0
    this.#confirmed = 0
  }

  async #mendRows(account: Account, host: Host | undefined): Promise<void> {
    const { clock, events, log, desiredRows } = this.#options
    const { host: hostId, name } = account
    const items = [...desiredRows(hostId).items()]
    const addresses = [host?.vtepAddress ?? [], host?.alternateVtepAddress ?? []].flat()
    const found = rowDifference(this.#replica, { name, items, addresses })
    account.hear(items, found)
    const isTeller = tellsRealized(this.#replica, name)
    const isAsked = !isTeller || this.#config(keys.nextCfg) >= this.#awaited
    if (found.changes.length === 0 && isAsked) return this.#settled(account, items)
    const text = contestedText(found)
    if (this.#contest.isOn(text, clock.now())) {
      const message = `somebody else keeps changing the rows of ${hostId} that are ours`
      account.once('contested', () => events.add('rows_contested', hostId, message))
      await clock.sleep(RETRY_MS, this.#end.signal)
    } else account.tellDrift(found)
    this.#looking.again()
    const next = Math.max(this.#config(keys.nextCfg) + 1, this.#awaited)
    try {
      const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(ANSWER_MS)])
      const sent = [...found.operations, ...(isTeller ? this.#askToTell(next) : [])]
      await this.#client.transact(hardwareVtep, sent, { signal })
      if (isTeller) this.#awaited = next
      this.#contest.wrote(text, clock.now())
      this.#put += found.changes.length
      log.info({ host: hostId, rows: found.changes.length }, 'rows written')
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      const message = `${hostId} refused its rows: ${error.message}`
      account.once(message, () => events.add('rows_failed', hostId, message))
      await clock.sleep(RETRY_MS, this.#end.signal)
    }
  }

  /** The database has what it should have. */
  #settled(account: Account, items: readonly RowItem[]): void {
    const { host } = account
    const message = `${host} is driven; ${this.#put} rows were put right`
    if (account.settled(items)) this.#options.events.add('host_connected', host, message)
    this.#isSettled = true
    this.#confirm()
  }

  #confirm(): void {
    if (!this.#isSettled || !this.#account) return
    const { host, name } = this.#account
    const isReal = !tellsRealized(this.#replica, name) || this.#config(keys.curCfg) >= this.#awaited
    if (isReal) this.#confirmed = this.#options.desiredRows(host).revision()
  }

  /** A device that can shall say, by weft-cur-cfg, when it has done this. */
  #askToTell(next: number): Operation[] {
    const [global] = this.#replica.table('Global').values()
    if (!global) return []
    return [
      mutate('Global', global._uuid, 'other_config', 'delete', [keys.nextCfg]),
      mutate('Global', global._uuid, 'other_config', 'insert', { [keys.nextCfg]: `${next}` }),
    ]
  }

  /** A number in Global other_config; 0: there is none. */
  #config(key: string): number {
    const [global] = this.#replica.table('Global').values()
    return Number(global?.other_config[key] ?? 0) || 0
  }
}
