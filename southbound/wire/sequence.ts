/**
 * Variable-length formats whose parts stand between structs: record.ts has them all at the end.
 * Neighbours: record.ts.
 */
import { WireError } from './error.ts'
import { put } from './put.ts'
import type { AnyPart, Head, Item, Part } from './record.ts'

/**
 * Structs and parts that know their length, in any order, as one flat value. For actions whose
 * operands do not come last; at least `size` bytes, the rest of which are padding.
 */
export function sequence<T extends object>(items: readonly Item[], size = 0): Part<T> {
  const isHead = (item: Item): item is Head => typeof item.size === 'number'
  const steps = items.flatMap((item): (Head | readonly [string, AnyPart])[] =>
    isHead(item) ? [item] : Object.entries(item),
  )
  for (const step of steps) {
    if (!('size' in step || step[1].end)) throw new Error(`${step[0]} must know its length`)
  }
  return {
    read(bytes, start, end) {
      const out: Record<string, unknown> = {}
      let at = start
      for (const step of steps) {
        if ('size' in step) {
          if (end - at < step.size) throw new WireError(`truncated ${step.name}`, at)
          Object.assign(out, step.read(bytes, at))
          at += step.size
        } else {
          const stop = (step[1].end as NonNullable<AnyPart['end']>)(bytes, at, end)
          if (stop > end) throw new WireError(`truncated ${step[0]}`, at)
          out[step[0]] = step[1].read(bytes, at, stop)
          at = stop
        }
      }
      if (end - start < size) throw new WireError('truncated element', start)
      return out as T
    },
    write(writer, value) {
      const start = writer.length
      const values = value as Record<string, never>
      for (const step of steps) {
        if ('size' in step) put(writer, step.size, step.write, values)
        else step[1].write(writer, values[step[0]])
      }
      if (writer.length - start < size) writer.reserve(size - (writer.length - start))
    },
    shape: { is: 'sequence', items },
  }
}
