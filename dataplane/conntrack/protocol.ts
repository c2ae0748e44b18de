/**
 * What connection tracking asks of a protocol: a row for each that has states of its own.
 * Neighbours: tcp.ts, sctp.ts and datagram.ts are the rows' code; conntrack.ts asks.
 */
import { IP_PROTO } from '../../southbound/wire/ipv4.ts'
import {
  beginsIcmp,
  ICMP_TIMEOUT,
  isIcmp,
  OTHER_TIMEOUT,
  updateIcmp,
  updateOther,
} from './datagram.ts'
import type { Reading } from './parse.ts'
import { beginSctp, beginsSctp, SCTP_TIMEOUT, updateSctp } from './sctp.ts'
import type { ConnectionTable } from './table.ts'
import { beginsTcp, beginTcp, TCP_TIMEOUT, updateTcp } from './tcp.ts'

export interface Protocol {
  /** Class of a connection that has just begun; timeouts.ts. */
  readonly timeout: number
  /** Whether a connection may begin with this packet. */
  begins(reading: Reading): boolean
  /** Writes the state of a connection that begins; the record's words are 0 before. */
  begin(words: Uint32Array, record: number, reading: Reading): void
  /** What a packet does to its connection; one of verdict.ts. */
  update(
    table: ConnectionTable,
    record: number,
    reading: Reading,
    reply: boolean,
    now: number,
  ): number
}

const TCP: Protocol = {
  timeout: TCP_TIMEOUT,
  begins: beginsTcp,
  begin: beginTcp,
  update: updateTcp,
}
const SCTP: Protocol = {
  timeout: SCTP_TIMEOUT,
  begins: beginsSctp,
  begin: beginSctp,
  update: updateSctp,
}
const ICMP: Protocol = {
  timeout: ICMP_TIMEOUT,
  begins: beginsIcmp,
  begin() {},
  update: (table, record, _, reply, now) => updateIcmp(table, record, reply, now),
}
const OTHER: Protocol = {
  timeout: OTHER_TIMEOUT,
  begins: () => true,
  begin() {},
  update: (table, record, _, reply, now) => updateOther(table, record, reply, now),
}

/** The row of a packet. */
export function protocolFor({ version, protocol }: Reading): Protocol {
  if (protocol === IP_PROTO.tcp) return TCP
  if (protocol === IP_PROTO.sctp) return SCTP
  return isIcmp(version, protocol) ? ICMP : OTHER
}
