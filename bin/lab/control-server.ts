/**
 * A lab that runs, as other processes of this user ask it: HTTP at a unix socket in its folder. What is asked is checked against
 * control-schema.ts; who may ask is said by the folder, which is its owner's alone.
 *
 *     GET    /status            what is up                 GET  /command?name=  how to get into a guest or host
 *     POST   /down              end it                     POST /run            a command of a memory guest
 *     POST   /test              checks, matrix, scenarios  POST /capture        pcapng, until DELETE /capture/ID
 *
 * Neighbours: lab-process.ts (whose lab it is), control-client.ts (the other end).
 */
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyReply } from 'fastify'
import { type Capture, startCapture } from '../../topologies/lab/capture.ts'
import { guestNamed, NameError, named } from '../../topologies/lab/guest-names.ts'
import type { Lab, LabDocument } from '../../topologies/lab/lab.ts'
import {
  CAPTURE_ID,
  CAPTURE_PLACES,
  CaptureRequest,
  type CommandAnswer,
  DROPPED,
  FAULT,
  type LabStatus,
  type Line,
  NameQuery,
  PACKETS,
  RunRequest,
  TestRequest,
} from './control-schema.ts'
import { runInGuest } from './guest-commands.ts'
import { siteStatus } from './lab-status.ts'
import type { OwnLab } from './run-folder.ts'
import { FRESH, runTest } from './test-run.ts'

export interface ControlOptions {
  readonly own: OwnLab
  /** Undefined while it comes up. */
  readonly lab: () => Lab | undefined
  /** Aborts when the lab goes down. */
  readonly signal: AbortSignal
  /** Takes the lab down, after the answer. */
  readonly onDown: () => void
}

export interface Control {
  close(): Promise<void>
}

/** A refusal with its HTTP status. */
class Refusal extends Error {
  readonly statusCode: number
  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/** Bytes that may wait for a reader before the work is given up. */
const MOST_UNREAD = 1 << 20

/** A reader that does not read any more holds a lab that goes down no longer than that. */
const LAST_WORDS_MS = 2000

/** Listens at `own.socket`. */
export async function serveControl(options: ControlOptions): Promise<Control> {
  const { own, signal, onDown } = options
  const app = fastify({ forceCloseConnections: true }).withTypeProvider<TypeBoxTypeProvider>()
  const captures = new Map<string, Capture>()
  const answers = new Set<Promise<void>>()
  let lastCapture = 0
  let isTested = false
  let hasScenarios = false
  const up = (): Lab => {
    const lab = options.lab()
    if (lab && !signal.aborted) return lab
    throw new Refusal(409, `lab ${own.name} ${signal.aborted ? 'goes down' : 'still comes up'}`)
  }
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const code = error.statusCode ?? (error instanceof NameError ? 404 : 500)
    return reply.code(code).send({ message: error.message })
  })

  app.get('/status', async (): Promise<LabStatus> => {
    const { name, backend, document, file, tls, since, pid } = own
    const known = { name, backend, document, file, tls, since, pid }
    const lab = options.lab()
    if (signal.aborted) return { ...known, state: 'going down' }
    if (!lab) return { ...known, state: 'coming up' }
    return { ...known, state: 'up', url: lab.url, ...(await siteStatus(lab, signal)) }
  })

  app.post('/down', async (_request, reply) => {
    reply.raw.once('close', onDown)
    return reply.code(202).send({})
  })

  app.get('/command', { schema: { querystring: NameQuery } }, async ({ query }) => {
    const lab = up()
    const name = placeNamed(lab.document, query.name)
    const prefix = lab.commandIn?.(name)
    const answer: CommandAnswer = prefix ? { name, prefix } : { name }
    return answer
  })

  app.post('/run', { schema: { body: RunRequest } }, ({ body }, reply) => {
    const lab = up()
    const guest = lab.workloads.get(placeNamed(lab.document, body.name))
    if (!guest) {
      const what = `${body.name} is a part of the lab's process, without a shell`
      const shown = `; weft flows ${body.name} --controller ${lab.url} shows it`
      throw new Refusal(409, what + (Object.hasOwn(lab.document.hosts, body.name) ? shown : ''))
    }
    return lines(reply, signal, (say, ends) =>
      runInGuest({ lab, guest, signal: ends, say }, body.argv),
    )
  })

  app.post('/test', { schema: { body: TestRequest } }, ({ body }, reply) => {
    const lab = up()
    if (isTested) throw new Refusal(409, `lab ${own.name} is being tested already`)
    isTested = true
    return lines(reply, signal, (say, ends) => {
      const isWorn = hasScenarios
      if (isWorn) say(`scenarios have run on this lab, and what they took is missed here: ${FRESH}`)
      const onBegin = () => {
        hasScenarios = true
      }
      return runTest(lab, { ...body, signal: ends, say, onBegin })
        .then((result) => ({ ...result, isWorn }))
        .finally(() => {
          isTested = false
        })
    })
  })

  app.post('/capture', { schema: { body: CaptureRequest } }, async ({ body }, reply) => {
    const stream = new PassThrough()
    const now = () =>
      BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n
    const capture = startCapture(up(), { ...body, stream, now })
    const id = String(++lastCapture)
    captures.set(id, capture)
    stream.once('close', () => captures.delete(id))
    const { promise, resolve } = Promise.withResolvers<void>()
    answers.add(promise)
    // Also of who goes before the first byte: it ends the capture.
    reply.raw.once('close', () => {
      stream.destroy()
      answers.delete(promise)
      resolve()
    })
    try {
      await capture.ready
    } catch (error) {
      stream.destroy()
      throw error
    }
    reply.trailer(FAULT, async () => encodeURIComponent(capture.fault ?? ''))
    reply.trailer(PACKETS, async () => String(capture.counts.packets))
    reply.trailer(DROPPED, async () => String(capture.counts.dropped))
    return reply
      .header(CAPTURE_ID, id)
      .header(CAPTURE_PLACES, JSON.stringify(capture.places))
      .type('application/x-pcapng')
      .send(stream)
  })

  app.delete('/capture/:id', async ({ params }) => {
    captures.get((params as { id: string }).id)?.stop()
    return {}
  })

  await app.listen({ path: own.socket })
  return {
    async close() {
      for (const capture of captures.values()) capture.stop()
      await Promise.race([Promise.all(answers), sleep(LAST_WORDS_MS, undefined, { ref: false })])
      await app.close()
    },
  }
}

/** A guest's, host's or router's name as the document has it. @throws Refusal, NameError */
function placeNamed(document: LabDocument, text: string): string {
  const machines = { ...document.hosts, ...document.lab?.underlay?.routers }
  if (Object.hasOwn(machines, text)) return text
  const guest = guestNamed(document, text)
  if (guest !== undefined) return guest
  const all = [...Object.keys(document.workloads), ...Object.keys(machines)]
  throw new Refusal(404, `${document.name} has no guest or host ${text}; there are ${named(all)}`)
}

/** Answers line by line what a long work says, and its value; the work is aborted when nobody listens any more. */
function lines<T>(
  reply: FastifyReply,
  down: AbortSignal,
  work: (say: (text: string) => void, signal: AbortSignal) => Promise<T>,
): FastifyReply {
  const stream = new PassThrough()
  const gone = new AbortController()
  stream.once('close', () => gone.abort(new Error('nobody listens')))
  const put = (line: Line<T>) => {
    if (!stream.destroyed) stream.write(`${JSON.stringify(line)}\n`)
  }
  const ends = AbortSignal.any([down, gone.signal])
  const say = (text: string) => {
    put({ kind: 'say', text })
    if (stream.writableLength > MOST_UNREAD) stream.destroy()
  }
  const end = async () => {
    try {
      put({ kind: 'end', value: await work(say, ends) })
    } catch (error) {
      const why = down.aborted ? down.reason : error
      put({ kind: 'error', message: why instanceof Error ? why.message : String(why) })
    }
    stream.end()
  }
  void end()
  return reply.type('application/x-ndjson').send(stream)
}
