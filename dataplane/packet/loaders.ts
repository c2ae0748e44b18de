/**
 * Code that copies one header's fields into the key, generated from the declarations in headers.ts.
 * Neighbours: flow-key.ts decides which headers there are.
 */
import type { FieldName } from '../../southbound/openflow/oxm.ts'
import { compile, readExpression } from '../../southbound/wire/struct.ts'
import { anyHeader, type HeaderName, headerNames, sources } from './headers.ts'
import { keyField } from './key-layout.ts'

/** Copies the matched fields of the header at `o` into the key, whose frame fields are 0. */
export type Loader = (key: Uint32Array, bytes: Uint8Array, o: number) => void

/** Older names of fields that have rows of their own: their slots are filled by those. */
const ALIASES: ReadonlySet<string> = new Set<FieldName>(['nw_tos'])

function loaderOf(header: HeaderName): Loader {
  let body = ''
  for (const [name, places] of Object.entries(sources)) {
    for (const [owner, field, wider] of places) {
      if (owner !== header || ALIASES.has(name)) continue
      const layout = anyHeader[header]
      const { slot, words, shift } = keyField[name as FieldName]
      const own = layout.fields[field]!.bits
      const bits = wider ?? own
      let at = layout.at[field]! + own - bits
      let size = bits % 32 || 32
      for (let i = 0; i < words; at += size, size = 32, i++) {
        const value = readExpression(at, size)
        body += shift > 0 ? `k[${slot}]|=${value}<<${shift};` : `k[${slot + i}]|=${value};`
      }
    }
  }
  return compile('k,b,o', body) as unknown as Loader
}

export const load = Object.fromEntries(headerNames.map((name) => [name, loaderOf(name)])) as {
  readonly [K in HeaderName]: Loader
}

/** Slots of all fields that stand in frames, and of `others`, as runs [from, to). */
export function frameSlots(others: readonly FieldName[]): readonly (readonly [number, number])[] {
  const filled = new Set<number>()
  for (const name of [...(Object.keys(sources) as FieldName[]), ...others]) {
    const { slot, words } = keyField[name]
    for (let i = 0; i < words; i++) filled.add(slot + i)
  }
  const runs: [number, number][] = []
  for (const slot of [...filled].sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last?.[1] === slot) last[1]++
    else runs.push([slot, slot + 1])
  }
  return runs
}
