/**
 * What tracking tells of a packet, in the flow key: ct_state, ct_zone, ct_mark, ct_label and the tuple of
 * the connection's first packet. Neighbours: key-layout.ts (slots), conntrack.ts (who writes).
 */
import { keyField } from '../packet/key-layout.ts'
import { isIcmp } from './datagram.ts'
import { DST, DST_PORT, HEAD, protocolOf, SRC, SRC_PORT, TYPE_SHIFT, versionOf } from './tuple.ts'

const slotOf = (name: keyof typeof keyField) => keyField[name].slot
export const CT_STATE = slotOf('ct_state')
export const CT_ZONE = slotOf('ct_zone')
export const CT_MARK = slotOf('ct_mark')
export const CT_LABEL = slotOf('ct_label')
const CT_PROTO = slotOf('ct_nw_proto')
const CT_TP_SRC = slotOf('ct_tp_src')
const CT_TP_DST = slotOf('ct_tp_dst')
const CT_V4 = [slotOf('ct_nw_src'), slotOf('ct_nw_dst')] as const
const CT_V6 = [slotOf('ct_ipv6_src'), slotOf('ct_ipv6_dst')] as const

/** A packet that no tracking has seen has none of these. */
export function clearFields(key: Uint32Array): void {
  key[CT_STATE] = 0
  key[CT_ZONE] = 0
  clearConnection(key)
}

export function clearConnection(key: Uint32Array): void {
  key[CT_MARK] = 0
  for (let i = 0; i < 4; i++) key[CT_LABEL + i] = 0
  clearTuple(key)
}

// Loops: fill() of a few words costs more than all of them.
function clearTuple(key: Uint32Array): void {
  key[CT_PROTO] = 0
  key[CT_TP_SRC] = 0
  key[CT_TP_DST] = 0
  key[CT_V4[0]] = 0
  key[CT_V4[1]] = 0
  for (let i = 0; i < 4; i++) {
    key[CT_V6[0] + i] = 0
    key[CT_V6[1] + i] = 0
  }
}

/** The tuple of a connection's first packet. */
export function writeTuple(key: Uint32Array, words: Uint32Array, at: number): void {
  clearTuple(key)
  const head = words[at + HEAD]!
  const version = versionOf(head)
  const protocol = protocolOf(head)
  const count = version === 4 ? 1 : 4
  const [src, dst] = version === 4 ? CT_V4 : CT_V6
  for (let i = 0; i < count; i++) {
    key[src + i] = words[at + SRC + i]!
    key[dst + i] = words[at + DST + i]!
  }
  key[CT_PROTO] = protocol
  // Of ICMP: type and code, which is always 0.
  if (isIcmp(version, protocol)) key[CT_TP_SRC] = words[at + SRC_PORT]! >>> TYPE_SHIFT
  else {
    key[CT_TP_SRC] = words[at + SRC_PORT]!
    key[CT_TP_DST] = words[at + DST_PORT]!
  }
}
