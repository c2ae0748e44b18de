/**
 * `npm run bench -- api [ROUNDS] [PORTS]`: requests a second over HTTP with 100,000 ports in the store, by 1, 16 and 64 connections, p50 and p99;
 * and how long `weft serve` takes from that store until /readyz says yes. No root needed.
 *
 * Controller, load and peer are processes of their own; the token is an operator's, whom no limit holds up. Reads stand beside
 * fastify that answers one object of the same JSON, writes beside what the disk gives: SQLite inserts of a journal row's
 * size, a transaction with an fsync each. Every measure in turn, several rounds, medians.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { stepsTo } from '../../topologies/lab/report.ts'
import type { Job, Report } from './api/client.ts'
import { type Operation, operations } from './api/operations.ts'
import { type Server, servePlain, serveWeft } from './api/servers.ts'
import { makeSite, placePorts } from './api/site.ts'
import { cpuSeconds } from './bulk/cpu.ts'
import { quantile } from './port-realized/statistics.ts'

const CONNECTIONS = [1, 16, 64] as const
const ROUNDS = Number(process.argv[2] ?? 3)
/** A smaller site, for a machine that has little time. */
const PORTS = Number(process.argv[3] ?? 100_000)
const MS = 1000

const GOAL_START_MS = 5000
const ROW_BYTES = 400

const print = (line: string) => process.stdout.write(`${line}\n`)
const step = stepsTo(print, () => performance.now())
const median = (values: readonly number[]): number => quantile(values, 0.5)
const dir = mkdtempSync(join(tmpdir(), 'weft-bench-api-'))
let runs = 0

/** Of the peer. */
type Beside = Pick<Measured, 'per_second' | 'cpu_us'>

interface Measured extends Report {
  /** CPU time of the server for a request. */
  readonly cpu_us: number
}

async function load(
  server: Server,
  job: Omit<Job, 'port' | 'token' | 'run' | 'ports'>,
): Promise<Measured> {
  const { port, token, pid } = server
  const client = fileURLToPath(new URL('api/client.ts', import.meta.url))
  const child = spawn(process.execPath, [client], { stdio: ['pipe', 'pipe', 'inherit'] })
  const before = cpuSeconds([pid])
  child.stdin.end(JSON.stringify({ ...job, port, token, run: runs++, ports: PORTS } satisfies Job))
  const answer = await text(child.stdout)
  if (answer === '') throw new Error(`${job.operation}: the client ended without a report`)
  const report = JSON.parse(answer) as Report
  return { ...report, cpu_us: (1e6 * (cpuSeconds([pid]) - before)) / report.requests }
}

/** Inserts a second. */
function plainWrites(): number {
  const database = new DatabaseSync(join(dir, `plain${runs++}.db`))
  database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (entry TEXT)')
  const insert = database.prepare('INSERT INTO t VALUES (?)')
  const row = 'x'.repeat(ROW_BYTES)
  const began = performance.now()
  let count = 0
  for (; performance.now() - began < MS / 2; count++) insert.run(row)
  database.close()
  return (1000 * count) / (performance.now() - began)
}

async function starts(name: string, path: string): Promise<object> {
  const ready: Server['ready'][] = []
  for (let n = 0; n < ROUNDS; n++) {
    const server = await serveWeft(path)
    ready.push(server.ready)
    await server.close()
  }
  const result = {
    ...{ bench: 'api', start: name, mb: Math.round(statSync(path).size / 1e6) },
    ready_ms: Math.round(median(ready.map(({ ms }) => ms))),
    ready_cpu_ms: Math.round(median(ready.map(({ cpuMs }) => cpuMs))),
  }
  const late = result.ready_cpu_ms > GOAL_START_MS ? `, over the goal of ${GOAL_START_MS} ms` : ''
  step(`${name}: ready after ${result.ready_ms} ms, ${result.ready_cpu_ms} ms of CPU time${late}`)
  return result
}

async function bodyOf(server: Server, operation: Operation): Promise<string> {
  const { path } = operation.request(0, 0, PORTS)
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    headers: { authorization: `Bearer ${server.token}` },
  })
  return response.text()
}

async function measured(server: Server, operation: Operation): Promise<object[]> {
  const { name, peer } = operation
  const plain = peer === 'plain' ? await servePlain(await bodyOf(server, operation)) : undefined
  const ours = new Map(CONNECTIONS.map((connections) => [connections, [] as Measured[]]))
  const theirs = new Map(CONNECTIONS.map((connections) => [connections, [] as Beside[]]))
  try {
    // To warm up.
    for (const each of plain ? [server, plain] : [server])
      await load(each, {
        operation: name,
        connections: 16,
        ms: MS,
        ...(each === plain && { path: '/' }),
      })
    for (let round = 0; round < ROUNDS; round++) {
      for (const connections of CONNECTIONS) {
        const job = { operation: name, connections, ms: MS }
        const report = await load(server, job)
        const beside: Beside =
          plain !== undefined
            ? await load(plain, { ...job, path: '/' })
            : { per_second: peer === 'fsync' ? plainWrites() : Number.NaN, cpu_us: Number.NaN }
        ours.get(connections)?.push(report)
        theirs.get(connections)?.push(beside)
      }
    }
  } finally {
    await plain?.close()
  }
  return CONNECTIONS.map((connections) => {
    const rounds = ours.get(connections) ?? []
    const beside = theirs.get(connections) ?? []
    const of = (name: keyof Measured) => median(rounds.map((report) => report[name]))
    const peerOf = (name: keyof Beside) => Math.round(median(beside.map((each) => each[name])))
    const result = {
      ...{ bench: 'api', operation: name, connections, per_second: Math.round(of('per_second')) },
      ...{ p50_ms: of('p50_ms'), p99_ms: of('p99_ms'), cpu_us: Math.round(of('cpu_us')) },
      ...(peer && { peer, peer_per_second: peerOf('per_second') }),
      ...(peer === 'plain' && { peer_cpu_us: peerOf('cpu_us') }),
    }
    const { per_second, p50_ms, p99_ms, cpu_us } = result
    const ofPeer = [peer ?? '', result.peer_per_second ?? '', result.peer_cpu_us ?? '']
    row(name, connections, per_second, p50_ms, p99_ms, cpu_us, ...ofPeer)
    return result
  })
}

const widths = [18, 12, 10, 8, 8, 12, 6, 10, 6]
const row = (...cells: readonly (string | number)[]): void => {
  const texts = cells.map((cell, at) => {
    const width = widths[at] ?? 0
    return at === 0 ? String(cell).padEnd(width) : String(cell).padStart(width + 1)
  })
  print(texts.join(''))
}

const results: object[] = []
try {
  const path = join(dir, 'site.db')
  await makeSite(path, PORTS)
  step(`a store of ${PORTS} ports, each a revision of its own`)
  results.push(await starts('ports that are nowhere yet', path))
  placePorts(path, PORTS)
  results.push(await starts('ports on 1,000 hosts', path))
  const server = await serveWeft(path)
  try {
    row('', 'connections', 'a second', 'p50 ms', 'p99 ms', 'CPU us', 'peer', 'a second', 'CPU us')
    for (const operation of operations) results.push(...(await measured(server, operation)))
    const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]
    print(
      `\nload ${loadavg()[0]?.toFixed(1)}; the controller has ${Math.round(Number(rss) / 1024)} MiB`,
    )
  } finally {
    await server.close()
  }
} finally {
  rmSync(dir, { recursive: true })
}
print(JSON.stringify(results))
