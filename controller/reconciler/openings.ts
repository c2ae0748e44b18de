/**
 * Hosts that dial in are opened in turn: sessions to hear who they are, bridges to be read and put right, those first that lack
 * something. What each had when it went is kept here, and on the host, for the controller that comes after this one.
 * Neighbours: `admission.ts` (turns), `lacking.ts`, `confirmations.ts`; `reconciler.ts` owns it.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { allFlows } from '../../southbound/openflow/multipart.ts'
import { type Clock, deadline } from '../../southbound/wire/clock.ts'
import type { Compiler } from '../compiler/compiler.ts'
import { table } from '../compiler/stages.ts'
import { keepRunning } from '../keep-running.ts'
import type { Store } from '../store/store.ts'
import { Admission, type Need } from './admission.ts'
import type { HostSession } from './host-session.ts'
import { Lacking } from './lacking.ts'
import type { Logger } from './log.ts'

export interface OpeningsOptions {
  readonly store: Store
  readonly compiler: Compiler
  readonly clock: Clock
  readonly log: Logger
  /** Ends the waiting, and the remembering. */
  readonly signal: AbortSignal
  /** The session of an ovs host; undefined while it is away. */
  readonly session: (hostId: string) => HostSession | undefined
  /** Up to which revision a host has everything; undefined while it is away or refuses something. */
  readonly complete: (hostId: string) => number | undefined
}

/** How long a host has been left alone before it is told what it has; so many are told in one go. Milliseconds. */
const REMEMBER_MS = 10_000
const REMEMBER_HOSTS = 200
/** Who remembers a revision this old is told a newer one, so that few have to be read back. */
const OLD = 5000

export class Openings {
  readonly #options: OpeningsOptions
  readonly #admission: Admission
  readonly #lacking: Lacking
  /** Host -> the revision up to which it had everything when it went. */
  readonly #left = new Map<string, number>()

  constructor(options: OpeningsOptions) {
    this.#options = options
    const { store, compiler } = options
    this.#admission = new Admission(options)
    this.#lacking = new Lacking(store, compiler)
    const name = 'remembering of what hosts have'
    void keepRunning((signal) => this.#remember(signal), { name, ...options })
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#admission.waiting
  }

  /** A session's turn to say who it is; gives what ends it. Rejects when the signal aborts. */
  session(signal: AbortSignal): Promise<() => void> {
    return this.#admission.enter(() => 'unknown', signal)
  }

  /** A bridge's turn to be read and put right; gives what ends it. Rejects when the signal aborts. */
  async bridge(hostId: string, connection: Connection, signal: AbortSignal): Promise<() => void> {
    const had = this.#left.get(hostId) ?? this.#options.session(hostId)?.remembered
    const lacks = () => this.#lacking.since(hostId, had)
    // One that has been started anew remembers what it does not have.
    const isEmpty = !lacks() && (await hasNothing(connection, this.#options.clock, signal))
    const need = (): Need => (isEmpty || lacks() ? 'lacking' : 'complete')
    return this.#admission.enter(need, signal)
  }

  /** A commit has touched these hosts. */
  touched(hosts: Iterable<string>, revision: number): void {
    this.#lacking.touched(hosts, revision)
  }

  /** A bridge has gone; it had everything up to this revision; 0: something was refused, or never sent. */
  left(hostId: string, revision: number): void {
    if (revision === 0) this.#left.delete(hostId)
    else this.#left.set(hostId, revision)
  }

  /** Lets hosts remember what they have, some at a time. */
  async #remember(signal: AbortSignal): Promise<void> {
    const { store, clock, session, complete } = this.#options
    /** Host -> the revision that it had the last time. */
    let before = new Map<string, number>()
    for (;;) {
      await clock.sleep(REMEMBER_MS, signal)
      const now = new Map<string, number>()
      let told = 0
      for (const hostId of store.snapshot.list('host').keys()) {
        const [host, revision] = [session(hostId), complete(hostId)]
        if (!host || revision === undefined) continue
        now.set(hostId, revision)
        const { remembered } = host
        const isQuiet = !this.#lacking.since(hostId, before.get(hostId) ?? revision)
        const isOld = remembered === undefined || revision - remembered > OLD
        if (!isOld && !this.#lacking.since(hostId, remembered)) continue
        if (isQuiet && told++ < REMEMBER_HOSTS) void host.remember(revision)
      }
      before = now
    }
  }
}

/** Whether a bridge is without flows; one that does not answer in time is not. */
async function hasNothing(
  connection: Connection,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const body = { ...allFlows(), table_id: table.classify }
  const end = AbortSignal.any([signal, deadline(clock, 5000)])
  try {
    const [all] = await connection.multipart({ kind: 'aggregate', body }, { signal: end })
    return all?.flow_count === 0
  } catch (error) {
    if (signal.aborted) throw error
    return false
  }
}
