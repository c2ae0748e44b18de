/**
 * One session with a host of kind `vtep`: an agent, an emulator or a hardware switch has dialled in, and we are the client
 * of its hardware_vtep database. It gets rows and nothing else. By level: every change of the replica or of the model wakes
 * one loop that looks at everything again.
 *
 *   look: who is it ─► what is plugged in ─► desired − actual ─► one transaction ─► weft-cur-cfg ─► confirmed
 *
 * Neighbours: `../host-line.ts` (what sessions of every kind have), `difference.ts`, `device.ts`, `plugs.ts`, `account.ts` (events and objections); `../session.ts` opens it, `../reconciler.ts` owns it.
 */
import { keys } from '../../../southbound/agent/other-config.ts'
import type { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { deadline } from '../../../southbound/wire/clock.ts'
import type { Item, RowItem } from '../../compiler/program.ts'
import type { Host } from '../../model/schema.ts'
import type { DropCount, Said } from '../../northbound/realization.ts'
import type { Departed } from '../departed.ts'
import { tellTraces } from '../farewell.ts'
import type { Desired } from '../flow-channel.ts'
import { ANSWER_MS, HostLine, type LineOptions, SYSTEM_ID } from '../host-line.ts'
import type { Refusals } from '../refusals.ts'
import { saidByVtep } from '../says.ts'
import { Account } from './account.ts'
import { deviceDrops, pathMtusOf, physicalOf, tellsRealized, underlayOf } from './device.ts'
import { contestedText, type DesiredVtep, type Difference, rowDifference } from './difference.ts'
import { vtepPlugs } from './plugs.ts'
import { shownDrops } from './shown-drops.ts'
import { readTraffic } from './traffic.ts'
import { physicalSwitch, type VtepReplica, watchVtep } from './vtep-replica.ts'

export interface VtepSessionOptions extends LineOptions {
  /** The host at the other end; undefined while it is none that we drive. */
  readonly hostOf: (session: VtepSession) => Host | undefined
  /** The rows that should be on a host. */
  readonly desiredRows: (hostId: string) => Desired<RowItem>
  /** The host that calls itself so, which the model has had and has lost. */
  readonly departed: Departed
  /** Takes what is to be told once of a machine that keeps dialling. */
  readonly refusals: Refusals
  /** Called after every look. */
  readonly onLook: (session: VtepSession) => void
}

const { mutate } = operations(hardwareVtep)

export class VtepSession {
  readonly kind = 'vtep'
  readonly line: HostLine
  readonly #client: OvsdbClient
  readonly #options: VtepSessionOptions
  readonly #replica: VtepReplica
  /** Of the host that it is driven as, or was until the model lost that host. */
  #account: Account | undefined
  /** Set while that is a host which the model lost while it was away. */
  #made: DesiredVtep['made']
  /** weft-next-cfg of our last transaction, or of the first look. */
  #awaited = 0
  /** The database has what it should have, and nothing has changed since that was seen. */
  #isSettled = false
  /** Rows written to a host that has not been as it should be yet. */
  #put = 0
  #confirmed = 0
  /** Ids of rows that were changed since. */
  readonly #unconfirmed = new Set<string>()

  private constructor(
    client: OvsdbClient,
    replica: VtepReplica,
    peer: string,
    options: VtepSessionOptions,
  ) {
    this.#client = client
    this.#replica = replica
    this.#options = options
    this.#awaited = this.#config(keys.nextCfg)
    this.line = new HostLine({ client, peer, schema: hardwareVtep }, options, {
      stale: () => {
        this.#isSettled = false
      },
      look: () => this.#look(),
    })
    replica.onChange(() => this.line.look())
    void client.closed.then((reason) => {
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
    const replica = await watchVtep(client, deadline(options.clock, ANSWER_MS))
    return new VtepSession(client, replica, peer, options)
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

  /** The device has everything up to this revision; undefined while that is not known. */
  get confirmed(): number | undefined {
    return this.#confirmed || undefined
  }

  /** Whether the device has confirmed this row as it should be now. */
  isConfirmed(id: string): boolean {
    return this.#confirmed > 0 && !this.#unconfirmed.has(id) && this.#account?.holds(id) === true
  }

  /** Why a row cannot be written; undefined: it can. */
  whyBlocked(id: string): string | undefined {
    return this.#account?.whyBlocked(id)
  }

  /** Nothing of ours is on it: it was given back, or has never had anything. */
  get isReturned(): boolean {
    return this.#account === undefined
  }

  /** For whoever makes a host object of it. */
  get says(): Said {
    return saidByVtep(this.#replica, this.systemId, this.line.peer)
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
  get underlay(): ReturnType<typeof underlayOf> {
    return underlayOf(this.#replica, this.#account?.name ?? '')
  }

  /** By id of the physical network what leads there, as the device has seen it. */
  get physical(): ReturnType<typeof physicalOf> {
    return physicalOf(this.#replica, this.#account?.name ?? '')
  }

  /** By VTEP bytes of the longest outer packet that it got there, up to what its networks need. */
  get pathMtus(): ReturnType<typeof pathMtusOf> {
    return pathMtusOf(this.#replica, this.#account?.name ?? '')
  }

  drops(): DropCount[] {
    if (!this.#account) return []
    const { host, name } = this.#account
    return deviceDrops(this.#replica, name, [...this.#options.desiredRows(host).items()])
  }

  /** What it should have, and how that differs from what it has now; undefined while it is no host of the site. */
  compare(): { readonly items: readonly RowItem[]; readonly difference: Difference } | undefined {
    const account = this.#account
    const host = account && this.#options.store.snapshot.get('host', account.host)
    if (!host) return undefined
    const { items, addresses, difference } = this.#compare(account, host)
    // What is behind the host itself is not remote.
    const isOwn = ({ row }: RowItem) =>
      row.table === 'Ucast_Macs_Remote' && addresses.includes(row.vtep)
    return { items: items.filter((item) => !isOwn(item)), difference }
  }

  /** What one binding has carried, asked for now; undefined: the device does not count for it. Rejects as `transact` does. */
  async traffic(name: string, vid: number, signal: AbortSignal): ReturnType<typeof readTraffic> {
    return await readTraffic(this.#client, this.#replica, { name, vid, signal })
  }

  /** The last dropped frames of ports that it shows. */
  shownDrops(): ReturnType<typeof shownDrops> {
    if (!this.#account) return []
    const { host, name } = this.#account
    return shownDrops(this.#replica, name, [...this.#options.desiredRows(host).items()])
  }

  /** Tells that these rows may have changed; undefined: a revision that does not concern this host. */
  touch(items: ReadonlyMap<string, Item> | undefined): void {
    if (!items) return this.#confirm()
    this.#account?.touch(items.keys())
    for (const id of items.keys()) this.#unconfirmed.add(id)
    this.line.look()
  }

  async #look(): Promise<void> {
    const { store, events, departed, hostOf, onLook } = this.#options
    const host = hostOf(this)
    if (host) {
      this.#made = undefined
      if (this.#account?.host !== host.id) this.#become(new Account(host.id, this.#replica, events))
      if (this.#account) this.#account.name = host.systemId
      const plugs = vtepPlugs(this.#replica, physicalSwitch(this.#replica, host.systemId))
      this.line.report(plugs, host.id)
    } else if (!this.#account) this.#account = this.#lostBefore()
    const account = this.#account
    // Lost by the model: what it has of ours goes. Any other stranger is left alone.
    const isLost = account !== undefined && !store.snapshot.get('host', account.host)
    if (account && (host || isLost)) await this.#mendRows(account, host)
    if (isLost && this.#isSettled) {
      this.#account = undefined
      departed.returned(account.name)
      const message = `${account.host} is as Weft found it`
      if (this.#put > 0) events.add('host_removed', account.host, message)
    }
    onLook(this)
  }

  /** A host that the model lost while it was away, if it still has something of ours. */
  #lostBefore(): Account | undefined {
    const { departed, events } = this.#options
    const nothing = { name: this.systemId ?? '', items: [], addresses: [] }
    // Asked only about devices that have something: the journal may be long.
    const hasRows = rowDifference(this.#replica, nothing).changes.length > 0
    const host = hasRows ? departed.host(this.systemId, this.kind) : undefined
    if (!host) {
      if (hasRows) {
        const { systemId, line } = this
        const found = ['Logical_Switches']
        tellTraces(this.#options, { systemId, address: line.address, found })
      }
      return undefined
    }
    const account = new Account(host.id, this.#replica, events)
    account.name = host.systemId
    this.#made = {
      row: (uuid) => departed.made(uuid),
      bridge: (id) => departed.made(`${host.id}/${id}`),
    }
    return account
  }

  #become(account: Account): void {
    this.#account = account
    this.#put = 0
    this.#confirmed = 0
  }

  #compare({ host: hostId, name }: Account, host: Host | undefined) {
    const addresses = [host?.vtepAddress ?? [], host?.alternateVtepAddress ?? []].flat()
    const items = [...this.#options.desiredRows(hostId).items()]
    const desired = { name, items, addresses, made: this.#made }
    return { items, addresses, difference: rowDifference(this.#replica, desired) }
  }

  async #mendRows(account: Account, host: Host | undefined): Promise<void> {
    const { host: hostId, name } = account
    const { items, difference: found } = this.#compare(account, host)
    account.hear(items, found)
    const isTeller = tellsRealized(this.#replica, name)
    const isAsked = !isTeller || this.#config(keys.nextCfg) >= this.#awaited
    if (found.changes.length === 0 && isAsked) return this.#settled(account, items)
    let next = 0
    const isTaken = await this.line.write({
      hostId,
      operations: () => {
        next = Math.max(this.#config(keys.nextCfg) + 1, this.#awaited)
        return [...found.operations, ...(isTeller ? this.#askToTell(next) : [])]
      },
      text: contestedText(found),
      count: found.changes.length,
      requests: this.#options.desiredRows(hostId).requests(this.#confirmed),
      once: account.once,
      onNews: () => account.tellDrift(found),
    })
    if (!isTaken) return
    if (isTeller) this.#awaited = next
    this.#put += found.changes.length
  }

  /** The database has what it should have. */
  #settled(account: Account, items: readonly RowItem[]): void {
    const { host } = account
    const { store, events } = this.#options
    const message = `${host} is driven; ${this.#put} rows were put right`
    const isFirst = account.settled(items)
    if (isFirst && store.snapshot.get('host', host)) events.add('host_connected', host, message)
    this.#isSettled = true
    this.#confirm()
  }

  #confirm(): void {
    if (!this.#isSettled || !this.#account) return
    const { host, name } = this.#account
    const isReal = !tellsRealized(this.#replica, name) || this.#config(keys.curCfg) >= this.#awaited
    if (!isReal) return
    this.#confirmed = this.#options.desiredRows(host).revision()
    this.#unconfirmed.clear()
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
