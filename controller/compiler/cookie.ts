/**
 * The cookie of a flow: a pure function of its provenance and drop reason, so that a restarted controller recognizes its
 * own flows and changes none.
 *
 *     63      56 55 54       48 47                    0
 *     | 0x57    | D |  reason   |  hash of the intents  |      D: 1 = the flow drops
 */
import { type DropReason, dropReasons, reasonOfCode } from './reason.ts'

const OURS = 0x57
const DROP = 0x80

/** Selects the flows of Weft in a flow statistics request. */
export const ourCookie = { cookie: BigInt(OURS) << 56n, mask: 0xffn << 56n } as const

/** Selects the drop flows of Weft in a flow statistics request. */
export const dropCookie = {
  cookie: BigInt((OURS << 8) | DROP) << 48n,
  mask: 0xff80n << 48n,
} as const

/** @param from intent ids, in any order; not empty. */
export function cookieOf(from: readonly string[], reason?: DropReason): bigint {
  const [low, high] = hash48(from.length > 1 ? [...from].sort().join('\n') : (from[0] as string))
  const code = reason ? DROP | dropReasons[reason][0] : 0
  // By bytes: to put it together of three bigints takes five times as long.
  scratch.setUint32(0, ((OURS << 24) | (code << 16) | high) >>> 0)
  scratch.setUint32(4, low)
  return scratch.getBigUint64(0)
}
const scratch = new DataView(new ArrayBuffer(8))

/** The reason in the cookie of a drop flow; undefined when it is not one of ours. */
export function reasonOf(cookie: bigint): DropReason | undefined {
  const top = Number(cookie >> 48n)
  return top >> 8 === OURS && top & DROP ? reasonOfCode(top & 0x7f) : undefined
}

/** 32 low and 16 high bits of two multiplicative hashes that avalanche into each other (after MurmurHash3's finalizer). */
function hash48(text: string): readonly [low: number, high: number] {
  let a = 0x9e3779b9
  let b = 0x85ebca6b
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    a = Math.imul(a ^ c, 0xcc9e2d51)
    b = Math.imul(b ^ c, 0x1b873593)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return [a >>> 0, (b >>> 0) & 0xffff]
}
