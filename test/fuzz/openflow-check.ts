/**
 * What must hold of any bytes: decoding ends with a value or a WireError, and a value encodes to bytes
 * that decode to the same value. Neighbour: openflow.ts.
 */
import { isDeepStrictEqual } from 'node:util'
import { OpenflowError } from '../../southbound/openflow/error.ts'
import { Framer } from '../../southbound/openflow/framer.ts'
import { decodeBuckets, encodeGroup } from '../../southbound/openflow/group.ts'
import { decodeInstructions, encodeInstructions } from '../../southbound/openflow/instruction.ts'
import {
  canonicalMatch,
  decodeMatch,
  encodeMatch,
  missingPrerequisite,
} from '../../southbound/openflow/match.ts'
import { decode, encode } from '../../southbound/openflow/message.ts'
import { WireError } from '../../southbound/wire/error.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
function same(what: string, left: unknown, right: unknown): void {
  if (isDeepStrictEqual(left, right)) return
  throw new Error(`${what} decodes to another value once encoded`)
}

/** Throws WireError for bytes that are no message, anything else when the codec is wrong. */
export function checkMessage(bytes: Uint8Array): void {
  const before = bytes.slice()
  checkTlvs(bytes)
  const message = decode(bytes)
  const wire = encode(message)
  same(message.type, message, decode(wire))
  if (hex(before) !== hex(bytes)) throw new Error(`decoding ${message.type} changed its bytes`)
  if (message.type === 'error') {
    // What a caller is told of it.
    const { message: told } = new OpenflowError(message, message.xid % 2 ? 3 : undefined)
    if (!told.startsWith('OpenFlow error ')) throw new Error(told)
  }
  const parts = (message as { body?: unknown }).body ?? message
  for (const part of Array.isArray(parts) ? parts : [parts]) {
    if (part.match instanceof Uint8Array) checkMatch(part.match)
    if (part.instructions instanceof Uint8Array) checkInstructions(part.instructions)
    if (part.buckets instanceof Uint8Array) checkBuckets(part.buckets)
  }
}

/**
 * Cuts a stream of bytes that come in pieces of a few sizes: together they are the messages, whatever
 * the pieces. Throws WireError for what can begin no message.
 */
export function checkFrames(bytes: Uint8Array): void {
  const whole = framed(bytes, [bytes.length])
  for (const sizes of [[1], [3, 300], [9, 7]]) {
    if (framed(bytes, sizes).join() !== whole.join()) throw new Error('pieces make other messages')
  }
  const agreed = attempt(() => framed(bytes, [bytes.length], false))
  if (agreed && agreed.join() !== whole.join()) throw new Error('agreement makes other messages')
}
/** Undefined when it is refused. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}
function framed(bytes: Uint8Array, sizes: readonly number[], isFirst = true): string[] {
  const framer = new Framer()
  framer.isFirst = isFirst
  const out: string[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const next = at + (sizes[i % sizes.length] as number)
    framer.push(bytes.slice(at, next), (all, start, end) => {
      out.push(hex(all.subarray(start, end)))
      // Whoever is told may have had enough.
      return out.length < 3
    })
    at = out.length < 3 ? next : bytes.length
  }
  framer.clear()
  return out
}

/** The fields of a flow-mod's match as they came: what is decoded is in order, and none twice. */
function checkTlvs(bytes: Uint8Array): void {
  if (bytes[1] !== FLOW_MOD || bytes.length < MATCH + 4) return
  const length = (bytes[MATCH + 2] as number) * 256 + (bytes[MATCH + 3] as number)
  try {
    decodeMatch(bytes.subarray(MATCH + 4, MATCH + length))
  } catch (error) {
    if (!(error instanceof WireError)) throw error
  }
}
const FLOW_MOD = 14
/** Where its match begins. */
const MATCH = 48

function checkMatch(tlvs: Uint8Array): void {
  same('a canonical match', canonicalMatch(tlvs), tlvs)
  missingPrerequisite(decodeMatch(tlvs))
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
