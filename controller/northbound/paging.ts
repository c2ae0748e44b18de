/**
 * Lists page by page, all pages of one revision: a cursor names the revision and the last key, and the store has the site
 * of that revision as long as its history reaches. Neighbour: lists.ts.
 */
import { HttpError } from './problem.ts'

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
