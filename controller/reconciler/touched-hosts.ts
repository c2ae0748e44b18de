/**
 * Which hosts each of the last revisions touched, and by whose request: a client that waits for a deletion needs them, and a log
 * in which a request can be followed to the hosts. Neighbour: `reconciler.ts`.
 */

/** Revisions that are remembered; those that are looked through for the requests behind a change, and what is said of them. */
const [REMEMBERED, LOOKED_AT, SAID] = [10_000, 1000, 20]

interface Touch {
  readonly hosts: readonly string[]
  readonly requestId: string | undefined
}

export class TouchedHosts {
  readonly #touches = new Map<number, Touch>()
  #newest = 0

  note(revision: number, hosts: readonly string[], requestId?: string): void {
    this.#touches.set(revision, { hosts, requestId })
    this.#newest = revision
    if (this.#touches.size > REMEMBERED) this.#touches.delete(revision - REMEMBERED)
  }

  /** Undefined when it is too long ago to know. */
  by(revision: number): readonly string[] | undefined {
    return this.#touches.get(revision)?.hosts
  }

  /** Ids of the requests that have touched a host after this revision, the newest first; at most the last 20. */
  requests(hostId: string, after: number): readonly string[] {
    const found: string[] = []
    const last = Math.max(after, this.#newest - LOOKED_AT)
    for (let at = this.#newest; at > last && found.length < SAID; at--) {
      const { hosts = [], requestId } = this.#touches.get(at) ?? {}
      if (requestId !== undefined && hosts.includes(hostId)) found.push(requestId)
    }
    return found
  }
}
