/**
 * Actions that hold others, that leave the packet alone, or that change the tables.
 * Neighbours: learn.ts, conjunctive matches in classifier/conjunction.ts, action-row.ts, actions.ts.
 */
import { keyField } from '../packet/key-layout.ts'
import { hasField, prerequisites } from '../packet/prerequisite.ts'
import { need, RANK, type Rows } from './action-row.ts'
import { learnRows } from './learn.ts'
import { refuse } from './refusal.ts'

const TCP_FLAGS = keyField.tcp_flags.slot
const IS_TCP = prerequisites(keyField.tcp_flags)
const FIN_OR_RST = 5
const nothing = () => () => {}

export const otherRows = {
  ...learnRows,
  clone: {
    rank: RANK.never,
    // It works on a copy of its own, at whose end the action set is executed, as in Open vSwitch.
    compile({ actions }, place) {
      const compiled = place.list(actions)
      const frame = compiled.actions.some((action) => action.frame)
      return (run) => run.datapath.isolate(run, compiled.steps, frame, true)
    },
  },
  /** Of a flow of TCP, when it ends: as in Open vSwitch for FIN and RST alike. */
  fin_timeout: {
    rank: RANK.never,
    compile({ fin_idle_timeout, fin_hard_timeout }, place) {
      need(place, 'tcp_flags')
      return ({ key, flow, datapath }) => {
        if (!flow || !hasField(key, IS_TCP)) return
        if ((key[TCP_FLAGS]! & FIN_OR_RST) === 0) return
        datapath.shorten(flow, fin_idle_timeout, fin_hard_timeout)
      }
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
