/** A small site for tests of the model: what a test is about is put on top of it. */
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError, type Problem } from '../../../controller/model/errors.ts'
import type { Collection, Edit, Specs } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'

export function put<C extends Collection>(collection: C, key: string, spec: Specs[C]): Edit {
  return { collection, key, spec } as unknown as Edit
}

export function drop(collection: Collection, key: string): Edit {
  return { collection, key, spec: undefined } as Edit
}

/** uuids that count, so that results can be compared. */
export function counting(): () => string {
  let count = 0
  return () => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, '0')}`
}

/**
 * Host h1 (9050), tenants acme and globex, acme/web on VNI 5001 with 10.0.0.0/24 and port acme/vm1.
 */
export const smallSite: readonly Edit[] = [
  put('host', 'h1', { vtepAddress: '192.0.2.11', underlayMtuBytes: 9050 }),
  put('tenant', 'acme', {}),
  put('tenant', 'globex', {}),
  put('network', 'acme/web', { vni: 5001, mtuBytes: 9000 }),
  put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.0/24' }),
  put('port', 'acme/vm1', {
    network: 'web',
    mac: '02:00:00:00:00:11',
    addresses: ['10.0.0.11'],
  }),
]

export function siteWith(...edits: readonly (readonly Edit[])[]): Site {
  const uuid = counting()
  return edits.reduce((site, each) => applyEdits(site, each, uuid).site, Site.empty)
}

/** The problems with which the small site refuses edits; none when it takes them. */
export function problemsOf(...edits: readonly Edit[]): readonly Problem[] {
  try {
    siteWith(smallSite, edits)
    return []
  } catch (error) {
    if (error instanceof ModelError) return error.problems
    throw error
  }
}
