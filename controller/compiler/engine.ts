/**
 * The incremental engine: recompiles only what read a changed object, and stops where the result is equal.
 *
 *   input cells ──read──► units ──emit──► blocks ──link──► hosts
 *   index cells ──read──►   │
 *                           └─ a unit is one function for one object, or for one pair of an index
 *
 * Reading the model through a View records the dependency; a commit marks the readers of changed cells and runs those
 * alone. Units emit items (flows, groups, meters) into blocks; a block is shared by all hosts that link it, so one
 * changed flow of a network is one difference, however many hosts carry the network. The slow and obvious version of
 * the same law is `full.ts`; both run the units of a Program (`program.ts`).
 */
import { Block, CompileConflict, type Outputs, sameItem } from './block.ts'
import { ensure } from './maps.ts'
import type { Emitter, Index, Input, Item, Program, Unit } from './program.ts'
import { block } from './stages.ts'

/** A value that units read: an object, or the members of an index under one key. */
interface Cell {
  value: unknown
  readonly readers: Set<Task>
  /** Where the cell is kept, so that it can go when it holds nothing and nobody reads it. */
  readonly home: Map<string, Cell>
  readonly key: string
}

/** One unit applied to one object or pair; what it read and what it emitted at its last run. */
interface Task extends Outputs {
  readonly unit: Unit
  readonly key: string
  readonly member: string
  reads: Set<Cell>
  queued: boolean
  dead: boolean
}

interface IndexState {
  readonly cells: Map<string, Cell>
  /** index key -> member -> how many objects put it there. */
  readonly counts: Map<string, Map<string, number>>
}

/** What one commit changed, for each host: the items to look at again, by id. Level-based: `Engine.lookup` says what should be. */
export type Touched = Map<string, Map<string, Item>>

export class Engine {
  readonly #program: Program
  readonly #objects = new Map<string, Map<string, Cell>>()
  readonly #indexes = new Map<string, IndexState>()
  readonly #contributions = new Map<string, [name: string, index: Index][]>()
  readonly #tasks = new Map<string, Task>()
  readonly #blocks = new Map<string, Block>()
  /** host -> its blocks. */
  readonly #links = new Map<string, Map<Block, number>>()
  #queue: Task[] = []
  #touchedBlocks = new Set<Block>()
  #relinked: { host: string; block: Block }[] = []
  /** Units run since the start; a test reads it to see that cost follows the change. */
  runs = 0

  constructor(program: Program) {
    this.#program = program
    for (const [name, declarations] of Object.entries(program.indexes)) {
      this.#indexes.set(name, { cells: new Map(), counts: new Map() })
      for (const index of declarations)
        ensure(this.#contributions, index.of, () => []).push([name, index])
    }
    for (const unit of program.units) if (unit.on === 'site') this.#spawn(unit, '', '')
  }

  /**
   * Applies changed inputs and recompiles what depends on them.
   * @throws CompileConflict when two intents disagree about one flow; the engine must then be discarded.
   */
  apply(changes: readonly Input[]): Touched {
    for (const change of changes) this.#set(change)
    // A unit reads cells only, never another unit, so one pass over the queue settles everything.
    const queue = this.#queue
    this.#queue = []
    for (const task of queue) if (task.dead) this.#replace(task, { items: [], links: [] })
    for (const task of queue) if (!task.dead) this.#run(task)
    return this.#collect()
  }

  /** What should be on a host under this item id; undefined: nothing. */
  lookup(host: string, id: string): Item | undefined {
    for (const block of this.#links.get(host)?.keys() ?? []) {
      const item = block.get(id)
      if (item) return item
    }
    return undefined
  }

  /** Every item that should be on a host. */
  *items(host: string): Iterable<Item> {
    for (const block of this.#links.get(host)?.keys() ?? []) yield* block.items()
  }

  /** Ids of the blocks that a host links. */
  *blocks(host: string): Iterable<string> {
    for (const block of this.#links.get(host)?.keys() ?? []) yield block.id
  }

  /** Members of an index, untracked: for status, not for units. */
  members(index: string, key: string): ReadonlySet<string> {
    return (this.#indexes.get(index)?.cells.get(key)?.value as ReadonlySet<string>) ?? new Set()
  }

  #set({ collection, key, value }: Input): void {
    const cell = this.#objectCell(collection, key)
    const before = cell.value as object | undefined
    if (before === value) return
    cell.value = value
    this.#mark(cell)
    for (const [name, index] of this.#contributions.get(collection) ?? []) {
      // Count up before down: a member that stays never passes through zero.
      if (value)
        for (const [at, member] of index.pairs(value as never, key))
          this.#count(name, at, member, 1)
      if (before)
        for (const [at, member] of index.pairs(before as never, key))
          this.#count(name, at, member, -1)
    }
    if (!before === !value) return
    for (const unit of this.#program.units) {
      if (unit.on !== 'each' || unit.of !== collection) continue
      if (value) this.#spawn(unit, key, '')
      else this.#kill(unit, key, '')
    }
  }

  #count(name: string, key: string, member: string, by: number): void {
    const { counts } = this.#indexes.get(name) as IndexState
    const members = ensure(counts, key, () => new Map())
    const before = members.get(member) ?? 0
    const after = before + by
    if (after) members.set(member, after)
    else members.delete(member)
    if (members.size === 0) counts.delete(key)
    if (!before === !after) return
    const cell = this.#indexCell(name, key)
    const live = cell.value as Set<string>
    if (after) live.add(member)
    else live.delete(member)
    this.#mark(cell)
    for (const unit of this.#program.units) {
      if (unit.on !== 'pair' || unit.of !== name) continue
      if (after) this.#spawn(unit, key, member)
      else this.#kill(unit, key, member)
    }
  }

  #spawn(unit: Unit, key: string, member: string): void {
    const id = taskId(unit, key, member)
    const task: Task = {
      unit,
      key,
      member,
      reads: new Set(),
      items: [],
      links: [],
      queued: true,
      dead: false,
    }
    this.#tasks.set(id, task)
    this.#queue.push(task)
  }

  #kill(unit: Unit, key: string, member: string): void {
    const id = taskId(unit, key, member)
    const task = this.#tasks.get(id) as Task
    this.#tasks.delete(id)
    for (const cell of task.reads) unread(cell, task)
    task.dead = true
    if (!task.queued) this.#queue.push(task)
  }

  #run(task: Task): void {
    task.queued = false
    this.runs++
    const reads = new Set<Cell>()
    const outputs: { items: [string, Item][]; links: [string, string][] } = { items: [], links: [] }
    const read = (cell: Cell) => {
      reads.add(cell)
      return cell.value
    }
    const view: Emitter = {
      get: (collection, key) => read(this.#objectCell(collection, key)) as never,
      index: (name, key) => read(this.#indexCell(name, key)) as ReadonlySet<string>,
      emit: (block, item) => outputs.items.push([block, item]),
      link: (host, block) => outputs.links.push([host, block]),
    }
    task.unit.run(view, task.key, task.member)
    for (const cell of task.reads) if (!reads.has(cell)) unread(cell, task)
    for (const cell of reads) cell.readers.add(task)
    task.reads = reads
    this.#replace(task, outputs)
  }

  /** Puts the new outputs before it takes back the old ones, so that what is equal never moves. */
  #replace(task: Task, next: Outputs): void {
    const { items, links } = task
    task.items = next.items
    task.links = next.links
    for (const [id, item] of next.items) this.#touch(id).add(item)
    for (const [id, item] of items) this.#touch(id).remove(item)
    for (const [host, id] of next.links) this.#link(host, this.#touch(id), 1)
    for (const [host, id] of links) this.#link(host, this.#touch(id), -1)
  }

  #touch(id: string): Block {
    const block = ensure(this.#blocks, id, () => new Block(id))
    this.#touchedBlocks.add(block)
    return block
  }

  #link(host: string, block: Block, by: number): void {
    const blocks = ensure(this.#links, host, () => new Map())
    const before = blocks.get(block) ?? 0
    const after = before + by
    if (after) blocks.set(block, after)
    else blocks.delete(block)
    if (blocks.size === 0) this.#links.delete(host)
    if (!before === !after) return
    if (after) block.hosts.add(host)
    else block.hosts.delete(host)
    this.#relinked.push({ host, block })
  }

  #collect(): Touched {
    const touched: Touched = new Map()
    const add = (host: string, item: Item) => {
      ensure(touched, host, () => new Map()).set(item.id, item)
    }
    const settled = [...this.#touchedBlocks].map((block) => {
      const changed = block.settle()
      this.#refuseConflicts(block, changed)
      return [block, changed] as const
    })
    const moved = new Map(
      settled.map(([block, items]) => [block, new Set(items.map(({ id }) => id))]),
    )
    const isHeld = (host: string, item: Item) => item.isShared && this.#isHeld(host, item, moved)
    for (const [block, changed] of settled)
      for (const host of block.hosts)
        for (const item of changed) if (!isHeld(host, item)) add(host, item)
    // A host that gained or lost a whole block looks at all of it, also at what left the block in this commit.
    for (const { host, block } of this.#relinked) {
      for (const item of block.items()) if (!isHeld(host, item)) add(host, item)
      for (const item of block.lastRemoved) if (!isHeld(host, item)) add(host, item)
    }
    for (const block of this.#touchedBlocks) {
      block.lastRemoved = []
      if (block.size === 0 && block.hosts.size === 0) this.#blocks.delete(block.id)
    }
    this.#touchedBlocks = new Set()
    this.#relinked = []
    return touched
  }

  /** Whether a host had this very item before the commit, and has it now, by a block that the commit did not touch in this. */
  #isHeld(host: string, item: Item, moved: ReadonlyMap<Block, ReadonlySet<string>>): boolean {
    for (const block of this.#links.get(host)?.keys() ?? []) {
      const other = block.get(item.id)
      if (!other || !sameItem(other, item) || moved.get(block)?.has(item.id)) continue
      if (!this.#relinked.some((each) => each.host === host && each.block === block)) return true
    }
    return false
  }

  /**
   * Two blocks of one host may not disagree either. What hosts share is disjoint by construction (the network is in the
   * match), which the full compile checks; here a host's own block is held against its others.
   * @throws CompileConflict
   */
  #refuseConflicts(changed: Block, items: readonly Item[]): void {
    if (items.length === 0) return
    for (const host of changed.hosts) {
      const own = this.#blocks.get(block.host(host))
      const others = changed === own ? this.#links.get(host)?.keys() : own && [own]
      for (const other of others ?? []) if (other !== changed) refuseConflict(changed, items, other)
    }
  }

  #mark(cell: Cell): void {
    for (const task of cell.readers) {
      if (task.queued) continue
      task.queued = true
      this.#queue.push(task)
    }
  }

  /** A cell that is read before its object exists is needed too: its appearance must wake the reader. */
  #objectCell(collection: string, key: string): Cell {
    const cells = ensure(this.#objects, collection, () => new Map<string, Cell>())
    return ensure(cells, key, () => ({ value: undefined, readers: new Set(), home: cells, key }))
  }

  #indexCell(name: string, key: string): Cell {
    const { cells } = this.#indexes.get(name) as IndexState
    return ensure(cells, key, () => ({ value: new Set(), readers: new Set(), home: cells, key }))
  }
}

/** @param items that changed. @throws CompileConflict */
function refuseConflict(changed: Block, items: readonly Item[], other: Block): void {
  // A host's own block is large when all of it is new, and the others are many.
  const fewest = other.size < items.length ? other.items() : items
  for (const { id } of fewest) {
    const [mine, theirs] = [changed.get(id), other.get(id)]
    if (mine && theirs && !sameItem(mine, theirs)) throw new CompileConflict([mine, theirs])
  }
}

function taskId(unit: Unit, key: string, member: string): string {
  return `${unit.name}|${key}|${member}`
}

function unread(cell: Cell, task: Task): void {
  cell.readers.delete(task)
  const { value, readers, home, key } = cell
  const empty = value === undefined || (value instanceof Set && value.size === 0)
  if (empty && readers.size === 0) home.delete(key)
}
