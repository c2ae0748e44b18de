/**
 * The compiler as the controller sees it: snapshots in, what to look at again on each host out. Translates changes of the
 * model into inputs of the program (`placement.ts` derives where ports are) and hands them to the engine.
 */
import type { Change, Snapshot } from '../model/snapshot.ts'
import { sameItem } from './block.ts'
import { Engine, type ItemsAsked } from './engine.ts'
import { fullCompile } from './full.ts'
import { ensure } from './maps.ts'
import { Placements } from './placement.ts'
import type { Input, Item, Placement, Program } from './program.ts'
import { block } from './stages.ts'
import type { Touched } from './touched.ts'
import { pipeline } from './units.ts'

/** Of one item on one host; undefined: it is not there. */
export interface ItemChange {
  readonly before: Item | undefined
  readonly after: Item | undefined
}
/** Host -> what would change there. */
export type Preview = ReadonlyMap<string, readonly ItemChange[]>

export class Compiler {
  readonly #program: Program
  #engine: Engine
  #placements = new Placements()

  /** Compiles a whole snapshot. @throws CompileConflict */
  constructor(snapshot: Snapshot, program: Program = pipeline) {
    this.#program = program
    this.#engine = new Engine(program)
    this.apply(allOf(snapshot))
  }

  /** Compiles what a commit changed. @throws CompileConflict */
  apply(changes: readonly Change[]): Touched {
    return this.#engine.apply(toInputs(changes, this.#placements))
  }

  /**
   * What a commit would change on each host, without changing anything: it is compiled and taken back at once, which costs
   * by the change. @param current what is compiled now @throws CompileConflict
   */
  preview(changes: readonly Change[], current: Snapshot): Preview {
    try {
      return this.#preview(changes)
    } catch (error) {
      // An engine that has met a conflict is worth nothing; the site is compiled anew.
      this.#engine = new Engine(this.#program)
      this.#placements = new Placements()
      this.apply(allOf(current))
      throw error
    }
  }

  /** What should be on a host under this id; undefined: nothing. */
  lookup(hostId: string, id: string): Item | undefined {
    return this.#engine.lookup(hostId, id)
  }

  /** Everything that should be on a host. */
  items(hostId: string): Iterable<Item> {
    return this.#engine.items(hostId)
  }

  /** What should be on a host because of one of these intents. */
  itemsOf(hostId: string, asked: ItemsAsked): readonly Item[] {
    return this.#engine.itemsOf(hostId, asked)
  }

  /** Units run so far: what compiling has cost. */
  get runs(): number {
    return this.#engine.runs
  }

  placement(portKey: string): Placement | undefined {
    return this.#placements.get(portKey)
  }

  /** Keys of the ports that are on a host now. */
  portsOn(hostId: string): ReadonlySet<string> {
    return this.#placements.on(hostId)
  }

  /** Ids of the physical networks that networks on this host are on. */
  physicalNetworksOf(hostId: string): string[] {
    const prefix = block.physical('')
    return [...this.#engine.blocks(hostId)]
      .filter((id) => id.startsWith(prefix))
      .map((id) => id.slice(prefix.length))
  }

  #preview(changes: readonly Change[]): Preview {
    const touched = this.apply(changes)
    const ids = [...touched.keys()].flatMap((hostId) =>
      [...(touched.get(hostId)?.keys() ?? [])].map((id) => ({ hostId, id })),
    )
    const after = ids.map(({ hostId, id }) => this.lookup(hostId, id))
    this.apply(changes.map(reversed).reverse())
    const hosts: Map<string, ItemChange[]> = new Map()
    for (const [at, { hostId, id }] of ids.entries()) {
      const change = { before: this.lookup(hostId, id), after: after[at] }
      if (isDifferent(change)) ensure(hosts, hostId, () => []).push(change)
    }
    return hosts
  }

  /** Hosts that carry a network now. */
  hostsOfNetwork(networkKey: string): ReadonlySet<string> {
    return this.#engine.members('hostsOfNetwork', networkKey)
  }

  /** Keys of the networks that are on a host now, of every type. */
  networksOfHost(hostId: string): ReadonlySet<string> {
    return this.#engine.members('networksOfHost', hostId)
  }
}

const isDifferent = ({ before, after }: ItemChange): boolean =>
  before && after ? !sameItem(before, after) : before !== after

const reversed = ({ collection, key, before, after }: Change): Change =>
  ({ collection, key, before: after, after: before }) as Change

/** The oracle of Compiler: the same snapshot compiled from nothing by the plain compile. @throws CompileConflict */
export function compileFull(
  snapshot: Snapshot,
  program: Program = pipeline,
): Map<string, Map<string, Item>> {
  return fullCompile(program, toInputs(allOf(snapshot), new Placements()))
}

/** Collections of the model that are inputs of the program. */
const asTheyAre: ReadonlySet<string> = new Set([
  'physicalNetwork',
  'network',
  'host',
  'bridge',
  'quarantined',
])

function toInputs(changes: readonly Change[], placements: Placements): Input[] {
  const inputs: Input[] = []
  for (const { collection, key, after } of changes) {
    if (asTheyAre.has(collection)) inputs.push({ collection, key, value: after } as Input)
  }
  return [...inputs, ...placements.apply(changes)]
}

function allOf(snapshot: Snapshot): Change[] {
  const changes: Change[] = []
  for (const collection of [
    'physicalNetwork',
    'network',
    'host',
    'bridge',
    'quarantined',
    'port',
    'binding',
  ] as const) {
    for (const [key, after] of snapshot.list(collection))
      changes.push({ collection, key, before: undefined, after } as Change)
  }
  return changes
}
