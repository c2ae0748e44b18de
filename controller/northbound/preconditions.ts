/**
 * Lost updates: an object's ETag is its revision (RFC 9110 §8.8.3, strong), `If-Match` and `If-None-Match` of a write are
 * held against it in the same moment in which it is written (§13.1).
 */
import type { FastifyRequest } from 'fastify'
import { HttpError } from './problem.ts'

interface Revised {
  readonly revision: number
}

export const etagOf = ({ revision }: Revised): string => `"${revision}"`

/** @throws HttpError `precondition_failed` */
export function checkPreconditions(request: FastifyRequest, current: Revised | undefined): void {
  const { 'if-match': match, 'if-none-match': noneMatch } = request.headers
  const has = current && etagOf(current)
  if (match !== undefined && !matches(match, has)) {
    const expected = has === undefined ? 'an object that exists' : `If-Match: ${has}`
    throw new HttpError('precondition_failed', { value: match, expected })
  }
  // Weakly here, by §13.1.2: W/"42" is the same to who wants none of it.
  if (noneMatch !== undefined && matches(noneMatch.replaceAll('W/', ''), has)) {
    const expected = noneMatch === '*' ? 'no object there yet' : 'an object that has changed'
    throw new HttpError('precondition_failed', { value: noneMatch, expected })
  }
}

/** Strong comparison: a weak tag never matches. */
function matches(header: string, etag: string | undefined): boolean {
  if (header.trim() === '*') return etag !== undefined
  return header.split(',').some((tag) => tag.trim() === etag)
}
