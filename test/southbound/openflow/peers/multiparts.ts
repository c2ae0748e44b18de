/**
 * Examples of every multipart, both ways. A new row in multipart.ts needs two.
 * Neighbours: example.ts, messages.ts.
 */
import type { Example } from './example.ts'
import { flowMultiparts } from './multiparts-flow.ts'
import { groupMultiparts } from './multiparts-group.ts'
import { tableMultiparts } from './multiparts-table.ts'

export const multipartExamples: Readonly<Record<string, readonly Example[]>> = {
  ...flowMultiparts,
  ...groupMultiparts,
  ...tableMultiparts,
}
