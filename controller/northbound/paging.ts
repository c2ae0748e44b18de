/**
 * Lists page by page, all pages of one revision: a cursor names the revision and the last key, and the store has the site
 * of that revision as long as its history reaches. Neighbour: lists.ts.
 */

import { Type } from 'typebox'
import { HttpError } from './problem.ts'

/** Items. */
export const LONGEST_PAGE = 1000
export const limitParameter = Type.Optional(
  Type.String({
    pattern: '^([1-9][0-9]{0,2}|1000)$',
    description: `items of a page, 1 to ${LONGEST_PAGE}; left out, ${LONGEST_PAGE}`,
  }),
)

export interface Cursor {
  readonly revision: number
  /** Key of the last item of the page before. */
  readonly after: string
}

export const cursorText = ({ revision, after }: Cursor): string =>
  Buffer.from(JSON.stringify([revision, after])).toString('base64url')

/** @throws HttpError `parameter_invalid` */
export function parseCursor(text: string): Cursor {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    const [revision, after] = value as [unknown, unknown]
    if (Number.isSafeInteger(revision) && typeof after === 'string')
      return { revision: revision as number, after }
  } catch {
    // Said below.
  }
  const expected = '`next` of the page before'
  throw new HttpError('parameter_invalid', { parameter: 'cursor', value: text, expected })
}
