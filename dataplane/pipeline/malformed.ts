/**
 * The error for bytes that are no match, no instructions or no actions: decoders say only that
 * something is wrong, OpenFlow 1.3.5 §7.4.4 wants to know what. Runs after decoding has failed.
 * Neighbours: flow-table.ts, groups.ts, openflow/malformed.ts.
 */
import { actionsPart } from '../../southbound/openflow/action.ts'
import { tlvAt } from '../../southbound/openflow/match.ts'
import { ValueError, WireError } from '../../southbound/wire/error.ts'
import { Refusal } from './refusal.ts'

const u16 = (bytes: Uint8Array, at: number) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
const OXM = 1
const SET_FIELD = 25
const [WRITE, APPLY] = [3, 4]
/** Bytes in front of the actions of an instruction. */
const INSTRUCTION_HEAD = 8
const readable = (read: () => unknown): boolean => {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof WireError) return false
    throw error
  }
}

/** TLVs of a match that cannot be read. */
export function badMatch(tlvs: Uint8Array, cause: Error): Refusal {
  const bad = (code: string) => new Refusal(`bad_match.${code}`, cause.message)
  if (cause instanceof ValueError) return bad(`bad_${cause.what}`)
  const seen = new Set<string>()
  for (let at = 0; at < tlvs.length; ) {
    if (!readable(() => tlvAt(tlvs, at, tlvs.length))) return bad('bad_len')
    const { field, end } = tlvAt(tlvs, at, tlvs.length)
    if (!field) return bad('bad_field')
    if (seen.has(field.name)) return bad('dup_field')
    seen.add(field.name)
    at = end
  }
  return bad('bad_field')
}

/** An ofp_match, header and all, from `start`. */
export function badWholeMatch(bytes: Uint8Array, start: number, cause: Error): Refusal {
  if (bytes.length - start < 8) return new Refusal('bad_request.bad_len', cause.message)
  if (u16(bytes, start) !== OXM) return new Refusal('bad_match.bad_type', cause.message)
  const length = u16(bytes, start + 2)
  const room = bytes.length - start
  if (length < 4 || ((length + 7) & ~7) > room)
    return new Refusal('bad_match.bad_len', cause.message)
  return badMatch(bytes.subarray(start + 4, start + length), cause)
}

export function badActions(bytes: Uint8Array, cause: Error): Refusal {
  const bad = (code: string) => new Refusal(`bad_action.${code}`, cause.message)
  for (let at = 0; at < bytes.length; ) {
    const length = u16(bytes, at + 2)
    const end = at + length
    if (length < 8 || length % 8 !== 0 || end > bytes.length) return bad('bad_len')
    const start = at
    if (!readable(() => actionsPart.read(bytes, start, end))) {
      if (u16(bytes, at) !== SET_FIELD)
        return bad(isShort(bytes, at, end) ? 'bad_len' : 'bad_argument')
      if (!readable(() => tlvAt(bytes, start + 4, end))) return bad('bad_set_len')
      return bad(tlvAt(bytes, start + 4, end).masked ? 'bad_set_mask' : 'bad_set_argument')
    }
    at = end
  }
  return bad('bad_argument')
}

/** OpenFlow's own actions fail for their length alone; those of experimenters for what they hold. */
const isShort = (bytes: Uint8Array, at: number, end: number) =>
  u16(bytes, at) !== 0xffff || end - at < 16

export function badInstructions(bytes: Uint8Array, cause: Error): Refusal {
  for (let at = 0; at < bytes.length; ) {
    const type = u16(bytes, at)
    const length = u16(bytes, at + 2)
    const end = at + length
    if (length < 8 || length % 8 !== 0 || end > bytes.length) break
    if (type === WRITE || type === APPLY) {
      const actions = bytes.subarray(at + INSTRUCTION_HEAD, end)
      if (!readable(() => actionsPart.read(actions, 0, actions.length))) {
        return badActions(actions, cause)
      }
    }
    at = end
  }
  return new Refusal('bad_instruction.bad_len', cause.message)
}
