/** What was typed does not go together: one sentence, exit code 2. Neighbours: weft.ts, commands/. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
