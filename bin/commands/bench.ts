/**
 * `weft bench`: a controller measured from outside, one request after the other. `read` asks for what is there; `write`
 * makes a tenant of its own and takes it away again. Neighbours: bench-options.ts, ../rest.ts.
 */
import { randomBytes } from 'node:crypto'
import { lastWorkloadOfport } from '../../controller/model/values.ts'
import { print } from '../print/output.ts'
import { tableLines } from '../print/table.ts'
import { withProgress } from '../print/terminal.ts'
import type { Rest } from '../rest.ts'
import { RestError } from '../rest-error.ts'
import { UsageError } from '../usage.ts'
import type { BenchArguments } from './bench-arguments.ts'
import { openSession } from './session.ts'

/** Of one kind of request. */
export interface BenchResult {
  readonly measure: string
  readonly requests: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** One after the other: a controller does more for many at once. */
  readonly perSecond: number
}

interface Measure {
  readonly name: string
  /** Timed. */
  readonly once: (n: number) => Promise<unknown>
}

/** What is made is taken away also when the command is interrupted. */
const CLEANUP_MS = 30_000
/** Answers of the first requests are of a controller and a client that are not warm. */
const WARM_UP = 3
const WAIT = { wait: 'realized', timeout: '10s' }

/** @returns the exit code */
export async function bench(options: BenchArguments): Promise<number> {
  const { what, host, output, signal } = options
  if (what === 'read' && host.length > 0)
    throw new UsageError('--host is of weft bench write: read changes nothing on hosts')
  const rest = openSession(options, signal)
  const measuring = what === 'read' ? read(rest, options) : write(rest, options)
  const results = await withProgress(`measuring ${rest.controller}`, measuring)
  await print(output, results, () => linesOf(results))
  return 0
}

async function read(rest: Rest, { requests }: BenchArguments): Promise<BenchResult[]> {
  const first = async (path: string): Promise<string | undefined> => {
    const query = { limit: '1', fields: 'id' }
    const { body } = await rest.ask<{ items: { id: string }[] }>('GET', path, { query })
    return body.items[0]?.id
  }
  const tenant = await first('/v1/tenants')
  const measures: Measure[] = [
    { name: 'GET /healthz', once: () => rest.ask('GET', '/healthz') },
    { name: 'GET the tenants', once: () => rest.ask('GET', '/v1/tenants') },
  ]
  if (tenant !== undefined) {
    const ports = `/v1/tenants/${tenant}/ports`
    const port = await first(ports)
    measures.push({ name: `GET the ports of ${tenant}`, once: () => rest.ask('GET', ports) })
    if (port !== undefined)
      measures.push({
        name: `GET port ${tenant}/${port}`,
        once: () => rest.ask('GET', `${ports}/${port}`),
      })
  }
  return measured(measures, requests)
}

async function write(rest: Rest, options: BenchArguments): Promise<BenchResult[]> {
  const tenant = `weft-bench-${randomBytes(4).toString('hex')}`
  const at = `/v1/tenants/${tenant}`
  const put = (path: string, json: object, query = {}) => rest.ask('PUT', path, { json, query })
  // A tenant that was asked for may be there, whatever became of the answer.
  try {
    await put(at, { labels: { 'made-by': 'weft-bench' } })
    await put(`${at}/networks/n`, { mtuBytes: 1280 })
    await put(`${at}/subnets/n`, { network: 'n', cidr: '192.0.2.0/24' })
    const port = `${at}/ports/p`
    const measures = [
      { name: 'PUT a port, durable', once: () => put(port, { network: 'n' }) },
      { name: 'DELETE it', once: () => rest.ask('DELETE', port) },
    ]
    const results = await measured(measures, options.requests)
    for (const hostId of options.host) {
      const spec = { network: 'n', hostId, ofport: lastWorkloadOfport }
      const realized = async (done: Promise<{ readonly status: number }>): Promise<void> => {
        if ((await done).status === 202)
          throw new RestError(202, `${hostId} has not confirmed a port within ${WAIT.timeout}`)
      }
      const onHost = [
        { name: `PUT a port, on ${hostId}`, once: () => realized(put(port, spec, WAIT)) },
        {
          name: `DELETE it, gone from ${hostId}`,
          once: () => realized(rest.ask('DELETE', port, { query: WAIT })),
        },
      ]
      results.push(...(await measured(onHost, options.requests)))
    }
    return results
  } finally {
    const own = openSession(options, AbortSignal.timeout(CLEANUP_MS))
    await own.ask('DELETE', at, { query: { cascade: 'true' } }).catch((error: unknown) => {
      if (error instanceof RestError && error.type === 'not_found') return
      const why = (error as Error).message
      process.stderr.write(`weft: tenant ${tenant} could not be deleted and may be there: ${why}\n`)
    })
  }
}

/** In turn, so that all are measured under the same load. */
async function measured(measures: readonly Measure[], requests: number): Promise<BenchResult[]> {
  const samples = measures.map((): number[] => [])
  for (let n = -WARM_UP; n < requests; n++) {
    for (const [at, { once }] of measures.entries()) {
      const began = performance.now()
      await once(n)
      if (n >= 0) samples[at]?.push(performance.now() - began)
    }
  }
  return measures.map(({ name }, at) => {
    const sorted = (samples[at] ?? []).sort((a, b) => a - b)
    const quantile = (q: number): number =>
      rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0)
    const sum = sorted.reduce((all, each) => all + each, 0)
    return {
      ...{ measure: name, requests, p50Ms: quantile(0.5), p99Ms: quantile(0.99) },
      perSecond: rounded((1000 * requests) / sum),
    }
  })
}

const rounded = (value: number): number => Math.round(value * 100) / 100

function linesOf(results: readonly BenchResult[]): string[] {
  const headings = ['measure', 'requests', 'p50 ms', 'p99 ms', 'per second']
  const rows = results.map(({ measure, requests, p50Ms, p99Ms, perSecond }) => [
    ...[measure, `${requests}`, p50Ms.toFixed(2), p99Ms.toFixed(2)],
    perSecond.toFixed(0),
  ])
  return tableLines(headings, rows)
}
