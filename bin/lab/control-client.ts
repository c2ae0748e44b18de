/** Asks a lab that runs, at its control socket. Neighbours: control-server.ts, control-schema.ts. */
import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import type { Line } from './control-schema.ts'
import { LabError, type RunningLab } from './run-folder.ts'

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Sent as JSON. */
  readonly json?: unknown
  readonly signal: AbortSignal
}

/** The answer, its head read. @throws LabError with the lab's own sentence when it refuses, or does not answer */
export async function openAnswer(
  lab: RunningLab,
  path: string,
  { method = 'GET', json, signal }: Asked,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const body = json === undefined ? undefined : JSON.stringify(json)
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const asking = request({
    ...{ socketPath: lab.socket, path, method, headers, signal },
    agent: false,
  })
  asking.once('response', resolve)
  asking.once('error', (cause: NodeJS.ErrnoException) => {
    const why = signal.aborted
      ? signal.reason
      : new LabError(`lab ${lab.name} does not answer: ${cause.code ?? cause.message}`)
    reject(why)
  })
  asking.end(body)
  const answer = await promise
  const { statusCode = 0 } = answer
  if (statusCode < 300) return answer
  const text = await textOf(answer)
  throw new LabError(sentenceOf(text) ?? `lab ${lab.name} answers ${statusCode}`)
}

/** The whole answer. */
export async function askLab<T>(lab: RunningLab, path: string, asked: Asked): Promise<T> {
  const text = await textOf(await openAnswer(lab, path, asked))
  return (text === '' ? undefined : JSON.parse(text)) as T
}

/** An answer of lines: what is said on the way, and the value at its end. @throws LabError */
export async function followLab<T>(
  lab: RunningLab,
  path: string,
  asked: Asked,
  say: (text: string) => void,
): Promise<T> {
  const answer = await openAnswer(lab, path, asked)
  try {
    for await (const text of createInterface({ input: answer })) {
      const line = JSON.parse(text) as Line<T>
      if (line.kind === 'end') return line.value
      if (line.kind === 'error') throw new LabError(line.message)
      say(line.text)
    }
  } catch (error) {
    if (asked.signal.aborted) throw asked.signal.reason
    throw error
  } finally {
    answer.destroy()
  }
  if (asked.signal.aborted) throw asked.signal.reason
  throw new LabError(`lab ${lab.name} went away in the middle of its answer`)
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of answer.setEncoding('utf8')) text += piece
  return text
}

/** As fastify refuses. */
function sentenceOf(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}
