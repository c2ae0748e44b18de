/** What is typed as what it means, and where that is in REST. */
import { expect, test } from 'vitest'
import { collectionNamed, collectionNames } from '../../bin/collection-names.ts'
import { listPath, objectOf, objectPath, targetOf } from '../../bin/target.ts'
import { UsageError } from '../../bin/usage.ts'
import { collections, declaredNames } from '../../controller/model/collections.ts'
import { pathOf } from '../../controller/northbound/paths.ts'

test.each(declaredNames)('%s is where REST has it', (collection) => {
  const names = ['a', 'b']
  const { object, list, key } = pathOf(collection)
  const filled = object.replace(/:[a-z]+/g, () => names.shift() ?? '')
  const values = { tenant: 'a', host: 'a', id: collections[collection].parent ? 'b' : 'a' }
  expect(objectPath(collection, key(values))).toBe(filled)
  expect(listPath(collection, 'a')).toBe(list.replace(':tenant', 'a'))
})

test('a collection has a singular and a plural name; tokens are of the tenant that is named, else of the site', () => {
  expect(collectionNames).toContain('physical-networks')
  expect(collectionNamed('physical-network')).toBe('physical-networks')
  expect(collectionNamed('portz')).toBeUndefined()
  expect(targetOf('tokens').collection).toBe('siteToken')
  expect(targetOf('tokens', 'ci').collection).toBe('siteToken')
  expect(targetOf('tokens', 'acme/ci').collection).toBe('token')
  expect(targetOf('tokens', undefined, 'acme').collection).toBe('token')
})

test('an object is named with its parent or with --tenant, and nothing else gets into a path', () => {
  expect(objectOf('ports', 'vm1', 'acme').key).toBe('acme/vm1')
  expect(objectOf('ports', 'acme/vm1').key).toBe('acme/vm1')
  expect(objectOf('bridges', 'h1/br-x').key).toBe('h1/br-x')
  for (const [of, name, tenant] of [
    ['ports', 'vm1', undefined],
    ['ports', 'a/b/c', undefined],
    ['ports', 'acme/vm1', 'globex'],
    ['hosts', 'h1', 'acme'],
    ['hosts', '..', undefined],
    ['ports', 'vm1?x', 'acme'],
    ['ports', 'acme/', undefined],
  ] as const)
    expect(() => targetOf(of, name, tenant), name).toThrow(UsageError)
})
