/**
 * A Manager or Controller row kept real: its target dialled for as long as the row is there, or
 * listened at; and the columns that tell how that goes (ovs-vswitchd.conf.db(5), "Status").
 * Neighbours: dialer.ts; the switch (dataplane/switch/) and `weft agent` have such rows.
 */
import type { Duplex } from 'node:stream'
import { getSystemErrorMessage } from 'node:util'
import type { Clock } from './clock.ts'
import { type Dial, type DialState, keepDialing, type Served } from './dialer.ts'
import { formatEndpoint, parseEndpoint } from './endpoint.ts'

/** Open vSwitch's own defaults, ovs-vswitchd.conf.db(5). */
export const DEFAULT_BACKOFF_MS = 8000
export const DEFAULT_PROBE_MS = 5000

/** Listens at a passive target; `close` stops that, streams that came in stay. */
export type Listen = (
  target: string,
  accept: (stream: Duplex) => void,
) => Promise<{ readonly port: number | undefined; close(): void }>

/** How a host reaches others, and is reached. */
export interface Network {
  readonly dial: Dial
  /** Absent: nobody can dial in. */
  readonly listen?: Listen | undefined
}

export interface RemoteOptions {
  readonly target: string
  /** Of targets that name none. */
  readonly defaultPort: number
  readonly network: Network
  readonly clock: Clock
  maxBackoffMs(): number
  serve(stream: Duplex): Promise<Served>
  /** columns() has something new. */
  changed(): void
  log(connected: boolean, error: Error | undefined): void
}

/** The columns that Manager and Controller rows have in common. */
export interface RemoteColumns {
  readonly is_connected: boolean
  readonly status: Readonly<Record<string, string>>
}

export interface Remote {
  readonly isPassive: boolean
  columns(): RemoteColumns
  stop(): void
}

/** A number of a port is a choice too; what is no endpoint is left to whoever dials. */
function withPort(target: string, defaultPort: number): string {
  try {
    return formatEndpoint(parseEndpoint(target, defaultPort))
  } catch {
    return target
  }
}

export function keepRemote(options: RemoteOptions): Remote {
  const isPassive = /^p(tcp|ssl|unix):/.test(options.target)
  return isPassive ? listening(options) : dialling(options)
}

function dialling(options: RemoteOptions): Remote {
  const { network, clock, target, defaultPort } = options
  let state: DialState = 'CONNECTING'
  let connectedAt: number | undefined
  let disconnectedAt: number | undefined
  let lastError: string | undefined
  const seconds = (since: number) => `${Math.max(0, Math.floor((clock.now() - since) / 1000))}`
  const stop = keepDialing({
    target: withPort(target, defaultPort),
    dial: network.dial,
    clock,
    maxBackoffMs: options.maxBackoffMs,
    serve: options.serve,
    onState(next, error) {
      const before = lastError
      if (next === 'ACTIVE') connectedAt = clock.now()
      if (state === 'ACTIVE') disconnectedAt = clock.now()
      if (error) lastError = sentence(error)
      const isNews = next === 'ACTIVE' || state === 'ACTIVE' || lastError !== before
      if (next === 'CONNECTING') return // not worth a commit: the next state follows soon
      state = next
      if (isNews) options.log(next === 'ACTIVE', error)
      options.changed()
    },
  })
  return {
    isPassive: false,
    columns: () => ({
      is_connected: state === 'ACTIVE',
      status: {
        ...(lastError !== undefined && { last_error: lastError }),
        ...(connectedAt !== undefined && { sec_since_connect: seconds(connectedAt) }),
        ...(disconnectedAt !== undefined && { sec_since_disconnect: seconds(disconnectedAt) }),
        state,
      },
    }),
    stop,
  }
}

/** Peers of one passive target, from the moment that they are there; one more is cut off. */
const MAX_PEERS = 1024

function listening(options: RemoteOptions): Remote {
  const { network, clock, target, defaultPort } = options
  const peers = new Set<Served>()
  /** In their handshake. */
  const arriving = new Set<Duplex>()
  let stopped = false
  let port: number | undefined
  let lastError: string | undefined
  let close = () => {}
  let cancelTimer = () => {}
  const accept = async (stream: Duplex) => {
    if (stopped || peers.size + arriving.size >= MAX_PEERS) return void stream.destroy()
    arriving.add(stream)
    try {
      const served = await options.serve(stream).finally(() => arriving.delete(stream))
      if (stopped) return served.close()
      peers.add(served)
      options.changed()
      await served.ended
      peers.delete(served)
    } catch (error) {
      options.log(false, error as Error)
    }
    if (!stopped) options.changed()
  }
  const start = async () => {
    try {
      if (!network.listen) throw new Error('nobody can dial in here')
      const listener = await network.listen(withPort(target, defaultPort), (stream) => {
        void accept(stream)
      })
      if (stopped) return listener.close()
      close = listener.close
      port = listener.port
      lastError = undefined
    } catch (error) {
      if (stopped) return
      lastError = sentence(error as Error)
      options.log(false, error as Error)
      cancelTimer = clock.after(options.maxBackoffMs(), () => void start())
    }
    options.changed()
  }
  void start()
  return {
    isPassive: true,
    columns: () => ({
      is_connected: peers.size > 0,
      status: {
        ...(lastError !== undefined && { last_error: lastError }),
        ...(port !== undefined && { bound_port: `${port}` }),
        ...(peers.size > 1 && { n_connections: `${peers.size}` }),
        state: lastError === undefined ? 'ACTIVE' : 'BACKOFF',
      },
    }),
    stop() {
      stopped = true
      cancelTimer()
      close()
      for (const stream of arriving) stream.destroy()
      for (const peer of peers) peer.close()
    },
  }
}

/** As strerror has it where the system said no; else the message. */
function sentence(error: Error): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { errno } = at as NodeJS.ErrnoException
    if (typeof errno === 'number') return capitalized(getSystemErrorMessage(errno) ?? at.message)
  }
  return error.message
}

const capitalized = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)

/** Starts what rows name and stops what no row names any more, by row, target and what `more` tells. */
export function keepAll<R extends { readonly _uuid: string; readonly target: string }>(
  running: Map<string, { readonly row: R; readonly remote: Remote }>,
  rows: readonly R[],
  start: (row: R) => Remote,
  more: (row: R) => unknown = () => '',
): void {
  const key = (row: R) => `${row._uuid} ${row.target} ${more(row)}`
  const wanted = new Set(rows.map(key))
  for (const [at, { remote }] of running) {
    if (wanted.has(at)) continue
    remote.stop()
    running.delete(at)
  }
  for (const row of rows) {
    if (!running.has(key(row))) running.set(key(row), { row, remote: start(row) })
  }
}
