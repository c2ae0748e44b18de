/**
 * A controller's REST as a command uses it: over HTTP, HTTPS or a unix socket, with a bearer token. Every refusal is a
 * RestError whose message is for whoever typed the command; redirects are not followed, so that a token goes nowhere else.
 *
 * Neighbours: rest-error.ts has the sentences, server-events.ts the streams, commands/session.ts opens one from options.
 */
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { type ClientRequest, request as http, type IncomingMessage } from 'node:http'
import { request as https } from 'node:https'
import { pipeline } from 'node:stream/promises'
import type { ProblemDetails } from '../controller/northbound/problem.ts'
import { RestError, refusalOf } from './rest-error.ts'
import { type ServerEvent, serverEvents } from './server-events.ts'

export interface RestOptions {
  /** `http://ADDRESS:PORT`, `https://…` or `unix:PATH`. */
  readonly controller: string
  /** Secret of a token, or a JWT. */
  readonly token?: string | undefined
  /** Certificates (PEM) that an https controller is held against instead of the system's. */
  readonly ca?: string | undefined
  /** Ends what is under way: it then rejects with the signal's reason. */
  readonly signal: AbortSignal
}

export type Method = 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST'

export interface Ask {
  /** Parameters; those that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as YAML; `name` is how refusals call it. */
  readonly document?: { readonly text: string; readonly name: string }
  /** Until the whole answer is there, milliseconds. */
  readonly limitMs?: number
}

export interface Answer<T> {
  readonly status: number
  readonly body: T
  /** The controller's clock, milliseconds since 1970; undefined where it does not say. */
  readonly date: number | undefined
}

export interface Rest {
  /** How messages call it. */
  readonly controller: string
  /** The answer as JSON. */
  ask<T>(method: Method, path: string, ask?: Ask): Promise<Answer<T>>
  /** The answer as it is. */
  text(path: string, ask?: Ask): Promise<string>
  /** The answer as a file, which is there once it is whole, for its owner alone. */
  download(path: string, file: string): Promise<void>
  /** Every item of a list, page after page of one revision. */
  items<T>(path: string, query?: Ask['query']): AsyncGenerator<T>
  /** Events as they happen, until the controller ends the stream. @param last id of the last one seen */
  events(path: string, last?: string): AsyncGenerator<ServerEvent>
}

const LIMIT_MS = 30_000
/** A store of 100,000 ports has some 50 MB. */
const DOWNLOAD_LIMIT_MS = 600_000
/** A stream says something every 15 s, if only that it lives. */
const SILENCE_MS = 45_000

const typeOf = ({ json, document }: Ask): string | undefined =>
  document ? 'application/yaml' : json === undefined ? undefined : 'application/json'

export function openRest(options: RestOptions): Rest {
  const { controller } = options

  async function text(method: Method, path: string, ask: Ask): Promise<Answer<string>> {
    const { limitMs = LIMIT_MS } = ask
    const response = await answered(options, method, path, ask, limitMs)
    const date = Date.parse(response.headers.date ?? '')
    const body = await textOf(response, options)
    return { status: response.statusCode ?? 0, body, date: Number.isNaN(date) ? undefined : date }
  }
  const rest: Rest = {
    controller,
    async ask<T>(method: Method, path: string, ask: Ask = {}) {
      const { status, body, date } = await text(method, path, ask)
      const value = parsed(body)
      if (value === undefined)
        throw new RestError(
          status,
          `${controller} is no controller: no JSON at ${path} (${status})`,
        )
      if (!isDone(status)) throw refusalAt(options, path, status, value, ask)
      return { status, body: value as T, date }
    },
    async text(path, ask = {}) {
      const { status, body } = await text('GET', path, ask)
      if (!isDone(status)) throw refusalAt(options, path, status, parsed(body), ask)
      return body
    },
    async download(path, file) {
      const response = await answered(options, 'GET', path, {}, DOWNLOAD_LIMIT_MS)
      const status = response.statusCode ?? 0
      if (!isDone(status))
        throw refusalAt(options, path, status, parsed(await textOf(response, options)), {})
      const part = `${file}.part`
      try {
        await pipeline(response, createWriteStream(part, { mode: 0o600, flush: true }))
        await rename(part, file)
      } catch (error) {
        await rm(part, { force: true })
        throw error
      }
    },
    async *items<T>(path: string, query: Ask['query'] = {}) {
      let cursor: string | undefined
      do {
        const ask = { query: { ...query, cursor } }
        const { status, body } = await rest.ask<{ items?: T[]; next?: string }>('GET', path, ask)
        if (!Array.isArray(body.items))
          throw new RestError(status, `${controller} is no controller: no list at ${path}`)
        yield* body.items
        cursor = body.next
      } while (cursor !== undefined)
    },
    async *events(path, last) {
      const accept = { accept: 'text/event-stream' }
      const headers = last === undefined ? accept : { ...accept, 'last-event-id': last }
      const response = await answered(options, 'GET', path, { headers }, undefined)
      const status = response.statusCode ?? 0
      if (!isDone(status))
        throw refusalAt(options, path, status, parsed(await textOf(response, options)), {})
      response.socket.setTimeout(SILENCE_MS, () => response.destroy(new Error('it fell silent')))
      try {
        yield* serverEvents(response.setEncoding('utf8'))
      } catch (cause) {
        throw broken(options, cause)
      }
    },
  }
  return rest
}

const isDone = (status: number): boolean => status >= 200 && status < 300

/** What a tenant's token may for its own tenant. */
const perTenant = /^\/v1(:apply|:export|\/events)$/

function refusalAt(
  { controller, token }: RestOptions,
  path: string,
  status: number,
  value: unknown,
  { document }: Ask,
): RestError {
  const problem = value as ProblemDetails | undefined
  if (typeof problem?.detail === 'string' && typeof problem.type === 'string') {
    const refusal = refusalOf({ ...problem, status }, document?.name)
    const { message, type } = refusal
    if (status === 401 && token !== undefined)
      return new RestError(
        status,
        `${controller} does not know the token that was given, or it has ended`,
        type,
      )
    if (status === 403 && perTenant.test(path))
      return new RestError(status, `${message}; --tenant TENANT is about one tenant alone`, type)
    return refusal
  }
  return new RestError(status, `${controller} is no controller: it answers ${status}`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Resolves when the head of the answer is there. @param limitMs of the whole answer; undefined: none */
function answered(
  options: RestOptions,
  method: Method,
  path: string,
  ask: Ask,
  limitMs: number | undefined,
): Promise<IncomingMessage> {
  const { controller, signal, token } = options
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const limit = limitMs === undefined ? [] : [AbortSignal.timeout(limitMs)]
  const type = typeOf(ask)
  const headers = {
    ...ask.headers,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(type !== undefined && { 'content-type': type }),
  }
  const ends = AbortSignal.any([signal, ...limit])
  const request = open(options, method, path + queryOf(ask), headers, ends)
  request.on('response', resolve)
  request.on('error', (cause: NodeJS.ErrnoException) => {
    const late = limit.some(({ aborted }) => aborted) && limitMs !== undefined
    const why = late ? `nothing within ${limitMs / 1000} s` : cause.message || cause.code
    const isCut = cause.code === 'ECONNRESET' && controller.startsWith('http:')
    const help = untrusted.has(cause.code ?? '')
      ? '; --ca FILE names the CA to trust'
      : isCut
        ? '; does it speak TLS (https://)?'
        : ''
    const message = `no controller answers at ${controller}: ${why}${help}`
    const type = lost.has(cause.code ?? '') ? 'connection_lost' : undefined
    reject(signal.aborted ? signal.reason : new RestError(0, message, type))
  })
  const { json, document } = ask
  request.end(document?.text ?? (json === undefined ? undefined : JSON.stringify(json)))
  return promise
}

/** The connection ended before an answer had begun: nobody knows whether the request was carried out. */
const lost: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE'])

const untrusted: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

function queryOf({ query = {} }: Ask): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

async function textOf(response: IncomingMessage, options: RestOptions): Promise<string> {
  let text = ''
  try {
    for await (const piece of response.setEncoding('utf8')) text += piece
  } catch (cause) {
    throw broken(options, cause)
  }
  return text
}

/** An answer that has begun and does not end. */
function broken({ controller, signal }: RestOptions, cause: unknown): unknown {
  if (signal.aborted) return signal.reason
  return new RestError(
    0,
    `${controller} went away in the middle of its answer: ${(cause as Error).message}`,
    'connection_lost',
  )
}

function open(
  { controller, ca }: RestOptions,
  method: Method,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): ClientRequest {
  const options = { method, headers, signal, agent: false as const }
  if (controller.startsWith('unix:'))
    return http({ ...options, socketPath: controller.slice('unix:'.length), path })
  const url = new URL(controller + path)
  if (url.protocol === 'http:') return http(url, options)
  return https(url, { ...options, ...(ca !== undefined && { ca }) })
}
