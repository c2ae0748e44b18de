/**
 * Connections as others see them: values, and the text of `ovs-appctl dpctl/dump-conntrack`.
 * Source: Open vSwitch 3.1 lib/ct-dpif.c (ct_dpif_format_entry). Neighbours: table.ts, conntrack.ts.
 */

import { formatIpv6 } from '../../southbound/openflow/text-address.ts'
import { formatIpv4 } from '../../southbound/wire/address.ts'
import { IP_PROTO } from '../../southbound/wire/ipv4.ts'
import { isIcmp } from './datagram.ts'
import { sctpStateOf } from './sctp.ts'
import { type ConnectionTable, FORWARD, LABEL, MARK, REPLY } from './table.ts'
import { TCP_STATES, tcpFlagsOf, tcpStateOf } from './tcp.ts'
import {
  DST,
  DST_PORT,
  HEAD,
  protocolOf,
  SRC,
  SRC_PORT,
  TYPE_SHIFT,
  versionOf,
  zoneOf,
} from './tuple.ts'

export interface TupleEntry {
  readonly src: string
  readonly dst: string
  /** Ports, of all but ICMP; 0 of protocols that have none. */
  readonly sport?: number
  readonly dport?: number
  /** Of ICMP. */
  readonly id?: number
  readonly type?: number
}

export interface Entry {
  /** tcp, udp, sctp, icmp, icmpv6 or a number. */
  readonly protocol: string
  readonly zone: number
  readonly orig: TupleEntry
  readonly reply: TupleEntry
  readonly mark: number
  readonly label: bigint
  /** Of TCP the two sides' states, of SCTP the association's. */
  readonly states: readonly string[]
  /** Of TCP, as states. */
  readonly flags: readonly string[]
  /** Seconds that it lives on. */
  readonly timeout: number
}

const protocolNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(IP_PROTO).map(([name, number]) => [number, name]),
)

function wide(words: Uint32Array, at: number): bigint {
  let value = 0n
  for (let i = 0; i < 4; i++) value = (value << 32n) | BigInt(words[at + i]!)
  return value
}

function tupleEntry(words: Uint32Array, at: number): TupleEntry {
  const version = versionOf(words[at + HEAD]!)
  const protocol = protocolOf(words[at + HEAD]!)
  const address = (o: number) =>
    version === 4 ? formatIpv4(words[o]!) : formatIpv6(wide(words, o))
  const ends = { src: address(at + SRC), dst: address(at + DST) }
  const src = words[at + SRC_PORT]!
  if (isIcmp(version, protocol)) return { ...ends, id: src & 0xffff, type: src >>> TYPE_SHIFT }
  return { ...ends, sport: src, dport: words[at + DST_PORT]! }
}

export function entryOf(table: ConnectionTable, record: number, now: number): Entry {
  const { words } = table
  const protocol = protocolOf(words[record + HEAD]!)
  const isTcp = protocol === IP_PROTO.tcp
  const sides = isTcp ? [0, 1] : []
  return {
    protocol: protocolNames[protocol] ?? String(protocol),
    zone: zoneOf(words[record + HEAD]!),
    orig: tupleEntry(words, record + FORWARD),
    reply: tupleEntry(words, record + REPLY),
    mark: words[record + MARK]!,
    label: wide(words, record + LABEL),
    states: isTcp
      ? sides.map((side) => tcpStateOf(words, record, side))
      : protocol === IP_PROTO.sctp
        ? [sctpStateOf(words, record)]
        : [],
    flags: sides.map((side) => tcpFlagsOf(words, record, side)),
    timeout: Math.floor(table.remaining(record, now) / 1000),
  }
}

/** One line; `detailed` as `dpctl/dump-conntrack -m`. */
export function formatEntry(entry: Entry, options: { readonly detailed?: boolean } = {}): string {
  const tuple = (of: TupleEntry) =>
    [
      `src=${of.src}`,
      `dst=${of.dst}`,
      ...(of.sport === undefined ? [] : [`sport=${of.sport}`, `dport=${of.dport}`]),
      ...(of.id === undefined ? [] : [`id=${of.id}`, `type=${of.type}`, 'code=0']),
    ].join(',')
  const { zone, mark, label, states, flags, timeout } = entry
  const words = [
    entry.protocol,
    `orig=(${tuple(entry.orig)})`,
    `reply=(${tuple(entry.reply)})`,
    ...(zone === 0 ? [] : [`zone=${zone}`]),
    ...(options.detailed ? [`timeout=${timeout}`] : []),
    ...(mark === 0 ? [] : [`mark=${mark}`]),
    ...(label === 0n ? [] : [`labels=0x${label.toString(16)}`]),
    ...(states.length === 0 ? [] : [`protoinfo=(${protoInfo(states, flags, options)})`]),
  ]
  return words.join(',')
}

function protoInfo(
  states: readonly string[],
  flags: readonly string[],
  { detailed }: { readonly detailed?: boolean },
): string {
  const [orig = '', reply] = states
  if (reply === undefined) return `state=${orig}`
  if (!detailed) return `state=${joinStates(orig, reply)}`
  return `state_orig=${orig},state_reply=${reply},flags_orig=${flags[0]},flags_reply=${flags[1]}`
}

/** One state for both sides: that of the side which is further on, by the names of Linux. */
function joinStates(orig: string, reply: string): string {
  const further = TCP_STATES[Math.max(orderOf(orig), orderOf(reply))]!
  return further === 'FIN_WAIT_2' ? 'TIME_WAIT' : further === 'SYN_RECV' ? 'ESTABLISHED' : further
}

const orderOf = (state: string) => (TCP_STATES as readonly string[]).indexOf(state)
