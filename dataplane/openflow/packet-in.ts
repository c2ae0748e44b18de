/**
 * A packet on its way to the controller: the only place where a packet becomes an object. As there
 * are no buffers, the packet is always there whole (OpenFlow 1.3.5 §6.1.2, as Open vSwitch does), or as
 * much of it as a message of 65,535 bytes holds.
 * Neighbours: bridge.ts makes the standard message, agent.ts the one of the controller's format.
 */
import { encodeMatch, type Match } from '../../southbound/openflow/match.ts'
import { type Body, type MessageOf, OFP_NO_BUFFER } from '../../southbound/openflow/message.ts'
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { keyField } from '../packet/key-layout.ts'
import type { Run } from '../pipeline/run.ts'

export type PacketIn = Extract<Body, { type: 'packet_in' }>

/** No flow: of a packet-out. */
const NO_COOKIE = 0xffff_ffff_ffff_ffffn
/** What came beside the frame: told when it is not zero (OpenFlow 1.3.5 §7.4.1). */
const CONTEXT: readonly FieldName[] = (
  [
    ...(['tunnel_id', 'tun_src', 'tun_dst', 'tun_ipv6_src', 'tun_ipv6_dst', 'tun_gbp_id'] as const),
    ...(['tun_gbp_flags', 'metadata'] as const),
    ...Array.from({ length: 16 }, (_, n) => `reg${n}` as FieldName),
    ...(['pkt_mark', 'ct_state', 'ct_zone', 'ct_mark', 'ct_label', 'ct_nw_proto'] as const),
    ...([
      'ct_nw_src',
      'ct_nw_dst',
      'ct_ipv6_src',
      'ct_ipv6_dst',
      'ct_tp_src',
      'ct_tp_dst',
    ] as const),
  ] as FieldName[]
).filter((name) => name in keyField)

/** Bits of tun_flags that there are: OAM. */
const TUNNEL_FLAGS = 1

/** The message with the whole frame; `reason` is one of OFPR_*. */
export function packetIn(run: Run, reason: number): PacketIn {
  const { bytes, start, end } = run.packet
  const match: Record<string, number | bigint | readonly [number, number]> = {
    in_port: read(run.key, 'in_port'),
  }
  for (const name of CONTEXT) {
    const value = read(run.key, name)
    if (Number(value) !== 0) match[name] = value
  }
  const flags = Number(read(run.key, 'tun_flags')) & TUNNEL_FLAGS
  if (flags !== 0) match.tun_flags = [flags, TUNNEL_FLAGS]
  return {
    type: 'packet_in',
    buffer_id: OFP_NO_BUFFER,
    total_len: end - start,
    reason,
    table_id: run.tableId,
    cookie: run.flow?.cookie ?? NO_COOKIE,
    match: encodeMatch(match as Match),
    data: bytes.slice(start, end),
  }
}

/** Heads and padding of either format, at most. */
const OVERHEAD = 96
const MAX_MESSAGE = 65_535

/** The message with as much of the frame as fits; undefined when nothing does. */
export function fitted(message: PacketIn, userdata: Uint8Array | undefined): PacketIn | undefined {
  const { match, data } = message
  const room = MAX_MESSAGE - OVERHEAD - match.length - (userdata?.length ?? 0)
  if (data.length <= room) return message
  return room > 0 ? { ...message, data: data.subarray(0, room) } : undefined
}

/** The same as NXT_PACKET_IN2, with what the controller action carries for it. */
export function packetIn2(
  { data, total_len, table_id, cookie, reason, match }: PacketIn,
  userdata: Uint8Array | undefined,
): Omit<MessageOf<'packet_in2'>, 'xid'> {
  return {
    type: 'packet_in2',
    properties: [
      { kind: 'packet', packet: data },
      ...(data.length < total_len ? [{ kind: 'full_len', full_len: total_len } as const] : []),
      { kind: 'table_id', table_id },
      ...(cookie === NO_COOKIE ? [] : [{ kind: 'cookie', cookie } as const]),
      { kind: 'reason', reason },
      { kind: 'metadata', metadata: match },
      ...(userdata && userdata.length > 0 ? [{ kind: 'userdata', userdata } as const] : []),
    ],
  }
}

function read(key: Uint32Array, name: FieldName): number | bigint {
  const { slot, words } = keyField[name]
  if (fieldOf[name].bits <= 32) return key[slot]!
  let value = 0n
  for (let i = 0; i < words; i++) value = (value << 32n) | BigInt(key[slot + i]!)
  return value
}
