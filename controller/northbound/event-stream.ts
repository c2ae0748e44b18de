/**
 * Events as they happen: `GET /v1/events` with `Accept: text/event-stream` (WHATWG HTML §9.2). The id of an event is that of
 * the log, so that a client that comes back with `Last-Event-ID` misses nothing; when the log no longer has what it
 * missed the answer is 410, and it reads the site again. A stream ends with the token that opened it.
 *
 * Neighbours: observations.ts has the same as a list, event-scope.ts says whose events are whose.
 */
import type { FastifyReply } from 'fastify'
import { type Clock, every } from '../../southbound/wire/clock.ts'
import type { ControllerEvent, Realization } from './realization.ts'

/** A client that reads more slowly than events come is let go: bytes that may wait for it. */
const WAITING_BYTES = 1024 * 1024
/** A comment so often, so that whoever sits between does not take silence for the end. Milliseconds. */
const BEAT_MS = 15_000

export interface Stream {
  readonly realization: Realization
  readonly clock: Clock
  /** Id of the last event seen; undefined: from now on. */
  readonly since: number | undefined
  readonly isSeen: (event: ControllerEvent) => boolean
  readonly closing: AbortSignal
  /** Whether who opened it may still read it. */
  readonly isLetIn: () => Promise<boolean>
  /** Called when that may have changed; otherwise it is asked with each beat. Gives the way to stop. */
  readonly onAccess: (listener: () => void) => () => void
}

/** Takes the answer over; it ends when the client, its token, or the server, goes. */
export function streamEvents(reply: FastifyReply, stream: Stream): void {
  const { realization, clock, since, isSeen, closing } = stream
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    // A connection that is kept for another request would hold up the end of the server.
    connection: 'close',
  })
  // Between the end and the last byte read, events still come.
  const isOver = (): boolean => raw.writableEnded || raw.destroyed
  const write = (text: string): void => {
    if (!isOver()) raw.write(text)
  }
  const send = (event: ControllerEvent): void => {
    if (!isSeen(event)) return
    write(textOf(event))
    if (raw.writableLength > WAITING_BYTES) raw.destroy()
  }
  let stop = (): void => {}
  const live = (): void => {
    stop = realization.onEvent(send)
  }
  /** What was missed may be more than may wait, and goes as fast as it is read. */
  const replay = (last: number): void => {
    for (const event of realization.events(last)) {
      if (isOver()) return
      if (raw.writableLength > WAITING_BYTES / 2) {
        raw.once('drain', () => replay(event.id - 1))
        return
      }
      if (isSeen(event)) write(textOf(event))
    }
    live()
  }

  const end = (): void => {
    if (!isOver()) raw.end()
  }
  const ask = (): void => {
    void stream.isLetIn().then((isLetIn) => isLetIn || end())
  }
  const still = every(clock, BEAT_MS, () => {
    write(':\n\n')
    ask()
  })
  const forget = stream.onAccess(ask)
  raw.once('close', () => {
    still()
    forget()
    stop()
    closing.removeEventListener('abort', end)
  })
  closing.addEventListener('abort', end, { once: true })

  write(': weft\n\n')
  if (since === undefined) live()
  else replay(since)
}

const textOf = (event: ControllerEvent): string =>
  `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
