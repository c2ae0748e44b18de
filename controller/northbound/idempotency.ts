/**
 * `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header): the same request with the same key is done once, and
 * answered the same however often it is sent; sent while the first is still running it waits for that one's answer. Another
 * request with the same key is refused (422). Keys are of a principal, kept in memory, at most 1,000 of one and 10,000 of all, 64 MiB of answers, for a day.
 * Kept are answers of what was done; a refusal has done nothing, and is judged anew.
 *
 * Neighbours: northbound.ts adds it before there are routes; guard.ts says who asks.
 */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Clock } from '../../southbound/wire/clock.ts'
import type { Limits } from './limits.ts'
import { HttpError } from './problem.ts'

const Key = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^("[ !#-~]{1,128}"|[!#-+\\--~]{1,128})$',
      description:
        'any text of the client\'s, such as "8e03978e-40d5-43dd-bc93-6894a57f9324": the same request with the same key is done once and answered the same, for a day and until the controller starts anew; another request with it is refused (422)',
    }),
  ),
})

const KEPT_MS = 24 * 3600 * 1000
const MOST = 10_000
/** Characters of answers; a longer answer is not kept at all. */
const MOST_CHARACTERS = 64 * 1024 * 1024
const LONGEST = 4 * 1024 * 1024

interface Answer {
  readonly status: number
  readonly type: string
  readonly etag: string | undefined
  readonly text: string
}

interface Entry {
  /** Of method, path, query and body. */
  readonly fingerprint: string
  readonly owner: string
  readonly at: number
  /** Undefined: that one has no answer that could be given twice. */
  readonly first: PromiseWithResolvers<Answer | undefined>
  /** Characters; of one that is running 0. */
  size: number
  isDone: boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the first request with its key. */
    keyed: Keyed | undefined
  }
}
interface Keyed {
  readonly name: string
  readonly entry: Entry
}

/** To be called before routes and whatever describes them. */
export function addIdempotency(
  app: FastifyInstance,
  { keysPerPrincipal }: Pick<Limits, 'keysPerPrincipal'>,
  clock: Clock,
): void {
  const kept = new Kept(keysPerPrincipal, clock)
  app.decorateRequest('keyed', undefined)
  app.addHook('onRoute', (route) => {
    if (route.method !== 'POST' || route.schema?.headers) return
    route.schema = { ...route.schema, headers: Key }
  })
  app.addHook('preHandler', async (request, reply) => {
    const key = keyOf(request)
    if (key === undefined) return
    const owner = JSON.stringify([request.principal.tenant, request.principal.subject])
    const name = `${owner} ${key}`
    const fingerprint = fingerprintOf(request)
    const known = kept.get(name)
    if (!known) {
      request.keyed = { name, entry: kept.add(name, owner, fingerprint) }
      return
    }
    if (known.fingerprint !== fingerprint) {
      const expected = 'a key of its own for every request, and the same request with the same key'
      throw new HttpError('idempotency_key_reused', { value: key, expected })
    }
    const answer = await known.first.promise
    if (answer) return replay(reply, answer)
    const expected = 'the same once more'
    throw new HttpError('idempotency_unanswered', { value: key, expected })
  })
  app.addHook('onSend', async ({ keyed }, reply, payload) => {
    if (keyed) kept.answered(keyed, answerOf(reply, payload))
    return payload
  })
  app.addHook('onResponse', async ({ keyed }) => {
    if (keyed) kept.answered(keyed, undefined)
  })
}

/** As structured fields quote it, or bare. */
function keyOf({ method, headers }: FastifyRequest): string | undefined {
  const { 'idempotency-key': given } = headers
  if (method !== 'POST' || typeof given !== 'string') return undefined
  return given.startsWith('"') ? given.slice(1, -1) : given
}

function fingerprintOf({ method, url, body, headers }: FastifyRequest): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? null)
  const said = JSON.stringify([method, url, headers['content-type']])
  return createHash('sha256').update(said).update(text).digest('base64')
}

function answerOf(reply: FastifyReply, payload: unknown): Answer | undefined {
  if (typeof payload !== 'string' || payload.length > LONGEST) return undefined
  const [type, etag] = [reply.getHeader('content-type'), reply.getHeader('etag')]
  return {
    status: reply.statusCode,
    type: `${type ?? 'application/json'}`,
    etag: etag === undefined ? undefined : `${etag}`,
    text: payload,
  }
}

function replay(reply: FastifyReply, { status, type, etag, text }: Answer): FastifyReply {
  if (etag !== undefined) reply.header('etag', etag)
  return reply.code(status).type(type).serializer(String).send(text)
}

/** In the order in which they came. */
class Kept {
  readonly #clock: Clock
  readonly #mostOfOne: number
  readonly #entries = new Map<string, Entry>()
  readonly #owned = new Map<string, number>()
  #characters = 0

  constructor(mostOfOne: number, clock: Clock) {
    this.#clock = clock
    this.#mostOfOne = mostOfOne
  }

  get(name: string): Entry | undefined {
    const entry = this.#entries.get(name)
    if (!entry?.isDone || this.#clock.now() - entry.at < KEPT_MS) return entry
    this.#forget(name, entry)
    return undefined
  }

  add(name: string, owner: string, fingerprint: string): Entry {
    const first = Promise.withResolvers<Answer | undefined>()
    const entry = { fingerprint, owner, at: this.#clock.now(), first, size: 0, isDone: false }
    this.#entries.set(name, entry)
    this.#owned.set(owner, (this.#owned.get(owner) ?? 0) + 1)
    // Who has most of them makes room with his own.
    if ((this.#owned.get(owner) ?? 0) > this.#mostOfOne)
      this.#forgetOldest((each) => each.owner === owner)
    if (this.#entries.size > MOST) this.#forgetOldest(() => true)
    return entry
  }

  /** The first answer counts. */
  answered({ name, entry }: Keyed, answer: Answer | undefined): void {
    if (entry.isDone) return
    entry.isDone = true
    entry.first.resolve(answer)
    const isOfDone = answer !== undefined && answer.status >= 200 && answer.status < 300
    if (this.#entries.get(name) !== entry) return
    if (!isOfDone) return this.#forget(name, entry)
    entry.size = answer.text.length
    this.#characters += entry.size
    while (this.#characters > MOST_CHARACTERS && this.#forgetOldest(() => true));
  }

  #forgetOldest(fits: (entry: Entry) => boolean): boolean {
    for (const [name, entry] of this.#entries) {
      if (!entry.isDone || !fits(entry)) continue
      this.#forget(name, entry)
      return true
    }
    return false
  }

  #forget(name: string, { owner, size }: Entry): void {
    this.#entries.delete(name)
    this.#characters -= size
    const owned = (this.#owned.get(owner) ?? 0) - 1
    if (owned > 0) this.#owned.set(owner, owned)
    else this.#owned.delete(owner)
  }
}
