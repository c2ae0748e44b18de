/** A controller's REST as a command asks it: GET of JSON, over HTTP(S) or a unix socket. Neighbour: commands/attach.ts. */
import { type ClientRequest, request as http } from 'node:http'
import { request as https } from 'node:https'

/** The controller does not answer, or not as expected; `status` is 0 without an answer. */
export class RestError extends Error {
  override readonly name = 'RestError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const LIMIT_MS = 30_000

/**
 * @param controller `http://ADDRESS:PORT` or `unix:PATH` @param path '/v1/…'
 * Rejects with RestError unless the answer is 200 and JSON, with the signal's reason when it aborts.
 */
export async function getJson<T>(
  controller: string,
  path: string,
  signal: AbortSignal,
): Promise<T> {
  const { status, body } = await fetchText(controller, path, signal)
  let value: { detail?: string } | undefined
  try {
    value = JSON.parse(body)
  } catch {
    throw new RestError(status, `${controller} is no controller: no JSON at ${path} (${status})`)
  }
  if (status === 200) return value as T
  throw new RestError(status, `GET ${path}: ${status} ${value?.detail ?? ''}`)
}

function fetchText(
  controller: string,
  path: string,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const request = open(controller, path, AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]))
  request.on('error', (cause) => {
    const why = `no controller answers at ${controller}: ${cause.message || cause.name}`
    reject(signal.aborted ? signal.reason : new RestError(0, why))
  })
  request.on('response', (response) => {
    let body = ''
    response.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    response.on('error', reject)
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
  })
  request.end()
  return promise
}

function open(controller: string, path: string, signal: AbortSignal): ClientRequest {
  const options = { signal, agent: false as const }
  if (controller.startsWith('unix:')) {
    return http({ ...options, socketPath: controller.slice('unix:'.length), path })
  }
  const url = new URL(path, controller)
  return (url.protocol === 'https:' ? https : http)(url, options)
}
