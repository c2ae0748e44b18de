/** The servers of `api`, each a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { cpuSeconds } from '../bulk/cpu.ts'

export interface Server {
  readonly port: number
  readonly token: string
  readonly pid: number
  /** Until /readyz said yes. */
  readonly ready: { readonly ms: number; readonly cpuMs: number }
  close(): Promise<void>
}

const WEFT = fileURLToPath(new URL('../../../bin/weft.ts', import.meta.url))
const PLAIN = fileURLToPath(new URL('plain-server.ts', import.meta.url))

/** `weft serve` with tokens on a store that is there. */
export async function serveWeft(store: string): Promise<Server> {
  const began = performance.now()
  const free = '127.0.0.1:0'
  const listen = ['--rest', free, '--ovsdb', free, '--openflow', free]
  const child = spawn(process.execPath, [WEFT, 'serve', '--store', store, ...listen], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pid = child.pid ?? 0
  for await (const line of createInterface(child.stdout)) {
    if (!line.includes('"msg":"serving"')) continue
    const { rest } = JSON.parse(line) as { readonly rest: string }
    const { status } = await fetch(`${rest}/readyz`)
    if (status !== 200) throw new Error(`/readyz: ${status}`)
    const ready = { ms: performance.now() - began, cpuMs: 1000 * cpuSeconds([pid]) }
    child.stdout.resume()
    const token = readFileSync(`${store}.operator-token`, 'utf8').trim()
    return { port: Number(new URL(rest).port), token, pid, ready, close: () => end(child) }
  }
  throw new Error('weft serve ended before it served')
}

/** Fastify that answers `object` to GET of /. */
export async function servePlain(object: string): Promise<Server> {
  const child = spawn(process.execPath, [PLAIN], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(object)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const ready = { ms: 0, cpuMs: 0 }
  const close = () => end(child)
  return { port: Number(line), token: '-', pid: child.pid ?? 0, ready, close }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}
