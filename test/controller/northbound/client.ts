/** Calls to a REST server, as a client makes them; every answer must be what /openapi.json says. */
import { fetchChecked } from './schemas.ts'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a body is what the test says that it is
  readonly body: any
}

export const json = { 'content-type': 'application/json' }

export async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = json,
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const { 'content-type': _, ...bodiless } = headers
  const init = body === undefined ? { method, headers: bodiless } : { method, body: text, headers }
  const response = await fetchChecked(url + path, init)
  const type = response.headers.get('content-type') ?? ''
  const answer = await response.text()
  return {
    status: response.status,
    type,
    headers: response.headers,
    body: answer === '' ? undefined : JSON.parse(answer),
  }
}
