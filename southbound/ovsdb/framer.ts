/**
 * Cuts a byte stream into the JSON objects of JSON-RPC, which follow each other with nothing
 * between (RFC 7047 §4).
 *
 * The scan looks at structure only, each byte once: strings, brackets, commas. It ends where depth
 * returns to 0, and json.ts does the rest. Limits are checked while bytes arrive, so that a
 * hostile peer costs at most `maxBytes` of buffer and `maxValues` of parsed values.
 * Neighbour: json-rpc.ts.
 */
import { Buffer, isUtf8 } from 'node:buffer'
import { WireError } from '../wire/error.ts'
import { parseJson } from './json.ts'

/** What one message may cost. */
export interface FramerLimits {
  /** Bytes of one message; default 64 MiB. */
  maxBytes: number
  /** Brackets open at once; default 64 (the deepest RFC 7047 message has about 12). */
  maxDepth: number
  /** Commas and brackets of one message, which bound the values; default 8 million. */
  maxValues: number
}

export const defaultFramerLimits: FramerLimits = {
  maxBytes: 64 * 1024 * 1024,
  maxDepth: 64,
  maxValues: 8_000_000,
}

export interface JsonFramer {
  /** Bytes of the message that is not whole yet. */
  readonly held: number
  /** Throws WireError, whose `at` counts bytes of the whole stream; the stream is then unusable. */
  push(chunk: Uint8Array): void
}

/** Chunks below this are copied together, into slabs. */
const SMALL = 4096
const SLAB = 65_536
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b

/** What a byte outside strings does to the scan. */
const SPACE = 1
const STRING = 2
const SEPARATOR = 3
const OPEN = 4
const CLOSE = 5
const kinds = new Uint8Array(256)
for (const [kind, bytes] of [
  [SPACE, ' \n\r\t'],
  [STRING, '"'],
  [SEPARATOR, ','],
  [OPEN, '[{'],
  [CLOSE, ']}'],
] as const) {
  for (const byte of Buffer.from(bytes)) kinds[byte] = kind
}

/** Calls `onObject` for each complete object, with the bytes that it had, in order, during push. */
export function jsonFramer(
  limits: Partial<FramerLimits>,
  onObject: (value: Record<string, unknown>, bytes: number) => void,
): JsonFramer {
  const { maxBytes, maxDepth, maxValues } = { ...defaultFramerLimits, ...limits }
  let streamOffset = 0
  let depth = 0
  let values = 0
  let inString = false
  let escaped = false
  // The message begun in earlier chunks: large ones as they came, small ones copied together, so that
  // bytes are moved once and a peer that sends them singly costs no more than their number.
  let held: Uint8Array[] = []
  let heldSize = 0
  let slab = Buffer.alloc(0)
  let slabSize = 0

  function hold(part: Uint8Array): void {
    if (heldSize + part.length > maxBytes) {
      throw new WireError(`message over ${maxBytes} bytes`, streamOffset)
    }
    heldSize += part.length
    if (part.length >= SMALL || slabSize + part.length > slab.length) closeSlab()
    if (part.length >= SMALL) held.push(part)
    else {
      if (slab.length === 0) slab = Buffer.allocUnsafeSlow(heldSize < SMALL ? 4096 : SLAB)
      slab.set(part, slabSize)
      slabSize += part.length
    }
  }
  function closeSlab(): void {
    if (slabSize > 0) held.push(slab.subarray(0, slabSize))
    slab = Buffer.alloc(0)
    slabSize = 0
  }
  function release(): Buffer {
    closeSlab()
    const message = Buffer.concat(held, heldSize)
    held = []
    heldSize = 0
    return message
  }

  function finish(part: Uint8Array, at: number): void {
    let message = part
    if (heldSize > 0) {
      hold(part)
      message = release()
    } else if (part.length > maxBytes) throw new WireError(`message over ${maxBytes} bytes`, at)
    if (!isUtf8(message)) throw new WireError('message is not UTF-8', at)
    const text = Buffer.from(message.buffer, message.byteOffset, message.length).toString('utf8')
    let value: Record<string, unknown>
    try {
      value = parseJson(text) as Record<string, unknown>
    } catch (cause) {
      throw new WireError('malformed JSON', at, { cause })
    }
    onObject(value, message.length)
  }

  /**
   * Scans a message from `from`, just behind its opening brace or where the last chunk ended; returns
   * where it ends, or the chunk's size. Hot: a loop of its own, over locals.
   */
  function scan(chunk: Uint8Array, from: number): number {
    const size = chunk.length
    let [level, count, quoted] = [depth, values, inString]
    let i = from
    if (escaped && i < size) {
      i++
      escaped = false
    }
    while (i < size && level > 0) {
      const byte = chunk[i++] as number
      if (quoted) {
        if (byte === QUOTE) quoted = false
        else if (byte === BACKSLASH && i++ === size) escaped = true
        continue
      }
      const kind = kinds[byte] as number
      if (kind <= SPACE) continue
      if (kind === STRING) quoted = true
      else if (kind === CLOSE) level--
      else {
        if (kind === OPEN && ++level > maxDepth) {
          throw new WireError(`JSON deeper than ${maxDepth}`, streamOffset + i)
        }
        if (++count > maxValues) throw new WireError(`over ${maxValues} values`, streamOffset + i)
      }
    }
    depth = level
    values = count
    inString = quoted
    return i > size ? size : i
  }

  function push(chunk: Uint8Array): void {
    let i = 0
    while (i < chunk.length) {
      const start = i
      if (depth === 0) {
        const byte = chunk[i++] as number
        if (kinds[byte] === SPACE) continue
        if (byte !== OPEN_OBJECT) {
          const found = `0x${byte.toString(16).padStart(2, '0')}`
          throw new WireError(`expected an object, found ${found}`, streamOffset + i - 1)
        }
        depth = 1
        values = 1
      }
      i = scan(chunk, i)
      if (depth === 0) finish(chunk.subarray(start, i), streamOffset + i)
      else hold(chunk.subarray(start))
    }
    streamOffset += chunk.length
  }

  return {
    get held() {
      return heldSize
    },
    push,
  }
}
