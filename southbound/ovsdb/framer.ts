/**
 * Cuts a byte stream into the JSON objects of JSON-RPC, which follow each other with nothing
 * between (RFC 7047 §4).
 *
 * The scan looks at structure only, each byte once: strings, brackets, commas. It ends where depth
 * returns to 0, and JSON.parse does the rest. Limits are checked while bytes arrive, so that a
 * hostile peer costs at most `maxBytes` of buffer and `maxValues` of parsed values.
 * Neighbour: json-rpc.ts.
 */
import { Buffer, isUtf8 } from 'node:buffer'
import { WireError } from '../wire/error.ts'

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
  /** Throws WireError, whose `at` counts bytes of the whole stream; the stream is then unusable. */
  push(chunk: Uint8Array): void
}

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

/** Calls `onObject` for each complete object, in order, during push. */
export function jsonFramer(
  limits: Partial<FramerLimits>,
  onObject: (value: Record<string, unknown>) => void,
): JsonFramer {
  const { maxBytes, maxDepth, maxValues } = { ...defaultFramerLimits, ...limits }
  let streamOffset = 0
  let depth = 0
  let values = 0
  let inString = false
  let escaped = false
  // The message begun in earlier chunks: one buffer that doubles, never a list of small ones.
  let held = Buffer.alloc(0)
  let heldSize = 0

  function hold(part: Uint8Array): void {
    if (heldSize + part.length > maxBytes) {
      throw new WireError(`message over ${maxBytes} bytes`, streamOffset)
    }
    if (heldSize + part.length > held.length) {
      const size = Math.min(maxBytes, Math.max(4096, 2 * (heldSize + part.length)))
      const grown = Buffer.allocUnsafeSlow(size)
      held.copy(grown, 0, 0, heldSize)
      held = grown
    }
    held.set(part, heldSize)
    heldSize += part.length
  }

  function finish(part: Uint8Array, at: number): void {
    let message = part
    if (heldSize > 0) {
      hold(part)
      message = held.subarray(0, heldSize)
      held = Buffer.alloc(0)
      heldSize = 0
    } else if (part.length > maxBytes) throw new WireError(`message over ${maxBytes} bytes`, at)
    if (!isUtf8(message)) throw new WireError('message is not UTF-8', at)
    const text = Buffer.from(message.buffer, message.byteOffset, message.length).toString('utf8')
    let value: Record<string, unknown>
    try {
      value = JSON.parse(text)
    } catch (cause) {
      throw new WireError('malformed JSON', at, { cause })
    }
    onObject(value)
  }

  function push(chunk: Uint8Array): void {
    const size = chunk.length
    // Locals while scanning: captured variables are loaded and stored for every byte.
    let [level, count, quoted, backslashed] = [depth, values, inString, escaped]
    let start = 0
    let i = 0
    while (i < size) {
      if (quoted) {
        if (backslashed) {
          backslashed = false
          i++
        }
        while (i < size && chunk[i] !== QUOTE && chunk[i] !== BACKSLASH) i++
        if (i === size) break
        if (chunk[i] === QUOTE) quoted = false
        else backslashed = true
        i++
        continue
      }
      const byte = chunk[i] as number
      const kind = kinds[byte] as number
      if (level === 0) {
        if (kind === SPACE) {
          i++
          continue
        }
        if (byte !== OPEN_OBJECT) {
          const found = `0x${byte.toString(16).padStart(2, '0')}`
          throw new WireError(`expected an object, found ${found}`, streamOffset + i)
        }
        start = i
        count = 0
      }
      i++
      if (kind <= SPACE) continue
      if (kind === STRING) {
        quoted = true
        continue
      }
      if (kind === CLOSE) {
        if (--level === 0) {
          finish(chunk.subarray(start, i), streamOffset + i)
          start = i
        }
        continue
      }
      if (kind === OPEN && ++level > maxDepth) {
        throw new WireError(`JSON deeper than ${maxDepth}`, streamOffset + i)
      }
      if (++count > maxValues) throw new WireError(`over ${maxValues} values`, streamOffset + i)
    }
    if (level > 0) hold(chunk.subarray(start))
    depth = level
    values = count
    inString = quoted
    escaped = backslashed
    streamOffset += size
  }

  return { push }
}
