/**
 * Where a control connection goes to or comes from, spelled as Open vSwitch does (ovsdb(7),
 * "Connection Methods"): `tcp:192.0.2.1:6653`, `ssl:[2001:db8::1]:6640`, `unix:/run/db.sock` to dial,
 * `ptcp:6653:0.0.0.0`, `pssl:6640`, `punix:/run/db.sock` to listen.
 * Neighbours: stream.ts dials and listens; both protocols use it.
 */
import { isIPv6 } from 'node:net'
import { WireError } from './error.ts'

export interface InetEndpoint {
  readonly kind: 'tcp' | 'ssl' | 'ptcp' | 'pssl'
  /** A name or an address, IPv6 without brackets; '' (passive only): every address. */
  readonly host: string
  /** 0 (passive only): the system chooses. */
  readonly port: number
}

export interface UnixEndpoint {
  readonly kind: 'unix' | 'punix'
  readonly path: string
}

export type Endpoint = InetEndpoint | UnixEndpoint

/** A stream could not be had: nobody answers, the handshake failed, the address is taken. */
export class EndpointError extends Error {
  /** As formatEndpoint spells it. */
  readonly endpoint: string

  constructor(endpoint: string, message: string, options?: ErrorOptions) {
    super(`${endpoint}: ${message}`, options)
    this.name = 'EndpointError'
    this.endpoint = endpoint
  }
}

/** The ports that IANA gave the protocols; Open vSwitch's defaults. */
export const OPENFLOW_PORT = 6653
export const OVSDB_PORT = 6640

/** For each spelling: whether it listens, and what follows the colon. */
const kinds = {
  tcp: { listens: false, wants: 'HOST:PORT' },
  ssl: { listens: false, wants: 'HOST:PORT' },
  unix: { listens: false, wants: 'PATH' },
  ptcp: { listens: true, wants: '[PORT][:HOST]' },
  pssl: { listens: true, wants: '[PORT][:HOST]' },
  punix: { listens: true, wants: 'PATH' },
} as const

/** Whether one listens there (`ptcp`, `pssl`, `punix`) rather than dials. */
export const listens = ({ kind }: Endpoint): boolean => kinds[kind].listens

/**
 * Reads an endpoint. A port left out is `defaultPort`; without one it is an error.
 * @throws WireError with the text and what would be right
 */
export function parseEndpoint(text: string, defaultPort?: number): Endpoint {
  const colon = text.indexOf(':')
  const kind = text.slice(0, colon) as Endpoint['kind']
  if (colon < 0 || !Object.hasOwn(kinds, kind)) {
    throw new WireError(`'${text}' is no endpoint: it starts with ${Object.keys(kinds)}`, 0)
  }
  const where = text.slice(colon + 1)
  const refuse = (): never => {
    throw new WireError(`'${text}' is no endpoint: it is ${kind}:${kinds[kind].wants}`, colon + 1)
  }
  if (kind === 'unix' || kind === 'punix') {
    // 108 bytes with the final zero is what the kernel takes; a longer path would be cut.
    if (where === '' || Buffer.byteLength(where) > 107) return refuse()
    return { kind, path: where }
  }
  const { listens } = kinds[kind]
  const [, first = '', second = ''] =
    (listens
      ? /^(\d*)(?::(.+))?$/.exec(where)
      : /^(\[[^\]]+\]|[^:[\]]+)(?::(\d+))?$/.exec(where)) ?? refuse()
  const port = portOf(listens ? first : second, defaultPort)
  const host = hostOf(listens ? second : first)
  if (port === undefined || host === undefined || (port === 0 && !listens)) return refuse()
  return { kind, host, port }
}

function portOf(text: string, defaultPort: number | undefined): number | undefined {
  if (text === '') return defaultPort
  return text.length <= 5 && Number(text) <= 0xffff ? Number(text) : undefined
}

/** A host without the brackets, which an IPv6 address may have and nothing else. */
function hostOf(text: string): string | undefined {
  const inner = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : undefined
  if (inner !== undefined) return isIPv6(inner) ? inner : undefined
  return isIPv6(text) || !/[:[\]\s]/.test(text) ? text : undefined
}

/** parseEndpoint(formatEndpoint(endpoint)) is the endpoint. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (!('host' in endpoint)) return `${endpoint.kind}:${endpoint.path}`
  const { kind, host, port } = endpoint
  const bracketed = isIPv6(host) ? `[${host}]` : host
  if (!kinds[kind].listens) return `${kind}:${bracketed}:${port}`
  return `${kind}:${port}${host === '' ? '' : `:${bracketed}`}`
}
