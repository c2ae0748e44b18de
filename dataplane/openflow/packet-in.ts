/** A packet on its way to the controller: the only place where a packet becomes an object. */
import { encodeMatch, type Match } from '../../southbound/openflow/match.ts'
import { type Body, OFP_NO_BUFFER } from '../../southbound/openflow/message.ts'
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { keyField } from '../packet/key-layout.ts'
import type { Run } from '../pipeline/run.ts'

/** What came beside the frame: told when it is not zero (OpenFlow 1.3.5 §7.4.1). */
const CONTEXT: readonly FieldName[] = [
  'tunnel_id',
  'tun_src',
  'tun_dst',
  'metadata',
  ...Array.from({ length: 16 }, (_, n) => `reg${n}` as FieldName),
]

/** The message with the whole frame; `reason` is one of OFPR_*. */
export function packetIn(run: Run, reason: number): Extract<Body, { type: 'packet_in' }> {
  const { bytes, start, end } = run.packet
  const match: Record<string, number | bigint> = { in_port: read(run.key, 'in_port') }
  for (const name of CONTEXT) {
    const value = read(run.key, name)
    if (Number(value) !== 0) match[name] = value
  }
  return {
    type: 'packet_in',
    buffer_id: OFP_NO_BUFFER,
    total_len: end - start,
    reason,
    table_id: run.tableId,
    cookie: run.flow?.cookie ?? 0xffff_ffff_ffff_ffffn,
    match: encodeMatch(match as Match),
    data: bytes.slice(start, end),
  }
}

function read(key: Uint32Array, name: FieldName): number | bigint {
  const { slot, words } = keyField[name]
  if (fieldOf[name].bits <= 32) return key[slot]!
  let value = 0n
  for (let i = 0; i < words; i++) value = (value << 32n) | BigInt(key[slot + i]!)
  return value
}
