/**
 * The status of one object: what each of its hosts answers, the conditions that follow, since when, and what else is known of it.
 * Computed when it is asked for, never stored; whether something is realized is decided here and nowhere else.
 * Neighbours: `concern.ts`, `host-answer.ts`, `conditions.ts`, `since.ts`, `item-numbers.ts` (parts of it); `status.ts` has the rest that
 * the northbound asks for.
 */
import { isDeclared } from '../model/collections.ts'
import type { Declared, Objects } from '../model/schema.ts'
import type { Change, Snapshot } from '../model/snapshot.ts'
import type { HostStatus, Status, StatusOptions } from '../northbound/realization.ts'
import type { Commit, Store } from '../store/store.ts'
import { type Concern, concernOf, whyUnplaced } from './concern.ts'
import { conditionsOf } from './conditions.ts'
import type { EventLog } from './events.ts'
import { type HostAnswer, hostAnswers } from './host-answer.ts'
import { numbersOf } from './item-numbers.ts'
import type { Reconciler } from './reconciler.ts'
import { Since } from './since.ts'

export interface ObjectStatusOptions {
  readonly store: Store
  readonly reconciler: Reconciler
  readonly events: EventLog
  /** Of a host: where it is in its life. */
  readonly lifeOf: (host: Objects['host']) => Partial<Status>
}

export class ObjectStatus {
  readonly #options: ObjectStatusOptions
  readonly #since: Since
  /** By host: how many items its switch refused when it was last heard of. */
  readonly #refusals = new Map<string, number>()

  /** To be made once the commits of the store are compiled before it hears of them. */
  constructor(options: ObjectStatusOptions) {
    const { store, reconciler, events } = options
    this.#options = options
    this.#since = new Since({
      now: () => reconciler.clock.wall(),
      confirmed: (hostId) => reconciler.confirmed(hostId),
      isAway: (hostId) => {
        const kind = reconciler.session(hostId)?.kind
        return kind === undefined || (kind === 'ovs' && !reconciler.channel(hostId))
      },
    })
    store.onCommit((commit) => this.#committed(commit))
    reconciler.onProgress((hostId) => {
      if (hostId !== undefined) this.#progressed(hostId)
    })
    // What a host objects to is told once, in the moment in which it does.
    events.onEvent(({ from }) => {
      if (Array.isArray(from)) for (const intent of from) this.#judge(`${intent}`.replace('/', ' '))
    })
  }

  status(
    collection: Declared,
    object: Objects[Declared],
    { items = false }: StatusOptions = {},
  ): Status {
    const { store, reconciler } = this.#options
    const { snapshot } = store
    const concern = concernOf(snapshot, reconciler.compiler, collection, object)
    const answers = this.#answers(collection, object, concern)
    const extras = this.#extras(collection, object, snapshot)
    const unplaced =
      concern.isPlaced === false
        ? whyUnplaced(snapshot, reconciler.compiler, object as Objects['port'])
        : undefined
    const away = [...answers].flatMap(([id, { state }]) => (state === 'disconnected' ? id : []))
    const name = nameOf(collection, object)
    const conditions = conditionsOf({ answers, unplaced, mtu: extras.mtu }).map((draft) => ({
      ...draft,
      since: new Date(this.#since.of(name, draft, concern.hosts, away)).toISOString(),
    }))
    const numbers = items ? numbersOf(snapshot, reconciler, concern) : undefined
    const hosts: Record<string, HostStatus> = {}
    for (const [id, answer] of answers) hosts[id] = { ...shown(answer), ...numbers?.(id) }
    return {
      realized: conditions.some(({ type, status }) => type === 'Realized' && status === 'true'),
      revision: object.revision,
      observedRevision: this.#observed(concern, answers),
      ...(unplaced && { reason: unplaced.reason }),
      conditions,
      hosts,
      ...extras,
    }
  }

  /** As `realized` of the status. */
  isRealized(collection: Declared, object: Objects[Declared]): boolean {
    const { store, reconciler } = this.#options
    const concern = concernOf(store.snapshot, reconciler.compiler, collection, object)
    if (concern.isPlaced === false) return false
    const answer = this.#asking(collection, object, concern)
    for (const hostId of concern.hosts) if (answer(hostId).state !== 'realized') return false
    return true
  }

  #asking(collection: Declared, object: Objects[Declared], concern: Concern) {
    const { store, reconciler } = this.#options
    return hostAnswers(store.snapshot, reconciler, { collection, object, concern })
  }

  #answers(
    collection: Declared,
    object: Objects[Declared],
    concern: Concern,
  ): Map<string, HostAnswer> {
    const answer = this.#asking(collection, object, concern)
    return new Map([...concern.hosts].map((hostId) => [hostId, answer(hostId)]))
  }

  /**
   * The newest revision that every host has answered which the object concerns: it has confirmed all of it, or has refused what
   * it does not take; a host that is pending has not answered the object's own. Of a host that is away what it had answered;
   * 0: nothing since the start. With no host it is what is compiled.
   */
  #observed(concern: Concern, answers: ReadonlyMap<string, HostAnswer>): number {
    let observed = this.#options.reconciler.revision
    for (const [hostId, { state }] of answers) {
      const answered = this.#since.answered(hostId)
      const most = state === 'pending' ? Math.min(answered, concern.revision - 1) : answered
      observed = Math.min(observed, most)
    }
    return observed
  }

  #extras(
    collection: Declared,
    object: Objects[Declared],
    snapshot: Snapshot,
  ): Pick<Status, 'certificate' | 'binding' | 'mtu' | 'underlay'> {
    const { compiler, mtu } = this.#options.reconciler
    if (collection === 'network') {
      const network = object as Objects['network']
      return { mtu: mtu.of(`${network.tenant}/${network.id}`, network) }
    }
    if (collection === 'port') {
      const { tenant, id, uuid, network: networkId } = object as Objects['port']
      const network = snapshot.get('network', `${tenant}/${networkId}`)
      const hostId = compiler.placement(`${tenant}/${id}`)?.hostId
      const binding = bindingOf(snapshot, uuid)
      return {
        ...(binding && { binding }),
        ...(network && { mtu: mtu.of(`${tenant}/${networkId}`, network, hostId) }),
      }
    }
    return collection === 'host' ? this.#ofHost(object as Objects['host']) : {}
  }

  /** As the session says by which the host is driven. */
  #ofHost(host: Objects['host']): Partial<Status> {
    const session = this.#options.reconciler.session(host.id)
    const { underlay, line } = session ?? {}
    const { name, fingerprint, expires = 0 } = line?.identity ?? {}
    return {
      ...(name !== undefined &&
        fingerprint !== undefined && {
          certificate: { name, fingerprint, expires: new Date(expires).toISOString() },
        }),
      ...(underlay && { underlay }),
      ...this.#options.lifeOf(host),
    }
  }

  #committed({ snapshot, changes }: Commit): void {
    for (const change of changes) {
      const { collection, key, before, after } = change
      if (collection === 'binding') this.#bound(snapshot, key, before !== undefined)
      if (!isDeclared(collection)) continue
      if (collection === 'host' && !after) this.#lost(key)
      if (after) this.#written(collection, after as Objects[Declared], { isNew: !before })
      else this.#since.deleted(`${collection} ${key}`)
    }
  }

  #lost(hostId: string): void {
    this.#since.lost(hostId)
    this.#refusals.delete(hostId)
  }

  /** A port was plugged in or unplugged, and the ports inside it with it. */
  #bound(snapshot: Snapshot, uuid: string, wasPlaced: boolean): void {
    const [key = ''] = snapshot.find('portByUuid', uuid)
    const port = snapshot.get('port', key)
    if (!port) return
    this.#written('port', port, { isNew: false, wasPlaced })
    for (const referrer of snapshot.find('referrer', `port ${key}`)) {
      const inner = snapshot.get('port', referrer.replace('port ', ''))
      if (inner) this.#written('port', inner, { isNew: false, wasPlaced })
    }
  }

  #written(
    collection: Declared,
    object: Objects[Declared],
    { isNew, wasPlaced }: { readonly isNew: boolean; readonly wasPlaced?: boolean },
  ): void {
    const { store, reconciler } = this.#options
    const { hosts, revision, isPlaced } = concernOf(
      store.snapshot,
      reconciler.compiler,
      collection,
      object,
    )
    this.#since.written({
      ...{ name: nameOf(collection, object), revision, hosts, isNew },
      ...(isPlaced !== undefined && { isPlaced }),
      ...(wasPlaced !== undefined && { wasPlaced }),
    })
  }

  #progressed(hostId: string): void {
    this.#since.progressed(hostId)
    const refused = this.#options.reconciler.channel(hostId)?.refused.size ?? 0
    const before = this.#refusals.get(hostId) ?? 0
    if (refused === before) return
    if (refused === 0) this.#refusals.delete(hostId)
    else this.#refusals.set(hostId, refused)
    // Taken after all: since now.
    if (refused < before) for (const name of this.#since.noticed('item_refused')) this.#judge(name)
  }

  /** Has since when it is so noted. @param name 'port acme/vm1' */
  #judge(name: string): void {
    const space = name.indexOf(' ')
    const collection = name.slice(0, space) as Change['collection']
    if (!isDeclared(collection)) return
    const object = this.#options.store.snapshot.get(collection, name.slice(space + 1))
    if (object) this.status(collection, object)
  }
}

/** 'port acme/vm1', as changes name it. */
function nameOf(collection: Declared, object: Objects[Declared]): string {
  const { tenant, host, id } = object as { tenant?: string; host?: string; id: string }
  const parent = tenant ?? (collection === 'bridge' ? host : undefined)
  return parent === undefined ? `${collection} ${id}` : `${collection} ${parent}/${id}`
}

/** Where a host was seen to carry the port. */
function bindingOf(snapshot: Snapshot, uuid: string): Status['binding'] {
  const bound = snapshot.get('binding', uuid)
  if (!bound) return undefined
  const { hostId, ofport, interface: name, vid } = bound
  return ofport === undefined ? { hostId, interface: name, vid } : { hostId, ofport }
}

function shown({ state, reason, without }: HostAnswer): HostStatus {
  if (without.length === 0) return reason === undefined ? { state } : { state, reason }
  return { state, reason: `Degraded: ${without.join(', ')}` }
}
