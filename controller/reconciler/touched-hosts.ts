/** Which hosts each of the last revisions touched: a client that waits for a deletion needs them. Neighbour: `reconciler.ts`. */

/** Revisions that are remembered. */
const REMEMBERED = 10_000

export class TouchedHosts {
  readonly #hosts = new Map<number, readonly string[]>()

  note(revision: number, hosts: readonly string[]): void {
    this.#hosts.set(revision, hosts)
    if (this.#hosts.size > REMEMBERED) this.#hosts.delete(revision - REMEMBERED)
  }

  /** Undefined when it is too long ago to know. */
  by(revision: number): readonly string[] | undefined {
    return this.#hosts.get(revision)
  }
}
