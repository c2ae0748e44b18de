import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createNorthbound, type Northbound } from '../../../controller/northbound/northbound.ts'
import { Store } from '../../../controller/store/store.ts'
import { smallSite } from '../model/site.ts'
import { type Answer, call as callAt } from './client.ts'
import { realizedAtOnce } from './realized-at-once.ts'

let store: Store
let northbound: Northbound
let url: string

beforeAll(async () => {
  store = Store.open(':memory:')
  northbound = await createNorthbound({ store, realization: realizedAtOnce(store) })
  url = (await northbound.listen()).url
})
afterAll(async () => {
  await northbound.close()
  store.close()
})
beforeEach(() => {
  store.commit(smallSite, { who: 'test' })
})

const call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Answer> => callAt(url, method, path, body, headers)

const port = '/v1/tenants/acme/ports/bad'
/** method, path, body, headers, status, type, and what else the problem must have */
const refusals: readonly [
  string,
  string,
  string,
  unknown,
  object | undefined,
  number,
  string,
  object,
][] = [
  [
    'malformed JSON',
    'PUT',
    port,
    '{"network": web}',
    undefined,
    400,
    'malformed_json',
    { pointer: '' },
  ],
  ['no body', 'PUT', port, undefined, undefined, 400, 'body_missing', { pointer: '' }],
  ['an empty body', 'PUT', port, '', undefined, 400, 'body_missing', {}],
  ['null', 'PUT', port, 'null', undefined, 400, 'wrong_type', { pointer: '', value: null }],
  ['a list', 'PUT', port, [], undefined, 400, 'wrong_type', { pointer: '', expected: 'an object' }],
  [
    'a wrong type',
    'PUT',
    port,
    { network: 7 },
    undefined,
    400,
    'wrong_type',
    { pointer: '/network', value: 7 },
  ],
  [
    'an unknown field',
    'PUT',
    port,
    { network: 'web', adresses: [] },
    undefined,
    400,
    'unknown_field',
    {
      pointer: '/adresses',
      value: 'adresses',
      expected: "a known property; did you mean 'addresses'?",
    },
  ],
  [
    'a prototype',
    'PUT',
    port,
    '{"network":"web","__proto__":{"x":1}}',
    undefined,
    400,
    'unknown_field',
    { pointer: '/__proto__' },
  ],
  [
    'a key twice',
    'PUT',
    port,
    '{"network":"web","mac":"02:00:00:00:00:01","mac":"02:00:00:00:00:02"}',
    undefined,
    400,
    'malformed_json',
    {},
  ],
  [
    'nesting without end',
    'PATCH',
    port,
    `${'{"labels":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
    undefined,
    400,
    'malformed_json',
    {},
  ],
  [
    'a body over 1 MiB',
    'PUT',
    port,
    `"${'x'.repeat(2 ** 20)}"`,
    undefined,
    413,
    'body_too_large',
    { expected: 'at most 1 MiB, of a document 64 MiB, of a document of one tenant 8 MiB' },
  ],
  [
    'a form',
    'PUT',
    port,
    'a=b',
    { 'content-type': 'application/x-www-form-urlencoded' },
    415,
    'media_type_unsupported',
    {},
  ],
  [
    'a wrong method',
    'POST',
    port,
    {},
    undefined,
    405,
    'method_not_allowed',
    { value: 'POST', expected: 'DELETE, GET, HEAD, PATCH, PUT' },
  ],
  [
    'a wrong method of a list',
    'DELETE',
    '/v1/tenants',
    undefined,
    undefined,
    405,
    'method_not_allowed',
    {},
  ],
  [
    'an unknown path',
    'GET',
    '/v1/nothing',
    undefined,
    undefined,
    404,
    'path_unknown',
    { value: '/v1/nothing' },
  ],
  [
    'an unknown parameter',
    'GET',
    '/v1/tenants?most=5',
    undefined,
    undefined,
    400,
    'parameter_invalid',
    { parameter: 'most' },
  ],
  [
    'a wrong parameter',
    'PUT',
    `${port}?wait=yes`,
    {},
    undefined,
    400,
    'parameter_invalid',
    { parameter: 'wait', value: 'yes' },
  ],
  [
    'an id in capitals',
    'PUT',
    '/v1/tenants/Acme',
    {},
    undefined,
    400,
    'parameter_invalid',
    { parameter: 'tenant', value: 'Acme' },
  ],
  [
    'a prototype as id',
    'PUT',
    '/v1/tenants/__proto__',
    {},
    undefined,
    400,
    'parameter_invalid',
    { value: '__proto__' },
  ],
  [
    'a slash in an id',
    'PUT',
    '/v1/tenants/a%2fb',
    {},
    undefined,
    400,
    'parameter_invalid',
    { value: 'a/b' },
  ],
  ['a zero byte in an id', 'PUT', '/v1/tenants/a%00', {}, undefined, 400, 'parameter_invalid', {}],
  [
    'an id without end',
    'PUT',
    `/v1/tenants/${'a'.repeat(500)}`,
    {},
    undefined,
    414,
    'path_too_long',
    {},
  ],
  ['a broken escape', 'GET', '/v1/tenants/%zz', undefined, undefined, 400, 'malformed_url', {}],
  [
    'a choice of which nothing fits',
    'PUT',
    '/v1/infra/physical-networks/p',
    { vids: [7, true] },
    undefined,
    400,
    'malformed',
    {
      pointer: '/vids/1',
      value: true,
      expected: "a VID from 1 to 4094 or a range of them such as '100-199'",
    },
  ],
  [
    'a property of another type of network',
    'PUT',
    '/v1/tenants/acme/networks/n',
    { vid: 7 },
    undefined,
    400,
    'property_of_type',
    { pointer: '/vid', value: 7, expected: 'vid left out, or type vlan' },
  ],
  [
    'an unknown property of an extension',
    'PUT',
    '/v1/tenants/acme/networks/n',
    { extension: { physicalNetwork: 'p', hostId: 'h1', host: 'h1' } },
    undefined,
    400,
    'unknown_field',
    { pointer: '/extension/host', expected: "a known property; did you mean 'hostId'?" },
  ],
  [
    'a taken VNI',
    'PUT',
    '/v1/tenants/globex/networks/n',
    { vni: 5001 },
    undefined,
    409,
    'vni_taken',
    { pointer: '/vni', value: 5001 },
  ],
  [
    'what is in use',
    'DELETE',
    '/v1/tenants/acme/networks/web',
    undefined,
    undefined,
    409,
    'in_use',
    { references: ['port acme/vm1', 'subnet acme/web'] },
  ],
  [
    'a tenant that is not there',
    'GET',
    '/v1/tenants/nope/ports',
    undefined,
    undefined,
    404,
    'not_found',
    { value: 'tenant nope' },
  ],
  [
    'a smaller subnet than its ports need',
    'PUT',
    '/v1/tenants/acme/subnets/web',
    { network: 'web', cidr: '10.0.0.0/29' },
    undefined,
    409,
    'addresses_left_out',
    { pointer: '/cidr', value: '10.0.0.0/29', references: ['port acme/vm1'] },
  ],
  [
    'a reserved range that is none',
    'PUT',
    '/v1/tenants/acme/subnets/web',
    { network: 'web', cidr: '10.0.0.0/24', reserved: ['10.0.0.1', '10.0.0.9-10.0.0.x'] },
    undefined,
    400,
    'malformed',
    { pointer: '/reserved/1', value: '10.0.0.9-10.0.0.x' },
  ],
  [
    'a port that is not there',
    'DELETE',
    '/v1/tenants/acme/ports/nope',
    undefined,
    undefined,
    404,
    'not_found',
    {},
  ],
  [
    'drops of an unknown host',
    'GET',
    '/v1/infra/hosts/h9/drops',
    undefined,
    undefined,
    404,
    'not_found',
    {},
  ],
]

describe('refused as problem+json, with nothing changed:', () => {
  test.each(refusals)('%s', async (_, method, path, body, headers, status, type, facts) => {
    const { revision } = store.snapshot
    const answer = await call(method, path, body, headers as Record<string, string>)
    expect(answer.status).toBe(status)
    expect(answer.type).toMatch(/^application\/problem\+json/)
    expect(answer.body).toMatchObject({ type: `urn:weft:problem:${type}`, status, ...facts })
    expect(answer.body.title).toBeTypeOf('string')
    expect(answer.body.detail).toBeTypeOf('string')
    expect(JSON.stringify(answer.body)).not.toMatch(/\.ts\b|node_modules|\bat [A-Za-z.]+ \(/)
    if (status === 405) expect(answer.headers.get('allow')).toBe(answer.body.expected)
    expect(store.snapshot.revision).toBe(revision)
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })
})

test.each([
  ['no HTTP', 'NONSENSE\r\n\r\n', 400, 'malformed_request'],
  [
    'a header of 20 KB',
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
    431,
    'header_too_large',
  ],
])('%s is answered with a problem and the connection closed', async (_, bytes, status, type) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.write(bytes)
  await once(socket, 'close')
  expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(text).toContain('application/problem+json')
  expect(text).toContain(`urn:weft:problem:${type}`)
})
