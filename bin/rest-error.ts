/** What a controller refuses, as a person reads it: a problem (RFC 9457) in sentences. Neighbour: rest.ts throws it. */
import { firstOf } from '../controller/model/errors.ts'
import type { ProblemDetails } from '../controller/northbound/problem.ts'
import { printable } from './print/printable.ts'

/** The controller does not answer, refuses, or is none; `status` is 0 without an answer. */
export class RestError extends Error {
  override readonly name = 'RestError'
  readonly status: number
  /** Of a problem, without its urn: 'in_use'; 'connection_lost' where there is no answer and may be a deed. */
  readonly type: string | undefined

  constructor(status: number, message: string, type?: string) {
    super(message)
    this.status = status
    this.type = type
  }
}

/** More references are counted, not named. */
const NAMED = 10
const urn = 'urn:weft:problem:'

/** @param name how the document is called that was sent, for its lines; anything else has no name */
export function refusalOf(problem: ProblemDetails, name = ''): RestError {
  const { status, type, errors = [problem] } = problem
  const sentences = firstOf(errors.map((each) => sentenceOf(each, status, name)))
  const kind = type.startsWith(urn) ? type.slice(urn.length) : undefined
  return new RestError(status, sentences.map(printable).join('\n'), kind)
}

type One = Omit<ProblemDetails, 'status' | 'title'>

function sentenceOf(problem: One, status: number, name: string): string {
  const { detail, pointer, line, column, references = [] } = problem
  const at = line === undefined ? '' : `${name || 'document'}:${line}:${column}: `
  const where = pointer ? `${pointer}: ` : ''
  return `${at}${where}${detail}${expectation(problem, status)}${named(references)}`
}

/** What would be right, unless the rest of the sentence says so. */
function expectation({ detail, expected, references }: One, status: number): string {
  if (status === 401) return '; a token is given by --token-file FILE or in WEFT_TOKEN'
  const isSaid = status === 404 || references !== undefined
  return expected === undefined || isSaid || detail.endsWith(expected)
    ? ''
    : `; expected ${expected}`
}

function named(references: readonly string[]): string {
  if (references.length === 0) return ''
  const more = references.length - NAMED
  const rest = more > 0 ? ` and ${more} more` : ''
  return `; referred to by ${references.slice(0, NAMED).join(', ')}${rest}`
}
