/**
 * The typed failure of everything OVSDB: what a peer answered, or what we answer a peer.
 *
 * Malformed bytes on the wire (framing, JSON, limits) are a WireError of ../wire/error.ts; from the
 * moment a message is well-formed JSON, every failure is an OvsdbError whose `tag` is the short
 * string that RFC 7047 §3.1 puts into the `error` member. Read next: json-rpc.ts.
 */

/** The `error` strings of RFC 7047 §4 and §5.2 and of ovsdb-server, each with what it means. */
export const errorTags = {
  aborted: 'an abort operation ended the transaction',
  'connection closed': 'the connection ended before the reply came',
  'constraint violation': 'a value, row count or unique index breaks the schema',
  'domain error': 'a mutation is undefined for the value, such as a division by zero',
  'duplicate uuid': 'an insert asks for the uuid of a row that is there or was deleted just now',
  'duplicate uuid-name': 'two insert operations of one transaction use the same uuid-name',
  canceled: 'the transaction was cancelled before it finished',
  'ovsdb error': 'a set or map holds an element twice (the tag ovsdb-server uses)',
  'I/O error': 'the journal of the database cannot be written or read',
  'invalid parameters': 'a schema to convert to is of another database',
  'not allowed':
    'a change of the database _Server, or of a schema that is not for clients to change',
  'not owner': 'the lock that an assert operation names is not held by this client',
  'range error': 'the result of a mutation does not fit its type',
  'referential integrity violation': 'a strong reference points at no row',
  'resources exhausted': 'a limit on pending work or message size was reached',
  'syntax error': 'the request is JSON, but not of the form RFC 7047 asks for',
  'timed out': 'a wait operation did not come true in time',
  'unknown outcome':
    'the connection ended after a transaction was sent and before its answer came: it may have happened or not',
  'unknown column': 'the table has no such column',
  'unknown database': 'the server has no such database',
  'unknown function': 'a condition compares by something that is no function',
  'unknown mutator': 'a mutation asks for something that is no mutator',
} as const

/** An `error` string that this library makes itself; a peer may answer others. */
export type ErrorTag = keyof typeof errorTags

/** A failed OVSDB request, operation or value. */
export class OvsdbError extends Error {
  /** The `error` member as on the wire, e.g. 'constraint violation' (RFC 7047 §3.1). */
  readonly tag: string
  /** The `details` member: a sentence for people; undefined where the peer gave none. */
  readonly details: string | undefined
  /** Position of the failed operation in the transaction; undefined: the commit or no operation. */
  readonly operation: number | undefined
  /** The peer said so, and its `connection closed` says nothing of our connection. */
  readonly isPeers: boolean

  constructor(
    tag: string,
    details?: string,
    options?: { operation?: number; cause?: unknown; isPeers?: boolean },
  ) {
    const place = options?.operation === undefined ? '' : `operation ${options.operation}: `
    super(
      details === undefined ? place + tag : `${place}${tag}: ${details}`,
      options?.cause === undefined ? undefined : { cause: options.cause },
    )
    this.name = 'OvsdbError'
    this.tag = tag
    this.details = details
    this.operation = options?.operation
    this.isPeers = options?.isPeers ?? false
  }

  /** The `<error>` object of RFC 7047 §3.1. */
  toJSON(): { error: string; details?: string } {
    return this.details === undefined
      ? { error: this.tag }
      : { error: this.tag, details: this.details }
  }
}

/** An OvsdbError whose tag is checked against the table above. */
export function ovsdbError(tag: ErrorTag, details?: string, cause?: unknown): OvsdbError {
  return new OvsdbError(tag, details, cause === undefined ? {} : { cause })
}
