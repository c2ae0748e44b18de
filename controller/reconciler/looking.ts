/** What the sessions of hosts of every kind have in common: how they look again, complain once, and notice a contest. */

/** Runs `look` whenever asked to, never two at a time; asked for meanwhile, once more. */
export class Looking {
  readonly #look: () => Promise<void>
  readonly #signal: AbortSignal
  readonly #failed: (error: Error) => void
  #running = false
  #again = false

  /** @param failed gets what `look` throws; nothing is looked at after `signal` */
  constructor(look: () => Promise<void>, signal: AbortSignal, failed: (error: Error) => void) {
    this.#look = look
    this.#signal = signal
    this.#failed = failed
  }

  /** Soon, not at once. */
  again(): void {
    this.#again = true
    if (this.#running) return
    this.#running = true
    queueMicrotask(() => {
      this.#loop().catch(this.#failed)
    })
  }

  async #loop(): Promise<void> {
    try {
      while (this.#again && !this.#signal.aborted) {
        this.#again = false
        await this.#look()
      }
    } finally {
      this.#running = false
    }
  }
}

/** Different complaints about one session; a host that invents more is not told about any further. */
const MAX_COMPLAINTS = 100

/** Gives a function that says a thing the first time only. */
export function onceEach(): (what: string, say: () => void) => void {
  const said = new Set<string>()
  return (what, say) => {
    if (said.has(what) || said.size >= MAX_COMPLAINTS) return
    said.add(what)
    say()
  }
}

const ROW_ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

/** Operations as text in which rows are called by name: the same when somebody makes a row anew, which has another uuid. */
export function rowsByName(
  operations: readonly object[],
  names: ReadonlyMap<string, string> = new Map(),
): string {
  return JSON.stringify(operations).replace(ROW_ID, (uuid) => names.get(uuid) ?? '')
}

/** The same rows to write again within this time: somebody else writes them too. Milliseconds. */
const CONTEST_MS = 5000

/** Remembers the last rows written, and says whether the same ones are due again right after. */
export class Contest {
  #last = { text: '', at: Number.NEGATIVE_INFINITY }

  /** @param now milliseconds */
  isOn(text: string, now: number): boolean {
    return text === this.#last.text && now - this.#last.at < CONTEST_MS
  }

  /** The host has taken them: a refusal is no contest. */
  wrote(text: string, at: number): void {
    this.#last = { text, at }
  }
}
