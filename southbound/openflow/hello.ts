/**
 * The first message of each end: which versions it speaks (OpenFlow 1.3.5 §6.3.1). A hello of any
 * version is read, and what cannot be read of it is ignored, as the specification wants: then the
 * version of its header counts. Neighbours: connection.ts; framer.ts lets any version through.
 */
import { WireError } from '../wire/error.ts'
import { errorNumber } from './error.ts'
import { decode, header, type Message, type MessageOf, type Outgoing, VERSION } from './message.ts'

const HELLO = 0

/** WireError when it is no hello and malformed. */
export function decodeFirst(bytes: Uint8Array, start: number, end: number): Message {
  try {
    return decode(bytes, start, end)
  } catch (error) {
    const { code, xid } = header.read(bytes, start)
    if (!(error instanceof WireError) || code !== HELLO) throw error
    return { type: 'hello', xid, elements: [] }
  }
}

/** Whether a peer that says this, in a message of that version, can be spoken with. */
export function speaks(hello: MessageOf<'hello'>, version: number): boolean {
  for (const element of hello.elements) {
    if (element.kind === 'version_bitmap') return element.versions.includes(VERSION)
  }
  return version >= VERSION
}

export const ourHello: Outgoing = {
  type: 'hello',
  elements: [{ kind: 'version_bitmap', versions: [VERSION] }],
}

/** To a peer that can not. */
export const incompatible = (hello: MessageOf<'hello'>): Outgoing => ({
  type: 'error',
  xid: hello.xid,
  ...errorNumber('hello_failed', 'incompatible'),
  data: new TextEncoder().encode('only OpenFlow 1.3 is spoken here'),
})
