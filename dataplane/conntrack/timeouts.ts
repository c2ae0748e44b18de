/**
 * How long a connection is kept without a packet. Connections of one class all live equally long:
 * table.ts keeps them in a list by age for each class, and the oldest is always the first.
 * Sources: Open vSwitch 3.1 lib/conntrack-tp.c, ovs-vswitchd.conf.db(5) CT_Timeout_Policy; SCTP as
 * in Linux (nf_conntrack_proto_sctp.c), but not below the 30 s of the others.
 */

/** Seconds; `unanswered`: nobody but the sender has spoken, so the first to go when memory is short. */
const rows = {
  tcp_syn_sent: { seconds: 30, unanswered: true },
  tcp_syn_recv: { seconds: 30, unanswered: true },
  tcp_established: { seconds: 24 * 60 * 60 },
  tcp_fin_wait: { seconds: 15 * 60 },
  tcp_time_wait: { seconds: 45 },
  tcp_close: { seconds: 30 },
  sctp_opening: { seconds: 30, unanswered: true },
  sctp_established: { seconds: 210 },
  sctp_closing: { seconds: 30 },
  other_first: { seconds: 60, unanswered: true },
  other_single: { seconds: 60, unanswered: true },
  other_multiple: { seconds: 30 },
  icmp_first: { seconds: 60, unanswered: true },
  icmp_reply: { seconds: 30 },
} as const satisfies Record<string, { seconds: number; unanswered?: true }>

export type TimeoutClass = keyof typeof rows
export const timeoutClasses = Object.keys(rows) as TimeoutClass[]
/** Number of each class. */
export const TIMEOUT = Object.fromEntries(timeoutClasses.map((name, i) => [name, i])) as {
  readonly [K in TimeoutClass]: number
}
/** Seconds by class. */
export type Timeouts = { readonly [K in TimeoutClass]: number }
export const DEFAULT_TIMEOUTS = Object.fromEntries(
  timeoutClasses.map((name) => [name, rows[name].seconds]),
) as Timeouts

const isUnanswered = (name: TimeoutClass) => 'unanswered' in rows[name]
/** Classes that give way to new connections when the table is full, in this order of groups. */
export const EVICTED: readonly (readonly number[])[] = [
  timeoutClasses.filter(isUnanswered).map((name) => TIMEOUT[name]),
  [TIMEOUT.tcp_close, TIMEOUT.tcp_time_wait, TIMEOUT.sctp_closing],
]
