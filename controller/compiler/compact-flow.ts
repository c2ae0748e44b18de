/**
 * A flow as the compiler keeps it: two strings of one byte a character, its identity and what it does, from which the rest is
 * read when somebody asks. A site has millions, of which a commit sends a few: as objects with arrays of bytes they took
 * three times the memory. Neighbours: `items.ts` makes these, `block.ts` compares them.
 */
import { type FlowBytes, sameBytes } from '../../southbound/openflow/flow.ts'
import type { FlowItem, Item } from './program.ts'

/** Bytes of an identity before the match: 'f', the table, the priority. */
const HEAD = 4

export class CompactFlow implements FlowItem {
  readonly id: string
  /** Its instructions. */
  readonly does: string
  readonly cookie: bigint
  readonly from: readonly string[]
  readonly isShared: boolean

  constructor(
    id: string,
    does: string,
    cookie: bigint,
    from: readonly string[],
    isShared: boolean,
  ) {
    this.id = id
    this.does = does
    this.cookie = cookie
    this.from = from
    this.isShared = isShared
  }

  get kind(): 'flow' {
    return 'flow'
  }

  get bytes(): Uint8Array {
    return Buffer.from(this.does, 'latin1')
  }

  hasBytesOf(other: Item): boolean {
    if (other instanceof CompactFlow) return this.does === other.does
    return sameBytes(this.bytes, other.bytes)
  }

  get flow(): FlowBytes {
    const { id, cookie, bytes } = this
    return {
      table_id: id.charCodeAt(1),
      priority: (id.charCodeAt(2) << 8) | id.charCodeAt(3),
      cookie,
      match: Buffer.from(id.slice(HEAD), 'latin1'),
      instructions: bytes,
    }
  }
}

const scratch = Buffer.alloc(HEAD + 65_536)

/** Item id of a flow, in one piece: equal to `flowItemId(flowKey(flow))`. */
export function compactId(tableId: number, priority: number, match: Uint8Array): string {
  scratch[0] = 0x66
  scratch[1] = tableId
  scratch[2] = priority >>> 8
  scratch[3] = priority
  scratch.set(match, HEAD)
  return scratch.toString('latin1', 0, HEAD + match.length)
}

/** Many flows do one of a few things: those of the same bytes just before share a string. */
const KEPT = 256
const kept = new Map<string, string>()

export function compactBytes(bytes: Uint8Array): string {
  scratch.set(bytes)
  const text = scratch.toString('latin1', 0, bytes.length)
  const known = kept.get(text)
  if (known !== undefined) return known
  if (kept.size >= KEPT) kept.clear()
  kept.set(text, text)
  return text
}
