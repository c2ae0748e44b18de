/**
 * What `weft serve` has acknowledged survives kill -9, wherever in a write it strikes. The controller is the real one, as a
 * process of its own, and kills itself at the hooks of the store (WEFT_KILL_AT) or is killed from here at random.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { writePoints } from '../../controller/store/hooks.ts'
import { Store } from '../../controller/store/store.ts'
import { smallSite } from '../controller/model/site.ts'
import { contents, replay } from '../controller/store/replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-kill-'))
const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** What the clients know: the last acknowledged answer of each port, and the writes in flight. */
interface Ledger {
  readonly acknowledged: Map<string, object | undefined>
  readonly inFlight: Map<string, 'put' | 'delete'>
  acknowledgedWrites: number
}

const weft = fileURLToPath(new URL('../../bin/weft.ts', import.meta.url))
const nowhere = '127.0.0.1:0'

/** Starts the controller on this file; resolves when it serves. */
async function serve(
  path: string,
  killAt?: string,
): Promise<{ child: ChildProcess; rest: string }> {
  const rest = join(folder, 'rest.sock')
  const listen = ['--no-auth', '--rest', `unix:${rest}`, '--ovsdb', nowhere, '--openflow', nowhere]
  const { WEFT_KILL_AT: _, ...inherited } = process.env
  const child = spawn(process.execPath, [weft, 'serve', '--store', path, ...listen], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...inherited, WEFT_LOG: 'info', ...(killAt ? { WEFT_KILL_AT: killAt } : {}) },
  })
  children.add(child)
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    if (!line.includes('"serving"')) continue
    child.stdout?.resume()
    return { child, rest }
  }
  throw new Error(`weft serve ended with ${child.exitCode} before it served`)
}

/** One request over the unix socket. Rejects when the connection ends without an answer. */
function call(
  socketPath: string,
  { method, path, body }: { method: string; path: string; body?: string },
): Promise<{ status: number | undefined; answer: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const asked = request({ socketPath, method, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => reject(new Unanswered()))
      response.on('end', () => {
        if (!response.complete) return reject(new Unanswered())
        resolve({ status: response.statusCode, answer: JSON.parse(`${Buffer.concat(chunks)}`) })
      })
    })
    asked.on('error', () => reject(new Unanswered()))
    asked.end(body)
  })
}

/** The controller was killed before it answered. */
class Unanswered extends Error {}

/** Puts ports one by one, deletes every fourth again; ends with the first write without answer. */
async function client(rest: string, name: string, ledger: Ledger): Promise<void> {
  for (let n = 0; ; n++) {
    const port = `${name}-${n - (n % 4 === 3 ? 1 : 0)}`
    const method = n % 4 === 3 ? 'DELETE' : 'PUT'
    const body = method === 'PUT' ? { body: '{"network":"web"}' } : {}
    ledger.inFlight.set(port, method === 'PUT' ? 'put' : 'delete')
    try {
      const path = `/v1/tenants/acme/ports/${port}`
      const { status, answer } = await call(rest, { method, path, ...body })
      if (status !== (method === 'PUT' ? 201 : 200)) throw new Error(JSON.stringify(answer))
      const { status: _, ...object } = answer
      ledger.acknowledged.set(port, method === 'PUT' ? object : undefined)
      ledger.inFlight.delete(port)
      ledger.acknowledgedWrites++
    } catch (error) {
      if (error instanceof Unanswered) return
      throw error
    }
  }
}

/** Reopens the file as the next controller would, and compares it with what the clients know. */
function inspect(
  path: string,
  ledger: Ledger,
): { lost: string[]; unasked: string[]; unanswered: number } {
  const store = Store.open(path)
  expect(replay(store)).toBe(contents(store.snapshot))
  const ports = store.snapshot.list('port')
  const lost = [...ledger.acknowledged].filter(([port, object]) => {
    const kept = ports.get(`acme/${port}`)
    if (ledger.inFlight.get(port) === 'delete' && kept === undefined) return false
    return JSON.stringify(kept) !== JSON.stringify(object)
  })
  const known = new Set([...ledger.acknowledged.keys(), ...ledger.inFlight.keys(), 'vm1'])
  const unasked = [...ports.keys()].filter((key) => !known.has(key.slice('acme/'.length)))
  const unanswered = [...ledger.inFlight].filter(
    ([port, what]) => ports.has(`acme/${port}`) === (what === 'put'),
  ).length
  store.close()
  return { lost: lost.map(([port]) => port), unasked, unanswered }
}

test('kill -9 at every point of a write, and at random, loses no acknowledged write and leaves none half', async () => {
  const path = join(folder, 'site.db')
  const store = Store.open(path)
  store.commit(
    smallSite.map((edit) =>
      edit.key === 'acme/web' && edit.collection === 'subnet'
        ? { ...edit, spec: { network: 'web', cidr: '10.0.0.0/16' } }
        : edit,
    ),
    { who: 'test' },
  )
  store.close()

  const ledger: Ledger = { acknowledged: new Map(), inFlight: new Map(), acknowledgedWrites: 0 }
  const strikes = writePoints.flatMap((point) => [`${point}:131`, `${point}:97`])
  const plan = [...strikes, ...Array<undefined>(4)]
  for (const [round, killAt] of plan.entries()) {
    const { child, rest } = await serve(path, killAt)
    const exit = once(child, 'exit')
    const clients = [0, 1, 2, 3].map((n) => client(rest, `r${round}c${n}`, ledger))
    if (!killAt) setTimeout(() => child.kill('SIGKILL'), 100 + Math.random() * 400)
    await Promise.all(clients)
    expect(await exit).toEqual([null, 'SIGKILL'])
    children.delete(child)
    const { lost, unasked, unanswered } = inspect(path, ledger)
    expect({ killAt, lost, unasked }).toEqual({ killAt, lost: [], unasked: [] })
    // Of the write that met the kill: not there before the commit, there after it.
    const struck = killAt?.replace(/:.*/, '')
    if (struck === 'before-write' || struck === 'after-write') expect(unanswered).toBe(0)
    if (struck === 'after-fsync' || struck === 'before-reply') expect(unanswered).toBeGreaterThan(0)
    ledger.inFlight.clear()
    settle(path, ledger)
  }
  console.info(
    `${ledger.acknowledgedWrites} acknowledged writes, ${ledger.acknowledged.size} ports, ${plan.length} kills`,
  )
  expect(ledger.acknowledgedWrites).toBeGreaterThan(1000)
}, 120_000)

/** Writes that were kept without an answer are what the next round starts from. */
function settle(path: string, ledger: Ledger): void {
  const store = Store.open(path)
  for (const [key, port] of store.snapshot.list('port')) {
    if (key !== 'acme/vm1') ledger.acknowledged.set(key.slice('acme/'.length), port)
  }
  for (const port of ledger.acknowledged.keys()) {
    if (!store.snapshot.get('port', `acme/${port}`)) ledger.acknowledged.set(port, undefined)
  }
  store.close()
}
