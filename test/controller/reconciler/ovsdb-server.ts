/** A real ovsdb-server that dials nobody: the test joins its socket to a controller in this process. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { until } from './site.ts'

const run = promisify(execFile)

export interface RealServer {
  readonly socket: string
  /** A transaction as JSON; gives its results. Rejects when an operation of it is refused. */
  transact(database: string, ...operations: readonly object[]): Promise<readonly Result[]>
  /** As a host that dials: for TestSite.dialFrom. */
  accept(duplex: Duplex): void
  close(): Promise<void>
}
interface Result {
  readonly rows?: readonly Readonly<Record<string, unknown>>[]
  readonly error?: string
}

/** @param schemas as JSON; each becomes a database of the server */
export async function startServer(
  ...schemas: readonly { readonly name: string }[]
): Promise<RealServer> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-ovsdb-'))
  const socket = join(directory, 'db.sock')
  const files: string[] = []
  for (const schema of schemas) {
    const file = join(directory, schema.name)
    writeFileSync(`${file}.ovsschema`, JSON.stringify(schema))
    await run('ovsdb-tool', ['create', `${file}.db`, `${file}.ovsschema`])
    files.push(`${file}.db`)
  }
  const own = [`--remote=punix:${socket}`, `--unixctl=${join(directory, 'ctl')}`, '-vconsole:off']
  const server = spawn('ovsdb-server', [...files, ...own], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const client = (...args: string[]) => run('ovsdb-client', ['--timeout=10', ...args])
  await until('the server listens', () => listens(socket))
  return {
    socket,
    async transact(database, ...operations) {
      const request = JSON.stringify([database, ...operations])
      const { stdout } = await client('transact', `unix:${socket}`, request)
      const results: readonly Result[] = JSON.parse(stdout)
      const refused = results.find((result) => result?.error !== undefined)
      if (refused) throw new Error(JSON.stringify(refused))
      return results
    },
    accept(duplex) {
      const stream = connect(socket)
      duplex.pipe(stream).pipe(duplex)
      stream.on('error', () => duplex.destroy())
      duplex.once('close', () => stream.destroy())
      stream.once('close', () => duplex.destroy())
    },
    async close() {
      server.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The socket is in the folder some time before anybody may dial it. */
async function listens(path: string): Promise<boolean> {
  const stream = connect(path)
  try {
    await once(stream, 'connect')
    return true
  } catch {
    return false
  } finally {
    stream.destroy()
  }
}
