/** JWTs of an OIDC provider: a real JWKS over HTTP on loopback, keys that rotate, and forgeries. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tokenAccess } from '../../../controller/access/access.ts'
import { jwtVerifier } from '../../../controller/access/jwt.ts'
import { Store } from '../../../controller/store/store.ts'

const [issuer, audience] = ['https://login.example.org', 'weft']
const claims = { weft_role: 'member', weft_tenant: 'acme' }
type Pair = Awaited<ReturnType<typeof generateKeyPair>>

let served: { keys: JWK[] }
let server: Server
let url: URL
let asked = 0
let pair: Pair
const store = Store.open(':memory:')

beforeAll(async () => {
  pair = await generateKeyPair('ES256')
  served = { keys: [await jwk(pair, 'k1')] }
  server = createServer((_, response) => {
    asked++
    response.setHeader('content-type', 'application/json').end(JSON.stringify(served))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`)
})
afterAll(() => {
  server.close()
  store.close()
})

async function jwk({ publicKey }: Pair, kid: string): Promise<JWK> {
  return { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }
}

const signed = (payload: object, kid = 'k1') =>
  new SignJWT({ ...payload }).setProtectedHeader({ alg: 'ES256', kid })

const token = (payload: object = claims, seconds = 300): Promise<string> =>
  signed(payload)
    .setSubject('alice')
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(pair.privateKey)

const access = (keys: URL | { keys: JWK[] } = served) =>
  tokenAccess({
    snapshot: () => store.snapshot,
    jwt: jwtVerifier({ keys, issuer, audience }),
  })
const ask = async (jwt: string, keys?: URL | { keys: JWK[] }) =>
  access(keys).authenticate(`Bearer ${jwt}`)

test('a signed token lets its subject in, with the role and tenant that it claims', async () => {
  expect(await ask(await token())).toEqual({
    subject: 'jwt alice',
    role: 'member',
    tenant: 'acme',
  })
  expect(await ask(await token({ weft_role: 'operator' }))).toEqual({
    subject: 'jwt alice',
    role: 'operator',
  })
})

test('keys come from the address of the JWKS, asked for once', async () => {
  const remote = access(url)
  const before = asked
  for (let count = 0; count < 3; count++)
    expect(await remote.authenticate(`Bearer ${await token()}`)).toMatchObject({ role: 'member' })
  expect(asked - before).toBe(1)
})

test.each([
  ['of another tenant form', { weft_role: 'member', weft_tenant: '../x' }],
  ['a role of the site with a tenant', { weft_role: 'operator', weft_tenant: 'acme' }],
  ['a role of a tenant without one', { weft_role: 'member' }],
  ['no role', { weft_tenant: 'acme' }],
  ['a role that is a list', { weft_role: ['member'], weft_tenant: 'acme' }],
  ['another issuer', { ...claims, iss: 'https://evil.example.org' }],
])('claims that are not right let nobody in: %s', async (_, payload) => {
  const builder = signed(payload).setSubject('alice').setAudience(audience).setExpirationTime('5m')
  if (!('iss' in payload)) builder.setIssuer(issuer)
  expect(await ask(await builder.sign(pair.privateKey))).toMatchObject({ refused: 'invalid' })
})

test('a subject is a name: anything else lets nobody in, and no character of a long one is cut in half', async () => {
  const of = (sub: unknown) =>
    signed({ ...claims, sub })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime('5m')
      .sign(pair.privateKey)
  for (const sub of [123, '', ['alice'], null])
    expect(await ask(await of(sub))).toMatchObject({ refused: 'invalid' })
  const long = `${'a'.repeat(199)}\u{1f600}`
  expect(await ask(await of(`${long}b`))).toMatchObject({ subject: `jwt ${long}` })
  expect(await ask(await of('half\ud800'))).toMatchObject({ subject: 'jwt half\ufffd' })
})

test('what has expired, has no end, or is not for us lets nobody in', async () => {
  expect(await ask(await token(claims, -61))).toMatchObject({ refused: 'invalid' })
  expect(await ask(await token(claims, -30))).toMatchObject({ role: 'member' })
  const endless = await signed(claims)
    .setSubject('alice')
    .setIssuer(issuer)
    .setAudience(audience)
    .sign(pair.privateKey)
  expect(await ask(endless)).toMatchObject({ refused: 'invalid' })
  const other = await signed(claims)
    .setSubject('alice')
    .setIssuer(issuer)
    .setAudience('other')
    .setExpirationTime('5m')
    .sign(pair.privateKey)
  expect(await ask(other)).toMatchObject({ refused: 'invalid' })
})

test('forgeries let nobody in: unsigned, another key, the public key as a shared secret, changed bytes', async () => {
  const exp = Math.floor(Date.now() / 1000) + 300
  const all = { ...claims, sub: 'alice', iss: issuer, aud: audience, exp }
  const unsigned = new UnsecuredJWT(all).encode()
  const stranger = await generateKeyPair('ES256')
  const foreign = await signed(all, 'k1').sign(stranger.privateKey)
  const shared = new TextEncoder().encode(JSON.stringify(served.keys[0]))
  const hmac = await new SignJWT(all).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(shared)
  const [head, body, signature] = (await token()).split('.')
  const forged = JSON.parse(Buffer.from(body ?? '', 'base64url').toString())
  forged.weft_role = 'operator'
  delete forged.weft_tenant
  const changed = [head, Buffer.from(JSON.stringify(forged)).toString('base64url'), signature]
  for (const jwt of [unsigned, foreign, hmac, changed.join('.')])
    expect(await ask(jwt)).toMatchObject({ refused: 'invalid' })
})

test('who invents key ids does not make us ask the provider each time', async () => {
  const remote = access(url)
  await remote.authenticate(`Bearer ${await token()}`)
  const before = asked
  for (let count = 0; count < 20; count++) {
    const jwt = await signed(claims, `invented-${count}`)
      .setSubject('mallory')
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime('5m')
      .sign(pair.privateKey)
    expect(await remote.authenticate(`Bearer ${jwt}`)).toMatchObject({ refused: 'invalid' })
  }
  expect(asked - before).toBe(0)
})

test('keys that cannot be had are not the fault of who sent the token', async () => {
  const gone = new URL('http://127.0.0.1:9/jwks.json')
  expect(await ask(await token(), gone)).toMatchObject({ refused: 'unavailable' })
})
