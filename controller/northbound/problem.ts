/**
 * Errors as RFC 9457 answers them: `application/problem+json` with a stable `type`, the JSON
 * pointer, the value and what would be right. What the model refuses keeps its own type; what HTTP
 * itself refuses is in the table here.
 */
import { type TObject, Type } from 'typebox'
import { DocumentError } from '../model/document-edits.ts'
import { ModelError, type Problem, printed } from '../model/errors.ts'
import type { Position } from '../model/yaml.ts'
import { RevisionGone, RevisionUnknown, StoreError } from '../store/error.ts'

const table = {
  malformed_json: [400, 'the body is not JSON'],
  body_missing: [400, 'the request has no body'],
  body_length: [400, 'the body is not as long as its Content-Length says'],
  malformed_request: [400, 'this is not an HTTP request'],
  malformed_url: [400, 'the path is not a valid URL path'],
  parameter_invalid: [400, 'a parameter is not valid'],
  unauthenticated: [401, 'it is not known who asks'],
  forbidden: [403, 'a token of role {value} may not do this'],
  path_unknown: [404, 'there is nothing at this path'],
  method_not_allowed: [405, 'this path does not take this method'],
  events_gone: [410, 'events after {value} are no longer all there'],
  revision_gone: [410, '{value}'],
  revision_unknown: [404, '{value}'],
  plan_stale: [409, 'the plan does not fit: the site or the document has changed since'],
  precondition_failed: [412, 'the object is not as {value} says'],
  idempotency_key_reused: [422, 'Idempotency-Key {value} is of another request'],
  idempotency_unanswered: [
    409,
    'the first request with Idempotency-Key {value} has no answer to give again',
  ],
  request_timeout: [408, 'the request did not arrive in time'],
  body_too_large: [413, 'the body is too large'],
  path_too_long: [414, 'an id in the path is too long'],
  media_type_unsupported: [415, 'the body is not of type application/json'],
  too_many_requests: [429, 'too many requests'],
  header_too_large: [431, 'the header is too large'],
  internal: [500, 'this should not have happened; the log of the controller has the reason'],
  store_unwritable: [507, 'the store cannot be written now; nothing has changed'],
  identity_unavailable: [503, 'it cannot be told now who asks: the keys of tokens cannot be had'],
  host_disconnected: [503, 'the host is not connected'],
  closing: [503, 'the controller is about to stop'],
} as const satisfies Record<string, readonly [status: number, sentence: string]>

export type HttpProblemType = keyof typeof table

export interface ProblemDetails {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly pointer?: string
  readonly parameter?: string
  readonly value?: unknown
  readonly expected?: string
  readonly references?: readonly string[]
  /** Of a document. */
  readonly line?: number | undefined
  readonly column?: number | undefined
  readonly errors?: readonly Omit<ProblemDetails, 'status' | 'title'>[]
}

export const mediaType = 'application/problem+json'
/** Stable: clients switch on it. */
const urn = (type: string): string => `urn:weft:problem:${type}`

/** An answer that HTTP or this API gives by itself. Thrown by handlers. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly details: ProblemDetails
  readonly headers: Readonly<Record<string, string>>

  constructor(
    type: HttpProblemType,
    facts: Omit<Partial<ProblemDetails>, 'type' | 'title' | 'status'> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    const details = httpProblem(type, facts)
    super(details.detail)
    this.details = details
    this.headers = headers
  }
}

export function httpProblem(
  type: HttpProblemType,
  facts: Omit<Partial<ProblemDetails>, 'type' | 'title' | 'status'> = {},
): ProblemDetails {
  const [status, sentence] = table[type]
  const detail = sentence.replace('{value}', printed(facts.value))
  return { type: urn(type), title: titleOf(type), status, detail, ...facts }
}

/** The first problem is the answer's own; when there are more, `errors` has them all. */
function modelProblem({ problems }: ModelError | DocumentError): ProblemDetails {
  const [first, ...rest] = problems
  if (!first) return httpProblem('internal')
  const details = { ...short(first), title: titleOf(first.type), status: first.status }
  return rest.length === 0 ? details : { ...details, errors: problems.map(short) }
}

function short(problem: Problem & Partial<Position>): Omit<ProblemDetails, 'status' | 'title'> {
  const { type, detail, pointer, value, expected, references, line, column } = problem
  return {
    type: urn(type),
    detail,
    pointer,
    ...(value === undefined ? {} : { value }),
    expected,
    ...(references ? { references } : {}),
    ...(line === undefined ? {} : { line, column }),
  }
}

const titleOf = (type: string): string => {
  const words = type.replaceAll('_', ' ').replace(/\b(mtu|vni|mac|vtep|json|url)\b/g, acronym)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

const acronym = (word: string): string => word.toUpperCase()

/**
 * Codes of fastify and of Node's parser that have a problem of their own; the rest is `internal`.
 */
const byCode: Readonly<Record<string, HttpProblemType>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media_type_unsupported',
  FST_ERR_CTP_EMPTY_TYPE: 'media_type_unsupported',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'body_missing',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'body_length',
  FST_ERR_BAD_URL: 'malformed_url',
  FST_ERR_MAX_PARAM_LENGTH: 'path_too_long',
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

const expectations: Partial<Record<HttpProblemType, string>> = {
  body_too_large: 'at most 1 MiB, of a document 64 MiB, of a document of one tenant 8 MiB',
  media_type_unsupported: 'Content-Type: application/json',
  body_missing: 'a JSON object',
  malformed_url: 'percent-encoded UTF-8',
  path_too_long: 'ids of at most 63 characters',
}

/** Any error as a problem. `internal` says nothing of what went wrong: the caller logs it. */
export function problemOf(error: unknown): ProblemDetails {
  if (error instanceof HttpError) return error.details
  if (error instanceof ModelError || error instanceof DocumentError) return modelProblem(error)
  if (error instanceof RevisionGone)
    return httpProblem('revision_gone', {
      ...{ value: error.message, expected: `revision ${error.oldest} or later` },
    })
  if (error instanceof RevisionUnknown)
    return httpProblem('revision_unknown', {
      ...{ value: error.message, expected: `at most ${error.latest}` },
    })
  if (error instanceof StoreError) return httpProblem('store_unwritable')
  const type = byCode[(error as { code?: string } | undefined)?.code ?? ''] ?? 'internal'
  const expected = expectations[type]
  return httpProblem(type, expected === undefined ? {} : { expected })
}

/** What Node's parser refused, before there is a request. */
export function parserProblem(error: unknown): ProblemDetails {
  const details = problemOf(error)
  return details.status === 500 ? httpProblem('malformed_request') : details
}

const each = {
  type: Type.String({ description: 'urn:weft:problem:…; stable' }),
  detail: Type.String(),
  pointer: Type.Optional(Type.String({ description: 'JSON pointer into the body; RFC 6901' })),
  parameter: Type.Optional(Type.String({ description: 'name of the parameter at fault' })),
  value: Type.Optional(Type.Unknown({ description: 'what was given' })),
  expected: Type.Optional(Type.String({ description: 'what would be right' })),
  line: Type.Optional(Type.Integer({ description: 'of a document, from 1' })),
  column: Type.Optional(Type.Integer()),
  references: Type.Optional(
    Type.Array(Type.String(), { description: "what still refers to it: 'port acme/vm1'" }),
  ),
}
export const ProblemSchema: TObject = Type.Object(
  {
    ...each,
    title: Type.String(),
    status: Type.Integer(),
    errors: Type.Optional(Type.Array(Type.Object(each))),
  },
  { title: 'Problem', description: 'RFC 9457' },
)
