/** Writes as tenants and hosts make them, out of a seed: most fit, some are refused, some change nothing. */
import type { Edit } from '../../../controller/model/schema.ts'
import type { Snapshot } from '../../../controller/model/snapshot.ts'
import { drop, put } from '../model/site.ts'

/** Numbers from 0 to below `bound`, always the same from the same seed (mulberry32). */
export function random(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

/** One to three edits on top of the small site. */
export function randomEdits(site: Snapshot, pick: (bound: number) => number): readonly Edit[] {
  return Array.from({ length: 1 + pick(3) }, () => randomEdit(site, pick))
}

function randomEdit(site: Snapshot, pick: (bound: number) => number): Edit {
  const id = `p${pick(12)}`
  switch (pick(7)) {
    case 0:
      return drop('port', `acme/${id}`)
    case 1:
      return put('tenant', `t${pick(5)}`, {})
    case 2:
      return drop('tenant', `t${pick(5)}`)
    case 3:
      return put('network', `globex/n${pick(4)}`, { vni: 6000 + pick(6) })
    case 4: {
      const uuid = site.get('port', `acme/${id}`)?.uuid
      if (!uuid) return put('port', `acme/${id}`, { network: 'web' })
      const spec = pick(3) ? { hostId: 'h1', ofport: 1 + pick(40) } : undefined
      return { collection: 'binding', key: uuid, spec } as Edit
    }
    default:
      return put('port', `acme/${id}`, {
        network: 'web',
        ...(pick(2) && { addresses: [`10.0.0.${20 + pick(40)}`] }),
      })
  }
}
