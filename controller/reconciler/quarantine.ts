/**
 * Takes hosts out of quarantine (../model/quarantine.ts) as they confirm the revision that freed a number. By level: looked
 * at once in a turn of the event loop in which a host has confirmed something, come or gone; what is written is only what no
 * connected host is about to change. Costs by the hosts that hold something, away ones by one look each. Neighbour: `reconciler.ts`.
 */
import type { Edit, Quarantined } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Store } from '../store/store.ts'
import type { Logger } from './log.ts'

export interface QuarantineOptions {
  readonly store: Store
  readonly log: Logger
  /** The revision up to which nothing is left on a host that should be gone; undefined while that is not known. */
  readonly confirmed: (hostId: string) => number | undefined
  readonly isAway: (hostId: string) => boolean
  readonly signal: AbortSignal
}

export class Quarantine {
  readonly #options: QuarantineOptions
  /** Hosts that hold something. */
  readonly #holders: Set<string>
  readonly #waiting = new Set<() => void>()
  #isDue = false

  constructor(options: QuarantineOptions) {
    this.#options = options
    const { store, signal } = options
    const held = store.snapshot.list('quarantined').values()
    this.#holders = new Set([...held].flatMap(({ holders }) => holders))
    const stop = store.onCommit(({ changes }) => {
      for (const { collection, key, after } of changes)
        if (collection === 'host' && !after) this.#holders.delete(key)
        else if (collection === 'quarantined')
          for (const hostId of (after as Quarantined | undefined)?.holders ?? [])
            this.#holders.add(hostId)
      this.review()
    })
    signal.addEventListener('abort', stop, { once: true })
  }

  /** To be called when a host has confirmed something, has come or gone. */
  review(): void {
    if (this.#isDue || (this.#holders.size === 0 && this.#waiting.size === 0)) return
    this.#isDue = true
    setImmediate(() => void this.#look())
  }

  /** Whether the number is free, as soon as it is; false when a host that holds it is away, or when the signal aborts. */
  whenFree(key: string, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const check = () => {
        const entry = this.#options.store.snapshot.get('quarantined', key)
        const isVain = signal.aborted || entry?.holders.some(this.#options.isAway)
        if (entry && !isVain) return
        this.#waiting.delete(check)
        signal.removeEventListener('abort', check)
        resolve(entry === undefined)
      }
      this.#waiting.add(check)
      signal.addEventListener('abort', check, { once: true })
      check()
    })
  }

  async #look(): Promise<void> {
    const { store, log, signal } = this.#options
    const keys = signal.aborted ? [] : this.#confirmedKeys()
    try {
      if (keys.length > 0)
        await store.commitDurably((site) => this.#releases(site, keys), { who: 'controller' })
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'quarantine not written; tried again')
    }
    this.#isDue = false
    for (const check of [...this.#waiting]) check()
  }

  /** Of what a host that holds it has confirmed. */
  #confirmedKeys(): string[] {
    const { store, confirmed } = this.#options
    const keys = new Set<string>()
    for (const hostId of this.#holders) {
      const revision = confirmed(hostId)
      if (revision === undefined) continue
      let count = 0
      for (const key of store.snapshot.find('quarantinedByHolder', hostId)) {
        count++
        if ((store.snapshot.get('quarantined', key)?.freed ?? 0) <= revision) keys.add(key)
      }
      if (count === 0) this.#holders.delete(hostId)
    }
    return [...keys].filter((key) => this.#release(store.snapshot, key) !== undefined)
  }

  #releases(site: Snapshot, keys: readonly string[]): Edit[] {
    return keys.flatMap((key) => this.#release(site, key) ?? [])
  }

  #release(site: Snapshot, key: string): Edit<'quarantined'> | undefined {
    const { confirmed, isAway } = this.#options
    const entry = site.get('quarantined', key)
    if (!entry) return undefined
    const holders = entry.holders.filter((hostId) => (confirmed(hostId) ?? 0) < entry.freed)
    if (holders.length === 0) return { collection: 'quarantined', key, spec: undefined }
    // Who is connected is about to confirm: a network of a thousand hosts is not written a thousand times.
    if (holders.length === entry.holders.length || !holders.every(isAway)) return undefined
    return { collection: 'quarantined', key, spec: { holders } }
  }
}
