/**
 * The load of `api`, a process of its own: so many connections, each with one request under way, for so long. HTTP/1.1 by hand over
 * sockets, because node:http takes as long for a request as the server does, and the two share the machine.
 * Reads one JSON job from standard input, writes one JSON report to standard output.
 */
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { quantile } from '../port-realized/statistics.ts'
import { type Asked, operations } from './operations.ts'

export interface Job {
  readonly port: number
  readonly token: string
  /** Name of an operation; with `path` it is that path instead. */
  readonly operation: string
  readonly path?: string
  /** That the site has. */
  readonly ports: number
  readonly connections: number
  readonly ms: number
  readonly run: number
}

export interface Report {
  readonly requests: number
  readonly per_second: number
  readonly p50_ms: number
  readonly p99_ms: number
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')

function requestOf({ method, path, body }: Asked, { port, token }: Job): string {
  const content = body === undefined ? '' : JSON.stringify(body)
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    `authorization: Bearer ${token}`,
    ...(content ? ['content-type: application/json', `content-length: ${content.length}`] : []),
  ]
  return `${lines.join('\r\n')}\r\n\r\n${content}`
}

/** Sends, and resolves with the status and the length of the body once the whole answer is in. */
function exchange(socket: Socket, request: string): Promise<{ status: number; head: string }> {
  return new Promise((resolve, reject) => {
    let pieces: Buffer[] = []
    let missing: number | undefined
    let head = ''
    const read = (piece: Buffer): void => {
      if (missing === undefined) {
        pieces.push(piece)
        const all = pieces.length === 1 ? piece : Buffer.concat(pieces)
        const end = all.indexOf(END_OF_HEAD)
        if (end < 0) return
        head = all.toString('latin1', 0, end)
        const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
        if (length === undefined) return settle(() => reject(new Error(`no length: ${head}`)))
        missing = Number(length) - (all.length - end - END_OF_HEAD.length)
        pieces = []
      } else missing -= piece.length
      if (missing <= 0) settle(() => resolve({ status: Number(head.slice(9, 12)), head }))
    }
    const settle = (how: () => void): void => {
      socket.off('data', read).off('close', gone)
      how()
    }
    const gone = (): void => settle(() => reject(new Error('the server closed the connection')))
    socket.on('data', read).on('close', gone)
    socket.write(request)
  })
}

async function load(job: Job): Promise<Report> {
  const operation = operations.find(({ name }) => name === job.operation)
  if (!operation) throw new Error(`no operation ${job.operation}`)
  const latencies: number[] = []
  let next = 0
  const began = performance.now()
  const end = began + job.ms
  const connection = async (): Promise<void> => {
    const socket = connect({ port: job.port, host: '127.0.0.1', noDelay: true })
    while (performance.now() < end) {
      const asked = operation.request(next++, job.run, job.ports)
      const path = job.path ?? asked.path
      const request = requestOf({ ...asked, path }, job)
      const sent = performance.now()
      const { status, head } = await exchange(socket, request)
      latencies.push(performance.now() - sent)
      if (status !== operation.status) throw new Error(`${job.operation} ${path}: ${head}`)
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: job.connections }, connection))
  const seconds = (performance.now() - began) / 1000
  return {
    requests: latencies.length,
    per_second: latencies.length / seconds,
    p50_ms: quantile(latencies, 0.5),
    p99_ms: quantile(latencies, 0.99),
  }
}

const job = JSON.parse(await text(process.stdin)) as Job
process.stdout.write(JSON.stringify(await load(job)))
