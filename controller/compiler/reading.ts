/**
 * Who has read what: cells, their readers, and values derived of cells. A unit or a derivation that runs is noted as reader of
 * each cell that it reads, in place of those that it read the last time. Neighbour: `engine.ts` runs whom a change concerns.
 */
import { ensure } from './maps.ts'
import type { Derivation, Reader } from './program.ts'

/** A value that is read: an object, the members of an index under one key, or what is derived of those. */
export interface Cell {
  value: unknown
  readonly readers: Set<Reading>
  /** How the value is made; undefined: it is given. */
  readonly derived?: Derived
  /** Where the cell is kept, so that it can go when it holds nothing and nobody reads it. */
  readonly home: Map<string, Cell>
  readonly key: string
  /** Number of the run that read it last. */
  readBy: number
}

/** Whoever reads; `queued`: to be run again. */
export interface Reading {
  reads: readonly Cell[]
  queued: boolean
}

/** A derivation applied to one key; its cell goes with its last reader. */
export interface Derived extends Reading {
  readonly derivation: Derivation<unknown>
  readonly key: string
  cell: Cell | undefined
}

export const isDerived = (reader: Reading): reader is Derived => 'derivation' in reader

/** A given value. A cell that is read before its object exists is needed too: its appearance must wake the reader. */
export const cellAt = (home: Map<string, Cell>, key: string, make: () => unknown): Cell =>
  ensure(home, key, () => ({ value: make(), readers: new Set(), home, key, readBy: 0 }))

/** The runs under way. */
export class Readings {
  /** Name of a derivation -> key -> cell. */
  readonly #derived = new Map<string, Map<string, Cell>>()
  /** What the innermost run has read so far. */
  #reads: Cell[] = []
  /** Its number, and the last number given. */
  #current = 0
  #last = 0

  read(cell: Cell): unknown {
    if (cell.readBy !== this.#current) {
      cell.readBy = this.#current
      this.#reads.push(cell)
    }
    return cell.value
  }

  /** Runs, and notes what was read; within a unit's run there may be that of a derivation. */
  track<T>(reader: Reading, run: () => T): T {
    const [reads, current] = [this.#reads, this.#current]
    const own = ++this.#last
    this.#reads = []
    this.#current = own
    const result = run()
    // What a derivation has read meanwhile bears its number.
    for (const cell of this.#reads) {
      cell.readBy = own
      cell.readers.add(reader)
    }
    for (const cell of reader.reads) if (cell.readBy !== own) unread(cell, reader)
    reader.reads = fitted(this.#reads)
    this.#reads = reads
    this.#current = current
    return result
  }

  /** Derived when it is read for the first time. */
  derive<T>(derivation: Derivation<T>, key: string, view: Reader): T {
    const home = ensure(this.#derived, derivation.name, () => new Map<string, Cell>())
    const cell = home.get(key) ?? this.#derivedCell(derivation, key, home, view)
    return this.read(cell) as T
  }

  /** The cell, if it has another value now. */
  deriveAgain(derived: Derived, view: Reader): Cell | undefined {
    const { derivation, key, cell } = derived
    derived.queued = false
    if (!cell || cell.home.get(key) !== cell) return undefined
    const value = this.track(derived, () => derivation.run(view, key))
    if (derivation.same(cell.value, value)) return undefined
    cell.value = value
    return cell
  }

  #derivedCell<T>(
    derivation: Derivation<T>,
    key: string,
    home: Map<string, Cell>,
    view: Reader,
  ): Cell {
    const of = derivation as Derivation<never> as Derivation<unknown>
    const derived: Derived = { derivation: of, key, cell: undefined, reads: [], queued: false }
    const value = this.track(derived, () => derivation.run(view, key))
    const cell: Cell = { value, readers: new Set(), derived, home, key, readBy: 0 }
    derived.cell = cell
    home.set(key, cell)
    return cell
  }
}

export function unread(cell: Cell, reader: Reading): void {
  cell.readers.delete(reader)
  const { value, readers, derived, home, key } = cell
  const empty = derived || value === undefined || (value instanceof Set && value.size === 0)
  if (!empty || readers.size > 0) return
  home.delete(key)
  for (const each of derived?.reads ?? []) unread(each, derived as Derived)
}

/** A copy without room to grow. */
export const fitted = <T>(list: readonly T[]): readonly T[] =>
  list.length === 0 ? none : list.slice()
const none: readonly never[] = []
