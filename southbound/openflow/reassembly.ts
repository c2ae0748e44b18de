/**
 * The replies of a multipart put together, within a bound: a list may come in any number of messages.
 * Neighbours: connection.ts, multipart.ts (the kinds).
 */
import { WireError } from '../wire/error.ts'
import { type ExperimenterRequest, isReplyTo } from './answer.ts'
import type { Message } from './message.ts'
import type { MultipartKind } from './multipart.ts'
import type { OnAnswer } from './pending.ts'

export interface ReassemblyOptions<T> {
  /** Of memory, roughly, that the replies together may take. Default 256 MiB. */
  readonly maxBytes?: number | undefined
  /**
   * Gets the elements of each message when it comes, in the order of all that comes, instead of the
   * caller at the end. What it throws, or rejects with, ends the connection.
   */
  readonly onPart?: ((elements: readonly T[]) => unknown) | undefined
}

export type AnyMultipart =
  | { readonly kind: MultipartKind; readonly body?: object }
  | ExperimenterRequest

/** `lengthOf`: bytes of a message on the wire; `attempt` calls what is not ours. */
export function reassemble(
  request: AnyMultipart,
  { maxBytes = 256 << 20, onPart }: ReassemblyOptions<never>,
  lengthOf: (answer: Message) => number,
  attempt: (call: () => unknown) => void,
): OnAnswer<unknown[]> {
  const all: unknown[] = []
  let bytes = 0
  return (answer, finish, fail) => {
    if (answer.type !== 'multipart_reply' || !isReplyTo(request, answer)) {
      return fail(new WireError(`a ${answer.type} answers a multipart request`, 0))
    }
    const part: unknown[] = Array.isArray(answer.body) ? answer.body : [answer.body]
    if (onPart) attempt(() => onPart(part as never))
    else {
      bytes += lengthOf(answer) + weigh(part)
      if (bytes > maxBytes) return fail(new WireError(`a reply of over ${maxBytes} bytes`, 0))
      for (const element of part) all.push(element)
    }
    if (!answer.more) finish(all)
  }
}

/** Bytes of memory that a decoded value takes beside the message that its byte values are views of. */
export function weigh(value: unknown): number {
  if (typeof value === 'bigint') return 24
  if (typeof value !== 'object' || value === null) return 0
  if (value instanceof Uint8Array) return 112
  let sum = 24
  if (Array.isArray(value)) for (const one of value) sum += 8 + weigh(one)
  else for (const key in value) sum += 8 + weigh(value[key as never])
  return sum
}
