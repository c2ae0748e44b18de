/**
 * UDP, ICMP queries and all other protocols: what counts is who has spoken.
 * Source: Open vSwitch 3.1 lib/conntrack-other.c, lib/conntrack-icmp.c.
 * Neighbours: table.ts (records), conntrack.ts (who calls).
 */
import { icmp } from '../../southbound/wire/icmp.ts'
import { IP_PROTO } from '../../southbound/wire/ipv4.ts'
import { isQuery } from './icmp-types.ts'
import type { Reading } from './parse.ts'
import { type ConnectionTable, STATE } from './table.ts'
import { TIMEOUT } from './timeouts.ts'
import { STILL_NEW, VALID } from './verdict.ts'

/** States of UDP and others, in the word STATE. */
const FIRST = 0
const SINGLE = 1
const MULTIPLE = 2
const TIMEOUTS = [TIMEOUT.other_first, TIMEOUT.other_single, TIMEOUT.other_multiple]

export const OTHER_TIMEOUT = TIMEOUT.other_first
export const ICMP_TIMEOUT = TIMEOUT.icmp_first

/** New until somebody answers. */
export function updateOther(
  table: ConnectionTable,
  record: number,
  reply: boolean,
  now: number,
): number {
  const { words } = table
  const at = record + STATE
  if (reply) words[at] = MULTIPLE
  else if (words[at] === FIRST) words[at] = SINGLE
  table.touch(record, TIMEOUTS[words[at]!]!, now)
  return words[at] === MULTIPLE ? VALID : STILL_NEW
}

const ANSWERED = 1

export function updateIcmp(
  table: ConnectionTable,
  record: number,
  reply: boolean,
  now: number,
): number {
  const { words } = table
  if (reply) words[record + STATE] = ANSWERED
  const answered = words[record + STATE] === ANSWERED
  table.touch(record, answered ? TIMEOUT.icmp_reply : TIMEOUT.icmp_first, now)
  return answered ? VALID : STILL_NEW
}

/** A connection begins with a question. */
export const beginsIcmp = ({ version, bytes, l4 }: Reading): boolean =>
  isQuery(version, icmp.get.type(bytes, l4))

export const isIcmp = (version: number, protocol: number): boolean =>
  protocol === (version === 4 ? IP_PROTO.icmp : IP_PROTO.icmpv6)
