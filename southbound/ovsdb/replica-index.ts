/**
 * Secondary indexes of a replica: rows by the value of columns, kept equal to the rows.
 *
 *   const byName = replica.index('Interface', 'name')
 *   const byIfaceId = replica.index('Interface', 'external_ids:iface-id')
 *   const portOf = replica.index('Port', 'interfaces')       // by each uuid in the set
 *   byName.get('vm1')                                        // [row]
 *
 * Neighbour: replica-store.ts keeps them up to date before anybody is told of a change.
 */
import type { AnyRow, Codec } from './codec.ts'
import { ovsdbError } from './error.ts'
import { formatJson } from './json.ts'
import type { Atom } from './schema.ts'

/** Rows by the values of one or more paths. */
export interface ReplicaIndex<R = AnyRow> {
  /** Rows that have all these values, one for each path, in no particular order. */
  get(...values: readonly Atom[]): readonly R[]
  /** Different keys. */
  readonly size: number
}

/** As the store sees it. */
export interface IndexStore extends ReplicaIndex {
  add(row: AnyRow): void
  remove(row: AnyRow): void
}

type Read = (row: AnyRow) => readonly Atom[]
const none: readonly AnyRow[] = Object.freeze([])

/**
 * An index over paths: `column`, or `column:key` for one key of a map, as ovs-vsctl spells it. A set
 * counts by each element, a map by each key, and a row without a value is not in the index.
 */
export function replicaIndex(
  columns: ReadonlyMap<string, Codec>,
  paths: readonly string[],
): IndexStore {
  const reads = paths.map((path) => readPath(columns, path))
  const [only] = reads
  const single = reads.length === 1 ? only : undefined
  // Most keys have one row, which then needs no set; some have all of them.
  const rows = new Map<Atom, AnyRow | Set<AnyRow>>()
  const keysOf = (row: AnyRow): readonly Atom[] => (single ? single(row) : product(reads, row))

  return {
    get(...values) {
      const found = rows.get(single ? (values[0] as Atom) : formatJson(values))
      if (found === undefined) return none
      return found instanceof Set ? [...found] : [found]
    },
    get size() {
      return rows.size
    },
    add(row) {
      for (const key of keysOf(row)) {
        const found = rows.get(key)
        if (found === undefined) rows.set(key, row)
        else if (found instanceof Set) found.add(row)
        else rows.set(key, new Set([found, row]))
      }
    },
    remove(row) {
      for (const key of keysOf(row)) {
        const found = rows.get(key)
        if (!(found instanceof Set)) rows.delete(key)
        else {
          found.delete(row)
          // Not before: a Set walks over what was deleted, and all of many would cost their square.
          if (found.size > 1) continue
          const [only] = found
          if (only) rows.set(key, only)
        }
      }
    },
  }
}

function readPath(columns: ReadonlyMap<string, Codec>, path: string): Read {
  const colon = path.indexOf(':')
  const name = colon < 0 ? path : path.slice(0, colon)
  const kind = columns.get(name)?.kind
  if (!kind) throw ovsdbError('unknown column', `${name} is not monitored`)
  if (colon >= 0) {
    if (kind !== 'map') throw ovsdbError('syntax error', `${path}: ${name} is no map`)
    const key = path.slice(colon + 1)
    return (row) => {
      const value = (row[name] as Readonly<Record<string, Atom>>)[key]
      return value === undefined ? [] : [value]
    }
  }
  if (kind === 'set') return (row) => row[name] as readonly Atom[]
  if (kind === 'map') return (row) => Object.keys(row[name] as object)
  return (row) => (row[name] === undefined ? [] : [row[name] as Atom])
}

/** Every combination of the values of all paths, as JSON. */
function product(reads: readonly Read[], row: AnyRow): string[] {
  let tuples: Atom[][] = [[]]
  for (const read of reads) {
    const values = read(row)
    tuples = tuples.flatMap((tuple) => values.map((value) => [...tuple, value]))
  }
  return tuples.map((tuple) => formatJson(tuple))
}
