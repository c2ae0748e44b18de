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
import { Block, Families, itemsFrom, type Outputs, refuseConflict, sameItem } from './block.ts'
import { ensure } from './maps.ts'
import type { Emitter, Index, Input, Item, Program, Unit } from './program.ts'
import {
  type Cell,
  cellAt,
  type Derived,
  fitted,
  isDerived,
  type Reading,
  Readings,
  unread,
} from './reading.ts'
import { block } from './stages.ts'
import { Touched } from './touched.ts'

/** One unit applied to one object or pair; what it read and what it emitted at its last run. Arrays, as there are many. */
interface Task extends Outputs, Reading {
  readonly unit: Unit
  readonly key: string
  readonly member: string
  dead: boolean
}

interface IndexState {
  readonly cells: Map<string, Cell>
  /** index key -> member -> how many objects put it there. */
  readonly counts: Map<string, Map<string, number>>
}

const nothing: Outputs = { places: [], items: [], hosts: [], links: [] }

export class Engine {
  readonly #program: Program
  readonly #objects = new Map<string, Map<string, Cell>>()
  readonly #indexes = new Map<string, IndexState>()
  readonly #contributions = new Map<string, [name: string, index: Index][]>()
  /** unit -> key and member -> task. */
  readonly #tasks = new Map<Unit, Map<string, Task>>()
  #stale: Derived[] = []
  readonly #blocks = new Map<string, Block>()
  /** host -> the block that it alone has. */
  readonly #own = new Map<string, Block>()
  /** What is in any of those, and in any other block. */
  readonly #ownFamilies = new Families()
  readonly #sharedFamilies = new Families()
  /** Id of an item that several blocks of a host may have -> the blocks that have it. */
  readonly #shared = new Map<string, Set<Block>>()
  /** Where the last lookup ended. */
  #lastFound = new Block('')
  /** Blocks that the last commit changed; what they remember of it goes with the next one. */
  #settled: readonly Block[] = []
  /** host -> its blocks. */
  readonly #links = new Map<string, Map<Block, number>>()
  #queue: Task[] = []
  #touchedBlocks = new Set<Block>()
  /** host -> blocks that it gained or lost in the commit under way. */
  #relinked = new Map<string, Set<Block>>()
  /** What the unit that runs has emitted so far. */
  readonly #readings = new Readings()
  #outputs: { places: Block[]; items: Item[]; hosts: string[]; links: Block[] } = empty()
  readonly #view: Emitter
  /** Units run since the start; a test reads it to see that cost follows the change. */
  runs = 0

  constructor(program: Program) {
    this.#program = program
    for (const [name, declarations] of Object.entries(program.indexes)) {
      this.#indexes.set(name, { cells: new Map(), counts: new Map() })
      for (const index of declarations)
        ensure(this.#contributions, index.of, () => []).push([name, index])
    }
    this.#view = {
      get: (collection, key) => this.#readings.read(this.#objectCell(collection, key)) as never,
      index: (name, key) => this.#readings.read(this.#indexCell(name, key)) as ReadonlySet<string>,
      derive: (derivation, key) => this.#readings.derive(derivation, key, this.#view),
      emit: (id, item) => {
        this.#outputs.places.push(this.#block(id))
        this.#outputs.items.push(item)
      },
      link: (host, id) => {
        this.#outputs.hosts.push(host)
        this.#outputs.links.push(this.#block(id))
      },
    }
    for (const unit of program.units) if (unit.on === 'site') this.#spawn(unit, '', '')
  }

  /**
   * Applies changed inputs and recompiles what depends on them.
   * @throws CompileConflict when two intents disagree about one flow; the engine must then be discarded.
   */
  apply(changes: readonly Input[]): Touched {
    for (const each of this.#settled) each.forget()
    for (const change of changes) this.#set(change)
    // A derivation reads what is given, a unit reads cells only, never another unit: one pass over each settles everything.
    const stale = this.#stale
    this.#stale = []
    for (const each of stale) {
      const cell = this.#readings.deriveAgain(each, this.#view)
      if (cell) this.#mark(cell)
    }
    const queue = this.#queue
    this.#queue = []
    for (const task of queue) if (task.dead) this.#replace(task, nothing)
    for (const task of queue) if (!task.dead) this.#run(task)
    return this.#collect()
  }

  /** What should be on a host under this item id; undefined: nothing. */
  lookup(host: string, id: string): Item | undefined {
    // Who looks many up looks them up in their order, block by block: a host with a thousand networks has thousands.
    const found = this.#lastFound.hosts.has(host) ? this.#lastFound.get(id) : undefined
    if (found) return found
    for (const block of this.#links.get(host)?.keys() ?? []) {
      const item = block.get(id)
      if (!item) continue
      this.#lastFound = block
      return item
    }
    return undefined
  }

  /** Every item that should be on a host. */
  *items(host: string): Iterable<Item> {
    for (const block of this.#links.get(host)?.keys() ?? []) yield* block.items()
  }

  /** As `items`, of those that one of these intents is behind. */
  itemsOf(host: string, { intents, among, seen }: ItemsAsked): readonly Item[] {
    const found = new Map<string, Item>()
    for (const block of this.#links.get(host)?.keys() ?? []) {
      if (!among(block.id)) continue
      for (const item of ensure(seen, block, () => itemsFrom(block, intents)))
        found.set(item.id, item)
    }
    return [...found.values()]
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
    const task: Task = { unit, key, member, reads: [], ...nothing, queued: true, dead: false }
    ensure(this.#tasks, unit, () => new Map()).set(taskId(key, member), task)
    this.#queue.push(task)
  }

  #kill(unit: Unit, key: string, member: string): void {
    const tasks = this.#tasks.get(unit)
    const id = taskId(key, member)
    const task = tasks?.get(id) as Task
    tasks?.delete(id)
    for (const cell of task.reads) unread(cell, task)
    task.dead = true
    if (!task.queued) this.#queue.push(task)
  }

  #run(task: Task): void {
    task.queued = false
    this.runs++
    this.#readings.track(task, () => task.unit.run(this.#view, task.key, task.member))
    const { places, items, hosts, links } = this.#outputs
    this.#replace(task, {
      places: fitted(places),
      items: fitted(items),
      hosts: fitted(hosts),
      links: fitted(links),
    })
    places.length = items.length = hosts.length = links.length = 0
  }

  /** Puts the new outputs before it takes back the old ones, so that what is equal never moves. */
  #replace(task: Task, next: Outputs): void {
    const { places, items, hosts, links } = task
    if (items.length === 0 && hosts.length === 0) return this.#put(task, next)
    const kept = next.items.map((item, at) => {
      const old = items[at]
      return next.places[at] === places[at] && old && sameItem(old, item) ? old : item
    })
    for (const [at, item] of kept.entries())
      if (item !== items[at]) this.#touch(next.places[at]).add(item)
    for (const [at, item] of items.entries())
      if (item !== kept[at]) this.#touch(places[at]).remove(item)
    const isKept = (at: number) => next.hosts[at] === hosts[at] && next.links[at] === links[at]
    for (const [at, host] of next.hosts.entries())
      if (!isKept(at)) this.#link(host, next.links[at] as Block, 1)
    for (const [at, host] of hosts.entries())
      if (!isKept(at)) this.#link(host, links[at] as Block, -1)
    task.places = next.places
    task.items = kept
    task.hosts = next.hosts
    task.links = next.links
  }

  /** The first outputs of a task. */
  #put(task: Task, { places, items, hosts, links }: Outputs): void {
    for (let at = 0; at < items.length; at++) this.#touch(places[at]).add(items[at] as Item)
    for (let at = 0; at < hosts.length; at++) this.#link(hosts[at] as string, links[at] as Block, 1)
    task.places = places
    task.items = items
    task.hosts = hosts
    task.links = links
  }

  #block(id: string): Block {
    const known = this.#blocks.get(id)
    if (known) return known
    const host = block.hostOf(id)
    const made = new Block(id, host === undefined ? this.#sharedFamilies : this.#ownFamilies)
    if (host !== undefined) this.#own.set(host, made)
    this.#blocks.set(id, made)
    // Should nothing come of it, it goes with the commit.
    this.#touchedBlocks.add(made)
    return made
  }

  #touch(block: Block | undefined): Block {
    this.#touchedBlocks.add(block as Block)
    return block as Block
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
    this.#touchedBlocks.add(block)
    ensure(this.#relinked, host, () => new Set()).add(block)
  }

  /** A change of a shared block is one array, handed to all hosts that link it. */
  #collect(): Touched {
    const [blocks, relinked] = [this.#touchedBlocks, this.#relinked]
    const touched = new Touched((host, item) => this.#isHeld(host, item, relinked))
    for (const block of blocks) {
      const changed = block.settle()
      if (changed.length === 0) continue
      this.#noteShared(block, changed)
      this.#refuseConflicts(block, changed)
      for (const host of block.hosts) touched.add(host, changed)
    }
    // A host that gained or lost a whole block looks at all of it, also at what left the block in this commit.
    for (const [host, gone] of relinked) for (const block of gone) touched.addBlock(host, block)
    for (const { id, size, hosts } of blocks) {
      if (size > 0 || hosts.size > 0) continue
      this.#blocks.delete(id)
      this.#own.delete(block.hostOf(id) ?? '')
    }
    this.#settled = [...blocks]
    this.#touchedBlocks = new Set()
    this.#relinked = new Map()
    return touched
  }

  #noteShared(block: Block, changed: readonly Item[]): void {
    for (const { id, isShared } of changed) {
      if (!isShared) continue
      const among = ensure(this.#shared, id, () => new Set())
      if (block.get(id)) among.add(block)
      else among.delete(block)
      if (among.size === 0) this.#shared.delete(id)
    }
  }

  /** Whether a host had this very item before the commit, and has it now, by a block that the commit did not touch in this. */
  #isHeld(host: string, item: Item, relinked: ReadonlyMap<string, ReadonlySet<Block>>): boolean {
    for (const block of this.#shared.get(item.id) ?? []) {
      if (!block.hosts.has(host) || relinked.get(host)?.has(block)) continue
      const held = block.get(item.id)
      if (held && sameItem(held, item) && !block.hasMoved(item.id)) return true
    }
    return false
  }

  /**
   * Two blocks of one host may not disagree either. What hosts share is disjoint by construction (the network is in the
   * match), which the full compile checks; here a host's own block is held against its others.
   * @throws CompileConflict
   */
  #refuseConflicts(changed: Block, items: readonly Item[]): void {
    const [first] = changed.hosts
    if (first === undefined) return
    const isOwn = changed === this.#own.get(first)
    const families = (isOwn ? this.#sharedFamilies : this.#ownFamilies).common(
      changed.familiesOf(items),
    )
    if (families.size === 0) return
    if (isOwn) {
      for (const other of this.#links.get(first)?.keys() ?? [])
        if (other !== changed && other.mayHaveOf(families)) refuseConflict(changed, items, other)
      return
    }
    for (const host of changed.hosts) {
      const own = this.#own.get(host)
      if (own?.mayHaveOf(families)) refuseConflict(changed, items, own)
    }
  }

  #mark(cell: Cell): void {
    for (const reader of cell.readers) {
      if (reader.queued) continue
      reader.queued = true
      if (isDerived(reader)) this.#stale.push(reader)
      else this.#queue.push(reader as Task)
    }
  }

  #objectCell(collection: string, key: string): Cell {
    const cells = ensure(this.#objects, collection, () => new Map<string, Cell>())
    return cellAt(cells, key, () => undefined)
  }

  #indexCell(name: string, key: string): Cell {
    const { cells } = this.#indexes.get(name) as IndexState
    return cellAt(cells, key, () => new Set())
  }
}

export interface ItemsAsked {
  readonly intents: readonly string[]
  /** Whether a block of this id is to be looked through. */
  readonly among: (block: string) => boolean
  /** What was found so far: one map for all hosts that the same intents are asked of. */
  readonly seen: Map<Block, readonly Item[]>
}

const empty = () => ({ places: [], items: [], hosts: [], links: [] })

const taskId = (key: string, member: string): string => (member ? `${key}|${member}` : key)
