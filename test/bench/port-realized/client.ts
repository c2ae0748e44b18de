/**
 * The tenant of `port-realized`, a process of its own: PUTs ports over HTTP and waits for each until it is realized. Reads
 * one JSON job from standard input, writes one JSON array of milliseconds to standard output.
 */
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Job {
  readonly url: string
  /** Path and body of each port. */
  readonly ports: readonly { readonly path: string; readonly body: object }[]
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** Resolves with the status code once the whole answer is in. */
function send(
  method: string,
  url: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-type': 'application/json' } : {}
    const call = request(url, { method, agent, headers }, (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, text: answer }),
        reject,
      )
    })
    call.on('error', reject)
    call.end(body && JSON.stringify(body))
  })
}

const job = JSON.parse(await text(process.stdin)) as Job
const samples: number[] = []
for (const { path, body } of job.ports) {
  const began = performance.now()
  const answer = await send('PUT', `${job.url}${path}?wait=realized&timeout=10s`, body)
  samples.push(performance.now() - began)
  if (answer.status !== 201) throw new Error(`PUT ${path}: ${answer.status} ${answer.text}`)
  if (!JSON.parse(answer.text).status.realized)
    throw new Error(`PUT ${path}: not realized: ${answer.text}`)
  const gone = await send('DELETE', `${job.url}${path}?wait=realized&timeout=10s`)
  if (gone.status >= 300) throw new Error(`DELETE ${path}: ${gone.status} ${gone.text}`)
}
agent.destroy()
process.stdout.write(JSON.stringify(samples))
