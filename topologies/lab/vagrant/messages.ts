/**
 * What the lab and the program on a machine (far.ts) say to each other over one stream each way: a header of JSON and bytes
 * behind it. On the wire: u32 length of all that follows, u32 length of the header, header, bytes.
 */
import { NetnsError } from '../netns/error.ts'
import type { Signals } from './machine.ts'

/** From the lab. `id` names what is asked for; answers and what comes of it carry the same. */
export type Request =
  | {
      readonly do: 'run'
      readonly id: number
      readonly argv: readonly string[]
      readonly input?: string | undefined
      readonly timeoutMs?: number | undefined
    }
  | { readonly do: 'launch'; readonly id: number; readonly argv: readonly string[] }
  | { readonly do: 'kill'; readonly id: number; readonly signal: Signals }
  /** Frames that arrive by these devices of a namespace, or that leave by them. */
  | {
      readonly do: 'tap'
      readonly id: number
      readonly namespace: string
      readonly devices: readonly string[]
      readonly leaving: boolean
    }
  /** Frames both ways. */
  | {
      readonly do: 'watch'
      readonly id: number
      readonly namespace: string
      readonly device: string
    }
  /** No more frames of the tap or watch of this id. */
  | { readonly do: 'end'; readonly id: number }
  /** Its bytes are the frame. */
  | {
      readonly do: 'send'
      readonly id: number
      readonly namespace: string
      readonly device: string
    }

/** From the machine. */
export type Reply =
  | { readonly is: 'ready'; readonly id: 0 }
  | {
      readonly is: 'ran'
      readonly id: number
      readonly stdout: string
      readonly stderr: string
      /** Undefined when it was ended by a signal or never ran; then `error` says why. */
      readonly code?: number | undefined
      readonly error?: string | undefined
    }
  | { readonly is: 'tapped'; readonly id: number }
  /** With the frame. */
  | { readonly is: 'frame'; readonly id: number }
  | { readonly is: 'watched'; readonly id: number }
  /** With the frame: when it was seen, nanoseconds since 1970. */
  | {
      readonly is: 'seen'
      readonly id: number
      readonly direction: 'in' | 'out'
      readonly at?: string | undefined
    }
  /** Of a tap or watch: the last that is said of it. `lost`: frames that went by and were not seen, for want of room. */
  | { readonly is: 'ended'; readonly id: number; readonly lost: number }
  /** With what was printed. */
  | { readonly is: 'output'; readonly id: number; readonly stream: 'stdout' | 'stderr' }
  | { readonly is: 'exit'; readonly id: number; readonly code: number | null }
  /** What was asked for cannot be. */
  | { readonly is: 'error'; readonly id: number; readonly error: string }

const LENGTH = 4
const HEADER_LENGTH = 4
/** Of a message: what a command printed is in its header. */
const LIMIT_BYTES = 256 * 1024 * 1024

/** @throws NetnsError when it is over 256 MiB */
export function encodeMessage(
  header: Request | Reply,
  bytes: Uint8Array = new Uint8Array(0),
): Buffer {
  const text = Buffer.from(JSON.stringify(header))
  const message = Buffer.alloc(LENGTH + within(HEADER_LENGTH + text.length + bytes.length))
  message.writeUInt32BE(message.length - LENGTH, 0)
  message.writeUInt32BE(text.length, LENGTH)
  text.copy(message, LENGTH + HEADER_LENGTH)
  message.set(bytes, LENGTH + HEADER_LENGTH + text.length)
  return message
}

/**
 * Takes a stream apart: call with each chunk; whole messages come out in order. The bytes are the receiver's to keep. A call
 * throws NetnsError for what is no message, and then the stream is of no more use.
 */
export function decoder<T extends Request | Reply>(
  receive: (header: T, bytes: Uint8Array) => void,
): (chunk: Buffer) => void {
  let chunks: Buffer[] = []
  let size = 0
  let wanted = LENGTH
  return (chunk) => {
    chunks.push(chunk)
    size += chunk.length
    if (size < wanted) return
    let all = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    while (all.length >= LENGTH) {
      const end = LENGTH + within(all.readUInt32BE(0))
      if (all.length < Math.max(end, LENGTH + HEADER_LENGTH)) break
      const headerEnd = LENGTH + HEADER_LENGTH + all.readUInt32BE(LENGTH)
      if (headerEnd > end) throw new NetnsError('a message ends within its header')
      const header = headerOf(all.toString('utf8', LENGTH + HEADER_LENGTH, headerEnd)) as T
      receive(header, new Uint8Array(all.subarray(headerEnd, end)))
      all = all.subarray(end)
    }
    chunks = [all]
    size = all.length
    wanted = size < LENGTH ? LENGTH : LENGTH + all.readUInt32BE(0)
  }
}

function within(length: number): number {
  if (length > LIMIT_BYTES) throw new NetnsError(`a message of ${length} bytes is too long`)
  return length
}

function headerOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new NetnsError(`no header of a message: ${text.slice(0, 80)}`, { cause })
  }
}
