/**
 * The REST server: what tenants and operators touch. Requests are checked by the schemas that
 * /openapi.json shows, writes go to the store, status comes from the reconciler through one
 * interface (realization.ts). Every refusal is a problem (problem.ts), never a stack trace.
 *
 * Neighbours: objects.ts and observations.ts have the routes, openapi.ts their description.
 */

import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import helmet from '@fastify/helmet'
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type InjectOptions,
  type LightMyRequestResponse,
} from 'fastify'
import type { TSchema } from 'typebox'
import { type Clock, systemClock } from '../../southbound/wire/clock.ts'
import { type Random, uuids } from '../../southbound/wire/random.ts'
import { type Access, openAccess } from '../access/access.ts'
import { declaredNames } from '../model/collections.ts'
import { ModelError, type Problem, printed } from '../model/errors.ts'
import { isPlain } from '../model/json-text.ts'
import { validator } from '../model/validate.ts'
import { type Hooks, noHooks } from '../store/hooks.ts'
import type { Store } from '../store/store.ts'
import { httpsOptions, type KeySource, keepKeys } from '../tls/rest-keys.ts'
import { addAdoption } from './adoption.ts'
import { addApply } from './apply.ts'
import { addBackup } from './backup.ts'
import { addDeletions } from './deletion.ts'
import { addDocumentation } from './documentation.ts'
import { addFlows } from './flows.ts'
import { addGuard } from './guard.ts'
import { addHistory } from './history.ts'
import { addIdempotency } from './idempotency.ts'
import { addLimits, defaultLimits, type Limits } from './limits.ts'
import { addLists } from './lists.ts'
import { addMetrics } from './metrics.ts'
import { addObjectRoutes } from './objects.ts'
import { addObservationRoutes } from './observations.ts'
import { addOpenapi } from './openapi.ts'
import { MethodTable } from './paths.ts'
import { HttpError, mediaType, parserProblem, problemOf } from './problem.ts'
import type { Realization } from './realization.ts'
import { addStoreReport } from './store-report.ts'
import { addTrace } from './trace.ts'

export interface NorthboundOptions {
  readonly store: Store
  readonly realization: Realization
  /** Called with what was wrong with an edit that was refused. */
  readonly onRefused?: (problems: readonly Problem[]) => void
  /** Who is let in; left out, everybody, as operator. */
  readonly access?: Access
  readonly limits?: Partial<Limits>
  /** For answers that are under way when it closes; who has not read his by then is cut off. Left out: 5,000. */
  readonly graceMs?: number | undefined
  /** With it HTTPS is spoken, and nothing else. */
  readonly tls?: KeySource
  readonly hooks?: Hooks
  /** Of this program, for OpenAPI. */
  readonly version?: string
  readonly log?: FastifyBaseLogger
  readonly clock?: Clock
  /** For ids of requests and of pages. Default: the system's. */
  readonly random?: Random | undefined
}

export type ListenAt =
  | { readonly host?: string; readonly port?: number }
  | { readonly path: string }

export interface Northbound {
  /** Serves; port 0 takes a free one, a path is a unix socket. The url has no slash at its end. */
  listen(at?: ListenAt): Promise<{ readonly url: string }>
  /** Answers a request that came by no socket. */
  inject(request: InjectOptions): Promise<LightMyRequestResponse>
  /**
   * Takes no more connections; waits and event streams end now, what else is under way has `graceMs` to be answered and read.
   */
  close(): Promise<void>
}

const bodyLimitBytes = 1024 * 1024
/** To read what was wrong with something that was no request; then the connection is cut. */
const UNREAD_MS = 1000

export async function createNorthbound(options: NorthboundOptions): Promise<Northbound> {
  const {
    store,
    realization,
    access = openAccess,
    hooks = noHooks,
    version = '0.0.0',
    tls,
    graceMs = 5000,
    log,
    clock = systemClock,
  } = options
  const uuid = uuids(options.random)
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: true,
    genReqId: (request) => requestIdOf(request) ?? uuid(),
    // What is registered is all in this process and waits for nobody.
    pluginTimeout: 0,
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error, _request, reply) => {
      const details = problemOf(error)
      void (reply as FastifyReply).code(details.status).type(mediaType).send(details)
    },
    clientErrorHandler,
    ...(log ? { loggerInstance: log } : {}),
    ...((tls ? { https: httpsOptions(tls()) } : {}) as object),
  })
  if (tls) keepKeys(app.server as unknown as Server, tls)
  const stopping = new AbortController()
  addRules(app, options)
  // Whoever has once read this header speaks TLS with this name for a year, at every port.
  await app.register(helmet, tls ? {} : { hsts: false })
  app.addHook('onSend', async (_, reply) => {
    // A connection that is kept open after its answer would hold the end up.
    if (stopping.signal.aborted) reply.header('connection', 'close')
  })
  const limits = { ...defaultLimits, ...options.limits }
  addGuard(app, access, await addLimits(app, limits))
  addIdempotency(app, limits, clock)
  await addOpenapi(app, version)
  const backing = { store, realization, hooks, closing: stopping.signal, clock, uuid }
  addObjectRoutes(app, backing, declaredNames)
  addDeletions(app, backing, declaredNames)
  addLists(app, backing, declaredNames)
  addApply(app, backing)
  addObservationRoutes(app, backing)
  addAdoption(app, backing)
  addFlows(app, backing)
  addStoreReport(app, backing)
  addMetrics(app, backing)
  addHistory(app, backing)
  addBackup(app, backing)
  addTrace(app, backing)
  addDocumentation(app)
  await app.ready()

  return {
    inject: (request) => app.inject(request),
    async listen(at = {}) {
      // For this name fastify would open a second server, which has no part in keys and closing.
      const host = 'host' in at && at.host === 'localhost' ? { host: '127.0.0.1' } : {}
      const where = 'path' in at ? at : { host: '127.0.0.1', port: 0, ...at, ...host }
      const url = await app.listen(where)
      return { url }
    },
    async close() {
      stopping.abort()
      const cut = setTimeout(() => app.server.closeAllConnections(), graceMs)
      await app.close()
      clearTimeout(cut)
    },
  }
}

/** That of the client, so that its log and ours can be laid side by side. */
function requestIdOf({ headers }: IncomingMessage): string | undefined {
  const { 'x-request-id': given } = headers
  return typeof given === 'string' && /^[A-Za-z0-9._:-]{1,64}$/.test(given) ? given : undefined
}

/** How all routes parse, check, answer and refuse. */
function addRules(app: FastifyInstance, { onRefused }: NorthboundOptions): void {
  const methods = new MethodTable()
  app.addHook('onRequest', async ({ id }, reply) => {
    reply.header('x-request-id', id)
  })
  app.addHook('onRoute', ({ url, method }) => methods.add(url, method))

  app.removeAllContentTypeParsers()
  const jsonTypes = ['application/json', 'application/merge-patch+json']
  app.addContentTypeParser(jsonTypes, { parseAs: 'string' }, (_request, body, done) => {
    try {
      const value = body === '' ? undefined : JSON.parse(body as string)
      // Of a key that is there twice one reader takes the first, another the last; whoever walks a value, walks all its levels.
      if (!isPlain(body as string))
        throw new Error('a key is there twice, or it is nested too deep')
      done(null, value)
    } catch (error) {
      const detail = `the body is not JSON: ${(error as Error).message}`
      const expected = 'one JSON object (RFC 8259)'
      const value = printed(body)
      done(new HttpError('malformed_json', { detail, pointer: '', value, expected }))
    }
  })

  // Bodies are checked by the model, which the store asks anyway; here the path and the query.
  app.setValidatorCompiler(({ schema, httpPart }) => {
    if (httpPart === 'body') return () => true
    const validate = validator(schema as TSchema)
    return (value: unknown) => {
      const [first] = validate(value)
      if (!first) return true
      const { detail, expected } = first
      const parameter = first.pointer.slice(1)
      const facts = { detail: `${parameter}: ${detail}`, parameter, value: first.value, expected }
      return { error: new HttpError('parameter_invalid', facts) }
    }
  })
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.setSchemaErrorFormatter((errors) => errors[0] as unknown as Error)

  app.setErrorHandler((error, request, reply) => {
    const details = problemOf(error)
    if (details.status >= 500) request.log.error({ err: error }, 'request failed')
    if (error instanceof HttpError) reply.headers(error.headers)
    if (error instanceof ModelError) onRefused?.(error.problems)
    return reply.code(details.status).type(mediaType).send(details)
  })
  app.setNotFoundHandler((request) => {
    const path = request.url.replace(/\?.*$/s, '')
    const allowed = methods.allowed(path)
    if (allowed.length === 0) {
      throw new HttpError('path_unknown', { value: printed(path), expected: 'see /openapi.json' })
    }
    const allow = allowed.join(', ')
    throw new HttpError('method_not_allowed', { value: request.method, expected: allow }, { allow })
  })
}

/**
 * Bytes that are no HTTP request: there is no reply object yet, so the answer is written by hand.
 */
function clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
  // Where TLS has not come about, no answer could be read.
  const isHidden = socket instanceof TLSSocket && socket.getProtocol() === null
  if (error.code === 'ECONNRESET' || !socket.writable || isHidden) {
    socket.destroy()
    return
  }
  const details = parserProblem(error)
  const body = JSON.stringify(details)
  const head = [
    `HTTP/1.1 ${details.status} ${STATUS_CODES[details.status]}`,
    `Content-Type: ${mediaType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  // Whoever does not close his side would keep the connection.
  const cut = setTimeout(() => socket.destroy(), UNREAD_MS)
  socket.once('close', () => clearTimeout(cut))
}
