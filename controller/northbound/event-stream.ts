/**
 * Events as they happen: `GET /v1/events` with `Accept: text/event-stream` (WHATWG HTML §9.2). The id of an event is that of
 * the log, so that a client that comes back with `Last-Event-ID` misses nothing; when the log no longer has what it
 * missed the answer is 410, and it reads the site again.
 *
 * Neighbours: observations.ts has the same as a list, event-scope.ts says whose events are whose.
 */
import type { FastifyReply } from 'fastify'
import type { ControllerEvent, Realization } from './realization.ts'

/** A client that reads more slowly than events come is let go: bytes that may wait for it. */
const WAITING_BYTES = 1024 * 1024
/** A comment so often, so that whoever sits between does not take silence for the end. Milliseconds. */
const BEAT_MS = 15_000

export interface Stream {
  readonly realization: Realization
  /** Id of the last event seen; undefined: from now on. */
  readonly since: number | undefined
  readonly isSeen: (event: ControllerEvent) => boolean
  readonly closing: AbortSignal
}

/** Takes the answer over; it ends when the client, or the server, goes. */
export function streamEvents(reply: FastifyReply, stream: Stream): void {
  const { realization, since, isSeen, closing } = stream
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  const write = (text: string): void => {
    raw.write(text)
    if (raw.writableLength > WAITING_BYTES) raw.destroy()
  }
  const send = (event: ControllerEvent): void => {
    if (isSeen(event)) write(textOf(event))
  }
  write(': weft\n\n')
  if (since !== undefined) for (const event of realization.events(since)) send(event)
  const forget = realization.onEvent(send)
  const beat = setInterval(() => write(':\n\n'), BEAT_MS)
  const end = (): void => {
    raw.end()
  }
  raw.once('close', () => {
    clearInterval(beat)
    forget()
    closing.removeEventListener('abort', end)
  })
  closing.addEventListener('abort', end, { once: true })
}

const textOf = (event: ControllerEvent): string =>
  `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
