/**
 * What everybody in the process sees: the current site, and one commit per revision, in order. Runs
 * behind the journal by what a group has written and not yet told.
 */
import type { Site } from '../model/snapshot.ts'
import type { Commit } from './group-commit.ts'

export class Publication {
  readonly #listeners = new Set<(commit: Commit) => void>()
  readonly #waiting: Commit[] = []
  #publishing = false
  #site: Site

  constructor(site: Site) {
    this.#site = site
  }

  get site(): Site {
    return this.#site
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Called by a listener, it queues behind what is being told. A revision stands whatever a listener
   * does: one that throws is a fault of the program, and ends it as such.
   */
  publish(commits: readonly Commit[]): void {
    this.#waiting.push(...commits)
    if (this.#publishing) return
    this.#publishing = true
    for (let commit = this.#waiting.shift(); commit; commit = this.#waiting.shift()) {
      this.#site = commit.snapshot as Site
      for (const listener of this.#listeners) {
        try {
          listener(commit)
        } catch (error) {
          queueMicrotask(() => {
            throw error
          })
        }
      }
    }
    this.#publishing = false
  }

  /** Nobody is told of anything any more. */
  end(): void {
    this.#listeners.clear()
  }
}
