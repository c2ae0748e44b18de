/**
 * Branches of the decoders that no input reaches, and why each may stay. A run fails when another one
 * was not taken, and when a row here is out of date: taken after all, or gone from the source.
 * Neighbours: scope.ts, branches.ts, report.ts.
 */
import type { Branch } from './branches.ts'

/** `text`: how the source goes on at the branch; all branches of the file that begin so. */
export type Unreached = readonly [file: string, side: string, text: string, reason: string]

/** Of what is caught, the errors that are not typed. */
const OURS = 'a mistake of ours, which ends the run of the fuzzer'

export const unreached: Readonly<Record<string, readonly Unreached[]>> = {
  openflow: [],
  text: [
    [
      'text-encap.ts',
      'left',
      '!type || !data',
      'a list by commas has a first item, if an empty one',
    ],
  ],
  ovsdb: [
    ['json-rpc.ts', 'then', 'if (this.#ended) return', 'after a reply that overflowed the queue'],
    ['codec.ts', 'call', '(this: Record_)', 'what console.log shows of a map'],
    [
      'replica-store.ts',
      'then',
      "typeof value === 'function'",
      'a column called as a member of Object: names.test.ts',
    ],
    ['session.ts', 'then', 'if (!(error instanceof OvsdbError)) throw error', OURS],
    ['transaction.ts', 'then', 'if (!(error instanceof OvsdbError)) throw error', OURS],
  ],
  frames: [],
}

export const isRowOf = (branch: Branch, [file, side, text]: Unreached): boolean =>
  branch.file.endsWith(`/${file}`) && branch.side === side && branch.text.startsWith(text)
