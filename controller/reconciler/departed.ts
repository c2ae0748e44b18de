/**
 * Hosts that this site has had and has lost, by what they call themselves: what they carry of ours is taken back when they
 * dial in. From the journal, as far back as it is kept; a controller whose store is new knows of none, and takes nothing back.
 * Neighbours: `host-session.ts`, `vtep/vtep-session.ts`.
 */
import type { Host, Network } from '../model/schema.ts'
import type { ObjectMove as Move } from '../store/entry.ts'
import type { Store } from '../store/store.ts'

export class Departed {
  readonly #store: Store
  /** By system-id; undefined until somebody asks. */
  #hosts: Map<string, Host> | undefined
  /** Uuids of networks and ports, keys of bridges: all that this site has ever made on a device. As `#hosts`. */
  readonly #made = new Set<string>()
  /** System-ids of those that are as Weft found them, and may be another site's since. */
  readonly #returned = new Set<string>()

  constructor(store: Store) {
    this.#store = store
    store.onCommit(({ changes }) => {
      for (const { collection, key, before, after } of changes) {
        if (collection === 'host' && after) this.#returned.delete((after as Host).systemId)
        if (this.#hosts) this.#note(this.#hosts, [collection, key, before, after] as Move)
      }
    })
  }

  /** The host as it was last, of this kind; undefined while the model names it, or has never done so. */
  host(systemId: string | undefined, kind: Host['kind']): Host | undefined {
    if (systemId === undefined || this.#returned.has(systemId)) return undefined
    const { snapshot } = this.#store
    if ([...snapshot.find('hostBySystemId', systemId)].length > 0) return undefined
    this.#hosts ??= this.#read()
    const host = this.#hosts.get(systemId)
    // Its id is another machine's now: the two would be mixed up.
    return host?.kind === kind && !snapshot.get('host', host.id) ? host : undefined
  }

  /** Whether this site has made it: the uuid of a network or port, or the key of a bridge. */
  made(what: string): boolean {
    this.#hosts ??= this.#read()
    return this.#made.has(what)
  }

  /** It is as Weft found it: what it has from now on is not ours, until the model names it again. */
  returned(systemId: string): void {
    this.#returned.add(systemId)
  }

  #read(): Map<string, Host> {
    const departed = new Map<string, Host>()
    const { snapshot } = this.#store
    for (const collection of ['network', 'port', 'bridge'] as const)
      for (const [key, object] of snapshot.list(collection))
        this.#note(departed, [collection, key, null, object])
    for (const { entry } of this.#store.journal())
      for (const move of entry.objects) this.#note(departed, move)
    return departed
  }

  #note(departed: Map<string, Host>, [collection, key, before, after]: Move): void {
    if (collection === 'bridge') this.#made.add(key)
    if (collection === 'network' || collection === 'port')
      for (const object of [before, after]) if (object) this.#made.add((object as Network).uuid)
    if (collection !== 'host') return
    if (before && !after) departed.set((before as Host).systemId, before as Host)
    if (after) departed.delete((after as Host).systemId)
  }
}
