/**
 * The error that answers a message which cannot be decoded: by its type, what is wrong with it
 * (OpenFlow 1.3.5 §7.4.4). Neighbours: agent.ts; pipeline/malformed.ts for matches and actions.
 */
import { ONF } from '../../southbound/openflow/experimenter.ts'
import { header, VERSION } from '../../southbound/openflow/message.ts'
import { messageRows } from '../../southbound/openflow/message-rows.ts'
import { multipartRows } from '../../southbound/openflow/multipart.ts'
import { badActions, badWholeMatch } from '../pipeline/malformed.ts'
import { Refusal } from '../pipeline/refusal.ts'

type Judge = (bytes: Uint8Array, cause: Error) => Refusal | undefined

const u16 = (bytes: Uint8Array, at: number) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
const u32 = (bytes: Uint8Array, at: number) => u16(bytes, at) * 0x10000 + u16(bytes, at + 2)
/** Bytes in front of the match of a flow-mod or of a request for flows. */
const FLOW_HEAD = 48
const PACKET_OUT_HEAD = 24
const EXPERIMENTER = 4
const BUNDLE_ADD = 2301

const matchBehind: Judge = (bytes, cause) => badWholeMatch(bytes, FLOW_HEAD, cause)
const multiparts: Readonly<Record<number, Judge>> = {
  [multipartRows.flow[0]]: matchBehind,
  [multipartRows.aggregate[0]]: matchBehind,
  [multipartRows.table_features[0]]: (_bytes, { message }) =>
    new Refusal('table_features_failed.bad_len', message),
}
/** By type; every other message is of a wrong length. */
const judges: Readonly<Record<number, Judge>> = {
  [messageRows.flow_mod[0]]: matchBehind,
  [messageRows.set_config[0]]: (_bytes, { message }) =>
    new Refusal('switch_config_failed.bad_len', message),
  [messageRows.packet_out[0]](bytes, cause) {
    const end = PACKET_OUT_HEAD + u16(bytes, 16)
    if (bytes.length < end) return undefined
    return badActions(bytes.subarray(PACKET_OUT_HEAD, end), cause)
  },
  [messageRows.multipart_request[0]]: (bytes, cause) => multiparts[u16(bytes, 8)]?.(bytes, cause),
  [EXPERIMENTER](bytes, { message }) {
    if (u32(bytes, 8) !== ONF || u32(bytes, 12) !== BUNDLE_ADD) return undefined
    return new Refusal('bundle_failed.msg_bad_len', message)
  },
}

export function refusalOf(bytes: Uint8Array, cause: Error): Refusal {
  const { version, code } = header.read(bytes, 0)
  if (version !== VERSION) return new Refusal('bad_request.bad_version', `${version}`)
  return judges[code]?.(bytes, cause) ?? new Refusal('bad_request.bad_len', cause.message)
}
