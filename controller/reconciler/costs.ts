/** What a change costs a host, counted. Neighbours: ../compiler/compiler.ts previews, status.ts answers. */
import type { ItemChange } from '../compiler/compiler.ts'
import type { Item } from '../compiler/program.ts'
import type { HostCosts } from '../northbound/realization.ts'

const names = {
  row: 'rows',
  flow: 'flows',
  group: 'groups',
  meter: 'meters',
} as const satisfies Record<Item['kind'], keyof HostCosts>

export function costsOf(changes: readonly ItemChange[]): HostCosts {
  const none = () => ({ added: 0, changed: 0, removed: 0 })
  const costs = { rows: none(), flows: none(), groups: none(), meters: none() }
  for (const { before, after } of changes) {
    const kind = (after ?? before)?.kind
    if (kind) costs[names[kind]][before ? (after ? 'changed' : 'removed') : 'added']++
  }
  return costs
}
