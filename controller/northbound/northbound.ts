/**
 * The REST server: what tenants and operators touch. Requests are checked by the schemas that
 * /openapi.json shows, writes go to the store, status comes from the reconciler through one
 * interface (realization.ts). Every refusal is a problem (problem.ts), never a stack trace.
 *
 * Neighbours: objects.ts and observations.ts have the routes, openapi.ts their description.
 */

import { randomUUID } from 'node:crypto'
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import helmet from '@fastify/helmet'
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply } from 'fastify'
import type { TSchema } from 'typebox'
import { type Access, openAccess } from '../access/access.ts'
import { declaredNames } from '../model/collections.ts'
import { ModelError, type Problem, printed } from '../model/errors.ts'
import { validator } from '../model/validate.ts'
import { type Hooks, noHooks } from '../store/hooks.ts'
import type { Store } from '../store/store.ts'
import { addApply } from './apply.ts'
import { addBackup } from './backup.ts'
import { addDocumentation } from './documentation.ts'
import { addGuard } from './guard.ts'
import { addHistory } from './history.ts'
import { addLimits, defaultLimits, type Limits } from './limits.ts'
import { addLists } from './lists.ts'
import { addMetrics } from './metrics.ts'
import { addObjectRoutes } from './objects.ts'
import { addObservationRoutes } from './observations.ts'
import { addOpenapi } from './openapi.ts'
import { MethodTable } from './paths.ts'
import { HttpError, mediaType, parserProblem, problemOf } from './problem.ts'
import type { Realization } from './realization.ts'
import { addTrace } from './trace.ts'

export interface NorthboundOptions {
  readonly store: Store
  readonly realization: Realization
  /** Called with what was wrong with an edit that was refused. */
  readonly onRefused?: (problems: readonly Problem[]) => void
  /** Who is let in; left out, everybody, as operator. */
  readonly access?: Access
  readonly limits?: Partial<Limits>
  readonly hooks?: Hooks
  /** Of this program, for OpenAPI. */
  readonly version?: string
  readonly log?: FastifyBaseLogger
}

export type ListenAt =
  | { readonly host?: string; readonly port?: number }
  | { readonly path: string }

export interface Northbound {
  /** Serves; port 0 takes a free one, a path is a unix socket. The url has no slash at its end. */
  listen(at?: ListenAt): Promise<{ readonly url: string }>
  /** Ends all waits and connections. */
  close(): Promise<void>
}

const bodyLimitBytes = 1024 * 1024

export async function createNorthbound(options: NorthboundOptions): Promise<Northbound> {
  const {
    store,
    realization,
    access = openAccess,
    hooks = noHooks,
    version = '0.0.0',
    log,
  } = options
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    exposeHeadRoutes: true,
    genReqId: requestIdOf,
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error, _request, reply) => {
      const details = problemOf(error)
      void (reply as FastifyReply).code(details.status).type(mediaType).send(details)
    },
    clientErrorHandler,
    ...(log ? { loggerInstance: log } : {}),
  })
  const stopping = new AbortController()
  addRules(app, options)
  await app.register(helmet)
  addGuard(app, access, await addLimits(app, { ...defaultLimits, ...options.limits }))
  await addOpenapi(app, version)
  const backing = { store, realization, hooks, closing: stopping.signal }
  addObjectRoutes(app, backing, declaredNames)
  addLists(app, backing, declaredNames)
  addApply(app, backing)
  addObservationRoutes(app, backing)
  addMetrics(app, backing)
  addHistory(app, backing)
  addBackup(app, backing)
  addTrace(app, backing)
  addDocumentation(app)
  await app.ready()

  return {
    async listen(at = {}) {
      const url = await app.listen('path' in at ? at : { host: '127.0.0.1', port: 0, ...at })
      return { url }
    },
    async close() {
      stopping.abort()
      await app.close()
    },
  }
}

/** That of the client, so that its log and ours can be laid side by side, or a new one. */
function requestIdOf({ headers }: IncomingMessage): string {
  const { 'x-request-id': given } = headers
  return typeof given === 'string' && /^[A-Za-z0-9._:-]{1,64}$/.test(given) ? given : randomUUID()
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
      done(null, body === '' ? undefined : JSON.parse(body as string))
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
  if (error.code === 'ECONNRESET' || !socket.writable) {
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
}
