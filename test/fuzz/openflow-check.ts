/**
 * What must hold of any bytes: decoding ends with a value or a WireError, and a value encodes to bytes
 * that decode to the same value. Neighbour: openflow.ts.
 */
import { isDeepStrictEqual } from 'node:util'
import { decodeBuckets, encodeGroup } from '../../southbound/openflow/group.ts'
import { decodeInstructions, encodeInstructions } from '../../southbound/openflow/instruction.ts'
import { canonicalMatch, decodeMatch, encodeMatch } from '../../southbound/openflow/match.ts'
import { decode, encode } from '../../southbound/openflow/message.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
function same(what: string, left: unknown, right: unknown): void {
  if (isDeepStrictEqual(left, right)) return
  throw new Error(`${what} decodes to another value once encoded`)
}

/** Throws WireError for bytes that are no message, anything else when the codec is wrong. */
export function checkMessage(bytes: Uint8Array): void {
  const before = bytes.slice()
  const message = decode(bytes)
  const wire = encode(message)
  same(message.type, message, decode(wire))
  if (hex(before) !== hex(bytes)) throw new Error(`decoding ${message.type} changed its bytes`)
  const parts = (message as { body?: unknown }).body ?? message
  for (const part of Array.isArray(parts) ? parts : [parts]) {
    if (part.match instanceof Uint8Array) checkMatch(part.match)
    if (part.instructions instanceof Uint8Array) checkInstructions(part.instructions)
    if (part.buckets instanceof Uint8Array) checkBuckets(part.buckets)
  }
}

function checkMatch(tlvs: Uint8Array): void {
  same('a canonical match', canonicalMatch(tlvs), tlvs)
  // Bits outside a mask are cut by encoding; then it stays as it is.
  const once = encodeMatch(decodeMatch(tlvs))
  same('a match', hex(encodeMatch(decodeMatch(once))), hex(once))
}

/** Encoding sorts them: compared from then on. */
function checkInstructions(bytes: Uint8Array): void {
  const once = encodeInstructions(decodeInstructions(bytes))
  const value = decodeInstructions(once)
  const twice = encodeInstructions(value)
  if (hex(once) !== hex(twice)) throw new Error('instructions encode to other bytes once decoded')
  same('instructions', decodeInstructions(twice), value)
}

function checkBuckets(bytes: Uint8Array): void {
  const buckets = decodeBuckets(bytes)
  const { buckets: wire } = encodeGroup({ group_id: 1, group_type: 0, buckets })
  same('buckets', decodeBuckets(wire), buckets)
}
