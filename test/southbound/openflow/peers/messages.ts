/**
 * An example of every message but the multiparts. A new row in message-rows.ts or nicira-message.ts
 * needs one. Neighbours: example.ts, multiparts.ts.
 */
import type { Example } from './example.ts'
import { changeExamples } from './messages-change.ts'
import { extensionExamples } from './messages-extension.ts'
import { sessionExamples } from './messages-session.ts'

export const messageExamples: Readonly<Record<string, readonly Example[]>> = {
  ...sessionExamples,
  ...changeExamples,
  ...extensionExamples,
}
