/**
 * What the sessions of hosts of every kind have in common: who is at the other end, whether he still is, when to look
 * again, and how rows are written to him. Neighbours: `host-session.ts`, `vtep/vtep-session.ts` (what is looked at),
 * `looking.ts`.
 */
import type { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { OvsdbError } from '../../southbound/ovsdb/error.ts'
import type { Operation } from '../../southbound/ovsdb/operation.ts'
import type { DatabaseSchema } from '../../southbound/ovsdb/schema.ts'
import { type Clock, deadline } from '../../southbound/wire/clock.ts'
import type { Store } from '../store/store.ts'
import type { PeerIdentity } from '../tls/identity.ts'
import { nothingReported, type Plug, reportBindings } from './bindings.ts'
import type { EventLog } from './events.ts'
import type { Logger } from './log.ts'
import { Contest, Looking, type onceEach } from './looking.ts'

/** What a system-id may be; anything else is none. */
export const SYSTEM_ID = /^[A-Za-z0-9._:-]{1,128}$/

export interface LineOptions {
  readonly store: Store
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** What the host's certificate says; undefined when it did not come over TLS. */
  readonly identity?: PeerIdentity | undefined
  /** Whether a binding of another host still holds, or may: then this host does not take it at first sight. */
  readonly isHeld: (ifaceId: string, byHost: string) => boolean
}

/** What a line asks of the session whose it is. */
export interface LineUser {
  /** Something may have changed: what was right is not known to be so until the next look. */
  readonly stale: () => void
  readonly look: () => Promise<void>
}

/** Rows to be put right on a host. */
export interface Writing {
  readonly hostId: string
  /** Asked for when they are sent. */
  readonly operations: () => readonly Operation[]
  /** What is wrong and what is written against it, without what differs each time: ids of rows. */
  readonly text: string
  /** Rows, for the log. */
  readonly count: number
  /** Ids of the requests behind them, for the log. */
  readonly requests?: readonly string[]
  /** Says a thing of this host the first time only. */
  readonly once: ReturnType<typeof onceEach>
  /** Of rows that are written beside others: whether somebody keeps changing these back. */
  readonly contest?: Contest
  /** Called with what the host has against them. */
  readonly onRefusal?: (why: string) => void
  /** Called unless somebody keeps changing these rows back. */
  readonly onNews?: () => void
}

/** How long a host may take to answer before it is given up. Milliseconds. */
export const ANSWER_MS = 10_000
/** The same where somebody else says that he is this host. */
const STILL_THERE_MS = 5000
/** Between attempts at rows that the host refused, or that somebody keeps changing back. Milliseconds. */
const RETRY_MS = 1000

export class HostLine {
  /** Where it dials from, for people. */
  readonly peer: string
  /** Milliseconds since 1970. */
  readonly since: number
  readonly #client: OvsdbClient
  readonly #schema: DatabaseSchema
  readonly #options: LineOptions
  readonly #user: LineUser
  readonly #reported = nothingReported()
  readonly #end = new AbortController()
  readonly #contest = new Contest()
  readonly #looking: Looking

  constructor(
    { client, peer, schema }: { client: OvsdbClient; peer: string; schema: DatabaseSchema },
    options: LineOptions,
    user: LineUser,
  ) {
    this.#client = client
    this.#schema = schema
    this.peer = peer
    this.#options = options
    this.#user = user
    this.since = options.clock.wall()
    this.#looking = new Looking(user.look, this.#end.signal, (error) => this.close(error))
    void client.closed.then((reason) =>
      this.#end.abort(reason ?? new Error('the host ended the session')),
    )
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

  /** Whether the host was last seen with an interface of this iface-id. */
  carries(ifaceId: string): boolean {
    return this.#reported.bindings.has(ifaceId)
  }

  /** Lets the store observe what the host carries. */
  report(plugs: Iterable<Plug>, hostId: string): void {
    reportBindings(plugs, hostId, { ...this.#options, reported: this.#reported })
  }

  /** Looks at everything again, soon; until then nothing is said to be right. */
  look(): void {
    this.#user.stale()
    this.#looking.again()
  }

  /** Looks as if for the first time: what was left to others may be ours after all. What it carried it still carries. */
  lookAfresh(): void {
    this.#reported.first = true
    this.look()
  }

  /** Asks the host whether it is still there; false: it has not answered within 5 s. */
  async answers(): Promise<boolean> {
    const asked = new AbortController()
    const signal = AbortSignal.any([this.#end.signal, asked.signal])
    const given = this.#client.transact(this.#schema, [], { signal }).then(
      () => true,
      (error) => error instanceof OvsdbError && error.isPeers,
    )
    const late = this.#options.clock.sleep(STILL_THERE_MS, signal).then(
      () => false,
      () => given,
    )
    try {
      return await Promise.race([given, late])
    } finally {
      asked.abort()
    }
  }

  /** Sends what a host may refuse without harm. Never rejects. */
  async tell(operations: readonly Operation[]): Promise<void> {
    const { clock } = this.#options
    const signal = AbortSignal.any([this.#end.signal, deadline(clock, ANSWER_MS)])
    try {
      await this.#client.transact(this.#schema, operations, { signal })
    } catch (error) {
      const { peer } = this
      this.#options.log.info({ peer, reason: (error as Error).message }, 'rows not taken')
    }
  }

  /** Sends it, and looks again then; in a second when somebody keeps changing the same back. @returns whether the host took it */
  async write({
    hostId,
    operations,
    text,
    count,
    requests,
    once,
    ...of
  }: Writing): Promise<boolean> {
    const { clock, events, log } = this.#options
    const { contest = this.#contest, onNews, onRefusal } = of
    if (contest.isOn(text, clock.now())) {
      const message = `somebody else keeps changing the rows of ${hostId} that are ours`
      once('contested', () => events.add('rows_contested', hostId, message))
      await clock.sleep(RETRY_MS, this.#end.signal)
    } else onNews?.()
    this.#looking.again()
    try {
      const signal = AbortSignal.any([this.#end.signal, deadline(clock, ANSWER_MS)])
      await this.#client.transact(this.#schema, operations(), { signal })
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error
      const message = `${hostId} refused its rows: ${error.message}`
      onRefusal?.(message)
      once(error.message, () => events.add('rows_failed', hostId, message))
      await clock.sleep(RETRY_MS, this.#end.signal)
      return false
    }
    contest.wrote(text, clock.now())
    log.info({ host: hostId, rows: count, ...(requests && { requests }) }, 'rows written')
    return true
  }
}

/** '192.0.2.1' of '192.0.2.1:6640'; a name without a port stays as it is. */
export function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '')
}
