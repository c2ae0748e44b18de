/**
 * Ports over stream sockets, as Open vSwitch's dummy devices have them: each frame behind its length
 * in two bytes, big-endian. One end listens and takes any number of peers, each of which gets every
 * frame; the other dials, and dials again when the stream ends. Needs no rights.
 * Neighbours: frame-reader.ts; southbound/wire/stream.ts (sockets), backoff.ts (dialling again).
 */
import type { Duplex } from 'node:stream'
import { persist } from '../../southbound/wire/backoff.ts'
import { type Clock, systemClock } from '../../southbound/wire/clock.ts'
import {
  type Endpoint,
  formatEndpoint,
  listens,
  parseEndpoint,
} from '../../southbound/wire/endpoint.ts'
import { WireError } from '../../southbound/wire/error.ts'
import { dial, listen } from '../../southbound/wire/stream.ts'
import {
  type FrameListener,
  LARGEST_FRAME,
  LARGEST_MTU,
  listeners,
  newPortCounters,
  type OpenPort,
  PortError,
  plainBytes,
} from './frame-port.ts'
import { frameReader, LENGTH_SIZE } from './frame-reader.ts'

export interface StreamOptions {
  readonly name: string
  /** `unix:PATH` or `tcp:HOST:PORT` dials; `punix:PATH` or `ptcp:PORT:HOST` listens. */
  readonly endpoint: string
  readonly mac?: number | undefined
  /** Default 65,521: what the length can say. */
  readonly mtuBytes?: number | undefined
  readonly clock?: Clock | undefined
}

export interface StreamPort extends OpenPort {
  /** Where it listens, with the port that the system chose; where it dials. */
  readonly endpoint: string
}

/** Bytes, and frames, that may wait for a peer that does not read; further frames to it are dropped. */
const MAX_WAITING = 4 << 20
/** A frame of 14 bytes takes 150 more while it waits. */
const MAX_FRAMES_WAITING = 16_384
/** Peers of a listening port; one more is refused. */
const MAX_PEERS = 64
/** The longest pause before dialling again, ms. */
const MAX_PAUSE_MS = 1000

/** Listening is done when it resolves; dialling goes on. Rejects with PortError. */
export async function openStreamPort(options: StreamOptions): Promise<StreamPort> {
  try {
    return await streamPort(options, parseEndpoint(options.endpoint))
  } catch (cause) {
    const why = (cause as Error).message
    throw new PortError(`could not open network device ${options.name} (${why})`, { cause })
  }
}

async function streamPort(options: StreamOptions, endpoint: Endpoint): Promise<StreamPort> {
  if (endpoint.kind === 'ssl' || endpoint.kind === 'pssl') {
    throw new WireError(`'${options.endpoint}': frames go over unix and tcp sockets`, 0)
  }
  const clock = options.clock ?? systemClock
  const receivers = listeners<FrameListener>()
  const watchers = listeners<() => void>()
  const counters = newPortCounters()
  const peers = new Set<Peer>()
  const ending = new AbortController()
  let mtuBytes = Math.min(options.mtuBytes ?? LARGEST_MTU, LARGEST_MTU)

  const changed = () => {
    for (const watch of watchers.list) watch()
  }
  const serve = (stream: Duplex): Promise<Error | undefined> =>
    new Promise((resolve) => {
      const peer = peerOf(stream, counters, (bytes, start, end) => {
        for (const receive of receivers.list) receive(bytes, start, end)
      })
      peers.add(peer)
      if (peers.size === 1) changed()
      let why: Error | undefined
      stream.on('error', (error) => {
        why = error
      })
      stream.on('close', () => {
        peers.delete(peer)
        if (peers.size === 0 && !ending.signal.aborted) changed()
        resolve(why)
      })
    })

  let at = endpoint
  let stop = () => {}
  if (listens(endpoint)) {
    const listener = await listen(endpoint, { maxConnections: MAX_PEERS }, (stream) => {
      void serve(stream)
    })
    at = listener.address
    stop = () => void listener.close()
  } else {
    const { signal } = ending
    void persist(async () => serve(await dial(endpoint, { signal })), {
      signal,
      maxMs: MAX_PAUSE_MS,
      clock,
    })
  }

  return {
    name: options.name,
    mac: options.mac ?? 0,
    endpoint: formatEndpoint(at),
    counters,
    get mtuBytes() {
      return mtuBytes
    },
    get up() {
      return peers.size > 0
    },
    transmit(bytes, start, end) {
      if (end - start > LARGEST_FRAME) {
        counters.txErrors++
        return
      }
      let sent = false
      for (const peer of peers) sent = peer.send(bytes, start, end) || sent
      if (sent) {
        counters.txFrames++
        counters.txBytes += end - start
      } else counters.txDropped++
    },
    onReceive: receivers.add,
    onState: watchers.add,
    setMtu(bytes) {
      mtuBytes = Math.min(bytes, LARGEST_MTU)
      changed()
    },
    close() {
      if (ending.signal.aborted) return
      ending.abort(new PortError(`${options.name} is closed`))
      receivers.clear()
      watchers.clear()
      stop()
      for (const peer of peers) peer.close()
    },
  }
}

interface Peer {
  /** False when too much waits. */
  send: (bytes: Uint8Array, start: number, end: number) => boolean
  close(): void
}

function peerOf(stream: Duplex, counters: OpenPort['counters'], receive: FrameListener): Peer {
  const count = counters as { rxFrames: number; rxBytes: number; rxErrors: number }
  const frames = frameReader((bytes, start, end) => {
    count.rxFrames++
    count.rxBytes += end - start
    receive(bytes, start, end)
  })
  stream.on('data', (piece: Uint8Array) => frames.push(plainBytes(piece)))
  // A frame that never came whole.
  stream.on('end', () => {
    if (frames.waiting > 0) count.rxErrors++
  })
  let framesWaiting = 0
  const taken = () => {
    framesWaiting--
  }
  let corked = false
  const uncork = () => {
    corked = false
    stream.uncork()
  }
  return {
    send(bytes, start, end) {
      if (stream.destroyed || stream.writableLength > MAX_WAITING) return false
      if (framesWaiting >= MAX_FRAMES_WAITING) return false
      const size = end - start
      const message = Buffer.allocUnsafe(LENGTH_SIZE + size)
      message[0] = size >>> 8
      message[1] = size
      message.set(bytes.subarray(start, end), LENGTH_SIZE)
      // The frames of one turn go in one system call.
      if (!corked) {
        corked = true
        stream.cork()
        setImmediate(uncork)
      }
      framesWaiting++
      stream.write(message, taken)
      return true
    },
    close: () => void stream.destroy(),
  }
}
