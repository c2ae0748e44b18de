/**
 * Actions that hold others, that leave the packet alone, or that change the tables.
 * Neighbours: learn.ts, conjunctive matches in classifier/conjunction.ts, action-row.ts, actions.ts.
 */
import { RANK, type Rows } from './action-row.ts'
import { learnRows } from './learn.ts'
import { refuse } from './refusal.ts'

const nothing = () => () => {}

export const otherRows = {
  ...learnRows,
  clone: {
    rank: RANK.never,
    // It works on a copy of its own.
    compile({ actions }, place) {
      const compiled = place.list(actions)
      const frame = compiled.actions.some((action) => action.frame)
      return (run) => run.datapath.isolate(run, compiled.steps, frame)
    },
  },
  note: { rank: RANK.never, compile: nothing },
  /** The matcher reads it from the program; nothing is done to a packet. */
  conjunction: {
    rank: RANK.never,
    compile({ clause, n_clauses }) {
      if (n_clauses < 2 || n_clauses > 64 || clause >= n_clauses) {
        refuse('bad_action.bad_conjunction', `clause ${clause} of ${n_clauses}`)
      }
      return () => {}
    },
  },
} as const satisfies Rows
