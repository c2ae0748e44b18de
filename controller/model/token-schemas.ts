/**
 * Spec and object of tokens: who may touch the API. A secret is made by whoever asks for the token; here is its
 * SHA-256 alone, so that neither the journal nor a backup lets anybody in. Neighbours: schema.ts has the types and says
 * how to write a description; controller/access reads them.
 */
import { Type } from 'typebox'
import { Id, labelled, oneOf, optional, Revision, strict, Uuid } from './values.ts'

const fields = {
  sha256: Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: 'the SHA-256 of the secret, 64 hexadecimal digits in lower case',
  }),
}
const extras = {
  expires: Type.String({
    pattern:
      '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z$',
    description: "a time such as '2027-01-31T00:00:00Z', from which on it is worth nothing",
  }),
  description: Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'what it is for, 1 to 200 characters',
  }),
}
const secret = { ...fields, ...optional(extras).properties, ...labelled }

const tenantRole = oneOf(
  ['admin', 'member', 'reader'],
  "'admin' (all of the tenant, its tokens too), 'member' (its networks, subnets and ports) or 'reader'",
)
export const TokenSpec = Type.Object(
  { role: tenantRole, ...secret },
  { ...strict, title: 'TokenSpec' },
)
export const Token = Type.Object(
  { tenant: Id, id: Id, uuid: Uuid, role: tenantRole, ...secret, revision: Revision },
  { ...strict, title: 'Token' },
)

const siteRole = oneOf(
  ['operator', 'reader'],
  "'operator' (all of the site) or 'reader' (reads all of it but tokens)",
)
export const SiteTokenSpec = Type.Object(
  { role: siteRole, ...secret },
  { ...strict, title: 'SiteTokenSpec' },
)
export const SiteToken = Type.Object(
  { id: Id, uuid: Uuid, role: siteRole, ...secret, revision: Revision },
  { ...strict, title: 'SiteToken' },
)
