/**
 * Whom the options of `weft switch` and `weft agent` name beside the rows of the database: targets at
 * which it is served (--remote), and keys for `ssl:` and `pssl:` (--tls-key, --tls-cert, --tls-ca).
 * Neighbours: switch.ts, agent.ts; agent-managers.ts has the rows.
 */
import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import type { TlsFiles } from '../../dataplane/switch/sockets.ts'
import type { ServerSession } from '../../southbound/ovsdb/server.ts'
import { systemClock } from '../../southbound/wire/clock.ts'
import {
  formatEndpoint,
  listens,
  OVSDB_PORT,
  parseEndpoint,
} from '../../southbound/wire/endpoint.ts'
import { DEFAULT_BACKOFF_MS, keepRemote, type Network } from '../../southbound/wire/remote.ts'
import { SwitchError } from './switch-error.ts'

/** The network, whose first listener is there already. */
async function listening(target: string, network: Network): Promise<Network> {
  const endpoint = parseEndpoint(target, OVSDB_PORT)
  if (!listens(endpoint) || !network.listen) return network
  let deliver: ((stream: Duplex) => void) | undefined
  const early: Duplex[] = []
  const accept = (stream: Duplex) => (deliver ? deliver(stream) : void early.push(stream))
  const { listen } = network
  try {
    let first: Awaited<ReturnType<typeof listen>> | undefined = await listen(target, accept)
    return {
      ...network,
      async listen(again, take) {
        const ready = first
        if (!ready) return listen(again, take)
        first = undefined
        deliver = take
        for (const stream of early.splice(0)) take(stream)
        return ready
      },
    }
  } catch (error) {
    const right =
      endpoint.kind === 'punix'
        ? 'a path in a folder that can be written, of at most 107 bytes'
        : 'an address of this machine, or none, and a port that nobody has'
    throw new SwitchError(
      `--remote ${target}: cannot listen (${because(error)}); it wants ${right}`,
    )
  }
}

function because(error: unknown): string {
  const { cause, message } = error as Error
  return cause instanceof Error ? cause.message : message
}

/** All three or none. */
export interface TlsSettings {
  readonly tlsKey?: string
  readonly tlsCert?: string
  readonly tlsCa?: string
}

/** Undefined without any. @throws SwitchError when one is missing or cannot be read */
export function tlsFiles({ tlsKey, tlsCert, tlsCa }: TlsSettings): TlsFiles | undefined {
  const [one] = [tlsKey, tlsCert, tlsCa].filter((file) => file !== undefined)
  if (one === undefined) return undefined
  if (tlsKey === undefined || tlsCert === undefined || tlsCa === undefined) {
    throw new SwitchError(
      `${one} alone is not enough: TLS wants --tls-key, --tls-cert and --tls-ca`,
    )
  }
  const options = { '--tls-key': tlsKey, '--tls-cert': tlsCert, '--tls-ca': tlsCa }
  for (const [option, file] of Object.entries(options)) {
    try {
      readFileSync(file)
    } catch (error) {
      throw new SwitchError(
        `${option} ${file}: ${(error as Error).message}; it wants a PEM file that can be read`,
      )
    }
  }
  return { private_key: tlsKey, certificate: tlsCert, ca_cert: tlsCa }
}

/** The endpoint of a `--remote`, with its port. @throws SwitchError */
export function remoteTarget(text: string): string {
  try {
    return formatEndpoint(parseEndpoint(text, OVSDB_PORT))
  } catch (error) {
    throw new SwitchError(`--remote ${text}: ${(error as Error).message}`)
  }
}

/**
 * Serves a database at a target that no row names. Where somebody dials in, it listens when this
 * resolves; where it dials itself, the other end may come later. Rejects with SwitchError where it cannot
 * listen. @returns how to stop
 */
export async function serveAt(
  target: string,
  database: { accept(stream: Duplex, peer: string): ServerSession },
  network: Network,
  log: { info(fields: object, event: string): void },
): Promise<() => void> {
  const { stop } = keepRemote({
    ...{ target, defaultPort: OVSDB_PORT, clock: systemClock },
    network: await listening(target, network),
    maxBackoffMs: () => DEFAULT_BACKOFF_MS,
    serve: async (stream) => {
      const session = database.accept(stream, target)
      return { ended: session.closed, close: () => session.close() }
    },
    changed() {},
    log: (connected, error) =>
      log.info({ remote: target, error: error?.message }, connected ? 'connected' : 'disconnected'),
  })
  return stop
}
