/**
 * Which hosts lack something, as far as can be told before they are read: those that a revision has touched since the last one
 * that they had whole. What a commit touches the compiler tells; of revisions before the start the journal tells it, which is
 * read back as far as somebody asks. A guess for the order of openings alone: what a host lacks its audit finds.
 * Neighbours: `openings.ts` asks, `confirmations.ts` (how a host remembers what it had).
 */
import type { Compiler } from '../compiler/compiler.ts'
import type { Host, Port } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { RevisionChange } from '../store/history.ts'
import type { Store } from '../store/store.ts'

/** Revisions that are read back; who was away for more is taken to lack something. */
const MOST = 10_000

export class Lacking {
  readonly #store: Store
  readonly #compiler: Compiler
  /** Host -> the last revision that touched it, of those after `#from`. */
  readonly #touched = new Map<string, number>()
  #from: number
  /** Up to this one nothing is known. */
  #tooOld = -1
  /** The last revision after `#from` that may have touched any host. */
  #anywhere = 0

  constructor(store: Store, compiler: Compiler) {
    this.#store = store
    this.#compiler = compiler
    this.#from = store.snapshot.revision
  }

  /** A commit has touched these hosts. */
  touched(hosts: Iterable<string>, revision: number): void {
    for (const hostId of hosts) this.#touched.set(hostId, revision)
  }

  /** Whether a host that had everything up to a revision lacks something; undefined: it is not known to have had anything. */
  since(hostId: string, revision: number | undefined): boolean {
    if (revision === undefined || revision > this.#store.snapshot.revision) return true
    // Asked for each host that waits, whenever a place is free: the store is asked once for each revision.
    if (revision <= this.#tooOld || !this.#readBack(revision)) return true
    return Math.max(this.#touched.get(hostId) ?? 0, this.#anywhere) > revision
  }

  /** Knows of all revisions after this one then; false: it is too old for that. */
  #readBack(revision: number): boolean {
    if (revision >= this.#from) return true
    const { snapshot, oldestRevision } = this.#store
    if (revision < Math.max(oldestRevision, snapshot.revision - MOST)) {
      this.#tooOld = revision
      return false
    }
    const range = { from: revision + 1, limit: this.#from - revision }
    for (const { revision: at, changes } of this.#store.revisions(range)) {
      for (const change of changes)
        for (const hostId of touchedBy(change, this.#store.snapshot, this.#compiler))
          this.#touched.set(hostId, Math.max(at, this.#touched.get(hostId) ?? 0))
      if (changes.some(([collection]) => collection === 'physicalNetwork'))
        this.#anywhere = Math.max(at, this.#anywhere)
    }
    this.#from = revision
    return true
  }
}

/** The hosts whose flows a change may have changed, by the networks as they are now. */
function* touchedBy(
  [collection, key, before, after]: RevisionChange,
  snapshot: Snapshot,
  compiler: Compiler,
): Generator<string> {
  if (collection === 'host') {
    yield key
    for (const network of compiler.networksOfHost(key)) yield* compiler.hostsOfNetwork(network)
  } else if (collection === 'network') yield* compiler.hostsOfNetwork(key)
  else if (collection === 'port' || collection === 'binding' || collection === 'bridge') {
    for (const object of [before, after] as readonly (Partial<Host & Port> | undefined)[]) {
      // Where it was, or is, declared or seen to be.
      const { hostId, host } = (object ?? {}) as { hostId?: string; host?: string }
      if (hostId !== undefined) yield hostId
      if (host !== undefined) yield host
    }
    const port = collection === 'binding' ? portOf(key, snapshot) : ((after ?? before) as Port)
    if (collection !== 'bridge' && port)
      yield* compiler.hostsOfNetwork(`${port.tenant}/${port.network}`)
  }
}

function portOf(uuid: string, snapshot: Snapshot): Port | undefined {
  const [key] = snapshot.find('portByUuid', uuid)
  return key === undefined ? undefined : snapshot.get('port', key)
}
