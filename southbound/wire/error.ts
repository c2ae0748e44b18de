/**
 * The one error that decoders throw. Bad bytes are an answer, not a crash: whoever feeds bytes of a
 * peer to a decoder catches this and nothing else. Neighbours: struct.ts, record.ts.
 */

/** Malformed bytes or text; `at` is the offset (bytes, or characters of a text) where it was seen. */
export class WireError extends Error {
  readonly at: number

  constructor(message: string, at: number, options?: ErrorOptions) {
    super(`${message} (at byte ${at})`, options)
    this.name = 'WireError'
    this.at = at
  }
}

/** Well-formed, but about a thing that no row declares: an element with it is kept as bytes. */
export class UnknownError extends WireError {}

/** Of the right length, but the value or the mask is one that the field cannot have. */
export class ValueError extends WireError {
  readonly what: 'value' | 'mask'

  constructor(what: ValueError['what'], name: string, at: number) {
    super(`${name}: bad ${what}`, at)
    this.what = what
  }
}
