/**
 * The flows, groups and meters of one br-int, kept as the compiler says, over one OpenFlow connection.
 *
 *   monitor on ─► audit: read all, diff, apply ─► loop: what was touched ─► one bundle + barrier ─► confirmed
 *                   ▲                                ▲
 *                   └ every minute, and after errors └ commits (touch), drift seen by the monitor
 *
 * By level: a touched id is looked up when it is sent, so late, doubled or reordered news do no harm.
 * Neighbours: `actual.ts`, `mods.ts`, `drops.ts`; `host-session.ts` owns the channel.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import type { OpenflowError } from '../../southbound/openflow/error.ts'
import { type MonitorEvent, monitorFlows } from '../../southbound/openflow/monitor.ts'
import { formatFlow } from '../../southbound/openflow/text.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import { type Item, isRow, type SwitchItem } from '../compiler/program.ts'
import { isMute } from '../compiler/sample-units.ts'
import { actualFlow, difference, isAsDesired, readActual } from './actual.ts'
import type { EventLog } from './events.ts'
import type { Logger } from './log.ts'
import { applySteps, type Step } from './mods.ts'
import { RefusedItems } from './refused-items.ts'

/** What should be on the host; answers change with every commit. */
export interface Desired<I extends Item = SwitchItem> {
  items(): Iterable<I>
  lookup(id: string): I | undefined
  /** The revision that the answers are of. */
  revision(): number
  /** Ids of requests that have touched the host after this revision, for the log. */
  requests(after: number): readonly string[]
}

export interface FlowChannelOptions {
  readonly hostId: string
  readonly connection: Connection
  readonly desired: Desired
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** Called whenever `confirmed` has risen, or other items are refused than before. */
  readonly onProgress: () => void
  /** Whether hosts wait to be put right, which come before another audit of this one. */
  readonly othersWait: () => boolean
}

/** The second net below the flow monitor. Milliseconds. */
const AUDIT_MS = 60_000
/** So many audits in a row are left out at most while others wait. */
const MOST_LEFT_OUT = 4

export class FlowChannel {
  readonly connection: Connection
  /** The bridge has everything up to this revision; 0: not known yet. */
  confirmed = 0
  readonly refused = new RefusedItems()
  readonly #options: FlowChannelOptions
  /** Ids to look at, each with what the bridge was last seen to have. */
  #touched = new Map<string, SwitchItem | undefined>()
  /** Ids of which has been sent what no barrier has closed yet. */
  #sent: { has(id: string): boolean } = new Set<string>()
  /** Ids of groups and meters on the bridge: those need to know whether to add or to modify. */
  #present = new Set<string>()
  #auditDue = true
  #wake: () => void = () => {}

  constructor(options: FlowChannelOptions) {
    this.#options = options
    this.connection = options.connection
  }

  /** Tells that these items may have changed; undefined: a revision that does not concern this host. */
  touch(items: ReadonlyMap<string, Item> | undefined): void {
    for (const [id, item] of items ?? []) if (!isRow(item)) this.#touched.set(id, item)
    this.#wake()
  }

  /** Whether the bridge has confirmed this item as it should be now. */
  isConfirmed(id: string): boolean {
    if (this.confirmed === 0 || this.#touched.has(id)) return false
    return !this.#sent.has(id) && !this.refused.has(id)
  }

  /** Runs until the connection ends or the signal aborts. Rejects with the reason. */
  async run(signal: AbortSignal): Promise<never> {
    await monitorFlows(this.connection, { signal }, (event) => this.#monitored(event))
    const audits = this.#scheduleAudits(signal)
    audits.catch(() => {}) // ends with the signal only
    for (;;) {
      if (this.#auditDue) await this.#audit(signal)
      else if (this.#touched.size) await this.#flush(signal)
      else {
        this.#confirm(this.#options.desired.revision())
        await this.#sleep(signal)
      }
    }
  }

  async #scheduleAudits(signal: AbortSignal): Promise<never> {
    const { clock, othersWait } = this.#options
    for (let leftOut = 0; ; ) {
      await clock.sleep(AUDIT_MS, signal)
      if (othersWait() && leftOut++ < MOST_LEFT_OUT) continue
      leftOut = 0
      this.#auditDue = true
      this.#wake()
    }
  }

  #sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      this.#wake = () => {
        signal.removeEventListener('abort', abort)
        this.#wake = () => {}
        resolve()
      }
      if (signal.aborted) abort()
    })
  }

  async #audit(signal: AbortSignal): Promise<void> {
    const { desired, events, hostId, log } = this.#options
    const first = this.confirmed === 0
    this.#auditDue = false
    // Before reading: what is touched while the answer is on its way has to be looked at again.
    this.#sent = this.#touched
    this.#touched = new Map()
    const actual = await readActual(this.connection, signal)
    this.#present = new Set(
      [...actual.values()].filter(({ kind }) => kind !== 'flow').map(({ id }) => id),
    )
    const revision = desired.revision()
    const steps = difference(actual, desired.items())
    this.#sent = new Set(steps.flatMap(({ want, have }) => (want ?? have)?.id ?? []))
    this.#forgetRefused(this.#sent)
    if (!first) for (const step of steps) this.#recordDrift(step, 'found by the audit')
    await this.#apply(steps, signal)
    if (first)
      events.add(
        'host_connected',
        hostId,
        `${hostId} is driven; ${steps.length} items were put right`,
        { revision, steps: steps.length },
      )
    log.info({ host: hostId, revision, read: actual.size, mended: steps.length }, 'audited')
    this.#confirm(revision)
  }

  async #flush(signal: AbortSignal): Promise<void> {
    const { desired, hostId, log } = this.#options
    const touched = this.#touched
    this.#touched = new Map()
    this.#sent = touched
    const revision = desired.revision()
    const steps: Step[] = []
    for (const [id, last] of touched) {
      const want = desired.lookup(id)
      const kind = (want ?? last)?.kind
      const have = kind === 'flow' || this.#present.has(id) ? last : undefined
      if (want || have) steps.push({ want, have })
    }
    await this.#apply(steps, signal)
    const requests = desired.requests(this.confirmed)
    log.info({ host: hostId, revision, items: steps.length, requests }, 'applied')
    this.#confirm(revision)
  }

  /** A step that the switch refuses is set aside, named, and tried again by the next audit. */
  async #apply(steps: readonly Step[], signal: AbortSignal): Promise<void> {
    const onRefused = (step: Step, error: OpenflowError) => this.#refuse(step, error)
    const before = this.refused.size
    for (const { want, have } of await applySteps(this.connection, steps, { signal, onRefused })) {
      const item = want ?? have
      if (!item) continue
      this.refused.delete(item.id)
      if (item.kind === 'flow') continue
      if (want) this.#present.add(item.id)
      else this.#present.delete(item.id)
    }
    this.#sent = new Set()
    // What was refused and is taken now makes no revision rise.
    if (this.refused.size < before) this.#options.onProgress()
  }

  #refuse({ want, have }: Step, error: OpenflowError): void {
    const item = (want ?? have) as SwitchItem
    const { desired, events, hostId } = this.#options
    const { known, refused } = this.refused.add(item, error, desired.revision())
    if (known?.reason === refused.reason) return
    // The first refusal may come from a wrong belief about the bridge: read it again. Then it stands until the next audit.
    if (!known) this.#auditDue = true
    const intents = item.from.join(', ')
    events.add(
      'item_failed',
      hostId,
      `${hostId} refused ${describe(item)} of ${intents}: ${refused.reason}`,
      { item: describe(item), from: item.from },
    )
  }

  /** What is as it should be, or no longer wanted, has not failed. */
  #forgetRefused(open: { has(id: string): boolean }): void {
    const before = this.refused.size
    for (const id of [...this.refused.ids()]) if (!open.has(id)) this.refused.delete(id)
    if (this.refused.size < before) this.#options.onProgress()
  }

  #confirm(revision: number): void {
    if (this.#touched.size === 0 && !this.#auditDue) revision = this.#options.desired.revision()
    if (revision <= this.confirmed) return
    this.confirmed = revision
    this.#options.onProgress()
  }

  #monitored(event: MonitorEvent): void {
    if (event.event === 'abbrev' || event.event === 'paused') return
    if (event.event === 'resumed') {
      this.#auditDue = true
    } else if (!isMute(event)) {
      const seen = actualFlow(event)
      const have = event.event === 'deleted' ? undefined : seen
      const want = this.#options.desired.lookup(seen.id)
      if (isAsDesired(have, want)) return
      this.#recordDrift({ want, have: seen }, event.event)
      this.#touched.set(seen.id, seen)
    }
    this.#wake()
  }

  #recordDrift({ want, have }: Step, seen: string): void {
    const { events, hostId } = this.#options
    const item = want ?? have
    if (!item || this.refused.has(item.id)) return
    const intent = want ? want.from.join(', ') : 'foreign'
    const text = describe(item)
    const was = have && want ? describe(have) : text
    const what = want ? `a ${item.kind} of ${intent}` : `a foreign ${item.kind}`
    events.add('drift', hostId, `${what} on ${hostId} was ${seen}; put right`, {
      seen,
      item: text,
      intent,
      cookie: `0x${(have ?? item).cookie.toString(16)}`,
      ...(was === text ? {} : { was }),
    })
  }
}

function describe(item: SwitchItem): string {
  if (item.kind === 'flow') return formatFlow(item.flow)
  return item.kind === 'group' ? `group ${item.group.group_id}` : `meter ${item.meterId}`
}
