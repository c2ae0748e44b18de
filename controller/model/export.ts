/**
 * A site, or one tenant of it, as the document that makes it again: what was given is in it as if it had been asked for, so
 * that numbers and addresses stay. Neighbour: document-edits.ts reads it.
 */
import { collections, declaredNames, splitKey } from './collections.ts'
import type { Declared, Objects } from './schema.ts'
import type { View } from './snapshot.ts'
import { specOf } from './spec-of.ts'

type Entries = Record<string, object>

/** @param tenant left out: the whole site; tokens are never part of it */
export function documentOf(view: View, tenant?: string): object {
  if (tenant !== undefined) return { tenants: { [tenant]: tenantOf(view, tenant) } }
  const hosts = [...view.list('host')].map(([id, host]) => [
    id,
    withChildren(view, 'host', id, specOf('host', host)),
  ])
  const tenants = [...view.list('tenant').keys()].map((id) => [id, tenantOf(view, id)])
  const section = (name: 'physicalNetwork' | 'vniPool'): Entries =>
    Object.fromEntries([...view.list(name)].map(([id, it]) => [id, specOf(name, it)]))
  return filled({
    physicalNetworks: section('physicalNetwork'),
    vniPools: section('vniPool'),
    hosts: Object.fromEntries(hosts),
    tenants: Object.fromEntries(tenants),
  })
}

function tenantOf(view: View, id: string): object {
  const tenant = view.get('tenant', id)
  return withChildren(view, 'tenant', id, tenant ? specOf('tenant', tenant) : {})
}

function withChildren(view: View, parent: 'tenant' | 'host', id: string, spec: object): object {
  const children = declaredNames.filter(
    (name) => collections[name].parent === parent && !collections[name].apart,
  )
  const below = children.map((name) => [collections[name].plural, entriesBelow(view, name, id)])
  return { ...spec, ...filled(Object.fromEntries(below)) }
}

function entriesBelow(view: View, collection: Declared, parent: string): Entries {
  const entries: Entries = {}
  for (const [key, object] of view.list(collection).range(`${parent}/`, `${parent}0`))
    entries[splitKey(key).id] = specOf(collection, object as Objects[Declared])
  return entries
}

/** What is empty says nothing. */
const filled = (sections: Readonly<Record<string, Entries>>): Record<string, Entries> =>
  Object.fromEntries(Object.entries(sections).filter(([, each]) => Object.keys(each).length > 0))
