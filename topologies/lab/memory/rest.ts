/** REST of a lab's controller without a socket: requests and answers of `fetch`, handed to the server as they are. */
import { Readable } from 'node:stream'
import type { Controller } from '../../../controller/controller.ts'

/** Statuses whose answer has no body (RFC 9110 §6.4.1). */
const BODILESS = [204, 304]
type Injected = Parameters<Controller['inject']>[0]

/** As `fetch` of `http://lab${path}`; answers that are streams come as they grow. */
export async function fetchFrom(
  controller: Controller,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const { body, signal } = init
  if (body !== undefined && body !== null && typeof body !== 'string')
    throw new TypeError('a body is text here')
  signal?.throwIfAborted()
  const headers = Object.fromEntries(new Headers(init.headers))
  // light-my-request ends the request of an answer that is taken as a stream with its signal.
  const isStream = headers.accept === 'text/event-stream'
  const left = new AbortController()
  const until = isStream ? AbortSignal.any([left.signal, ...(signal ? [signal] : [])]) : signal
  const request = {
    method: init.method ?? 'GET',
    url: path,
    headers,
    ...(body && { payload: body }),
    ...(until && { signal: until }),
    ...(isStream && { payloadAsStream: true }),
  } as Injected
  const answer = await unlessAborted(controller.inject(request), signal)
  const { statusCode: status } = answer
  const own = new Headers()
  for (const [name, value] of Object.entries(answer.headers))
    for (const one of [value ?? []].flat()) own.append(name, String(one))
  const stream = isStream ? answer.stream() : undefined
  // Who reads no more has gone, as by a closed connection.
  stream?.once('close', () => left.abort())
  const content = stream ? (Readable.toWeb(stream) as ReadableStream) : answer.payload
  return new Response(BODILESS.includes(status) ? null : content, {
    ...{ status, statusText: answer.statusMessage, headers: own },
  })
}

/** Of an answer that is not a stream light-my-request says nothing when its signal aborts. */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return answer
  return new Promise((resolve, reject) => {
    const end = () => reject(signal.reason)
    signal.addEventListener('abort', end, { once: true })
    void answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
  })
}
