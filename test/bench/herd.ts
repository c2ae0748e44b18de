/**
 * `npm run bench -- herd`: all hosts of a site dial in at once. 10, 100 and 1,000 hosts (or as many as the arguments say) with
 * 10 ports each of the shape of the bench `compile`; the hosts are our own switches in a process of their own,
 * over sockets on loopback. Three times each: `first` they have nothing; after a `restart` (SIGKILL) they have all; and after
 * a `change` of one network while the controller was away, whose hosts are to go first. REST is asked meanwhile. No root needed.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, stdout } from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Store } from '../../controller/store/store.ts'
import { BenchSite } from './compile/site.ts'
import type { Cost } from './herd/controller.ts'
import type { HostsCost } from './herd/hosts.ts'
import { quantile } from './port-realized/statistics.ts'

const SIZES = argv.length > 2 ? argv.slice(2).map(Number) : [10, 100, 1000]
const PORTS_PER_HOST = 10
/** Ports that the change adds to one network. */
const ADDED = 10
/** So many hosts are told at a time what they have, that often. */
const [REMEMBERED_HOSTS, REMEMBERED_MS] = [200, 10_000]
const GOAL = { wall_ms: 60_000, peak_rss_mib: 2048 }
const VAIN_MS = 600_000

const by = { who: 'bench' }
const print = (line: string) => stdout.write(`${line}\n`)
const file = (name: string) => fileURLToPath(new URL(`herd/${name}.ts`, import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'weft-bench-herd-'))
const children = new Set<ChildProcess>()

function start(name: string, args: readonly (string | number)[], execArgv: string[] = []) {
  const child = fork(file(name), args.map(String), { execArgv })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

async function ask<T>(child: ChildProcess): Promise<T> {
  const answer = once(child, 'message')
  child.send('tell')
  return (await answer)[0] as T
}

/** A port that nobody has. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

async function get(url: string): Promise<{ readonly status: { readonly realized: boolean } }> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return (await response.json()) as { status: { realized: boolean } }
}

/** Asks REST until this is realized. @returns ms that it took since `since` */
async function whenRealized(url: string, since: number, pauseMs: number): Promise<number> {
  while (performance.now() - since < VAIN_MS) {
    if ((await get(url)).status.realized) return performance.now() - since
    await delay(pauseMs)
  }
  throw new Error(`${url} was not realized in ${VAIN_MS} ms`)
}

interface Result extends Cost {
  readonly bench: 'herd'
  readonly hosts: number
  readonly ports: number
  readonly herd: string
  readonly wall_ms: number
  /** Until what had changed was realized. */
  readonly changed_ms?: number
  readonly rest_p99_ms: number
  /** CPU time of the process that is all hosts, which a real site has not on the controller's machine. */
  readonly hosts_cpu_ms: number
  /** That the hosts had, by OVSDB and by OpenFlow: more than two for each, and some were cut off. */
  readonly sessions: number
  readonly load: string
}

async function measure(hosts: number): Promise<Result[]> {
  const path = join(dir, `${hosts}.store`)
  const store = Store.open(path)
  const size = { ports: hosts * PORTS_PER_HOST, hosts }
  const site = new BenchSite(size, 1, (edits) => store.commit(edits, by))
  store.close()
  const [rest, ovsdb, openflow] = [await freePort(), await freePort(), await freePort()]
  const url = `http://127.0.0.1:${rest}/v1`
  const results: Result[] = []
  const serve = async () => {
    const child = start('controller', [path, rest, ovsdb, openflow])
    await once(child, 'message')
    return child
  }
  const kill = async (child: ChildProcess) => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  /** The whole herd with a controller that has just begun to serve. @param changed what is to be realized first */
  const herd = async (name: string, controller: ChildProcess, changed?: string) => {
    const since = performance.now()
    const load = loadavg()[0] ?? Number.NaN
    const answers: number[] = []
    let lasts = true
    const asking = (async () => {
      for (let n = 0; lasts; n = (n + 1) % hosts) {
        const asked = performance.now()
        await get(`${url}/infra/hosts/h${n}`)
        answers.push(performance.now() - asked)
        await delay(100)
      }
    })()
    const one = changed === undefined ? 0 : whenRealized(`${url}/${changed}`, since, 100)
    const all = whenRealized(`${url}/tenants/wide/networks/wide`, since, 1000)
    const [wallMs, changedMs] = await Promise.all([all, one])
    lasts = false
    await asking
    const [cost, of] = [await ask<Cost>(controller), await ask<HostsCost>(machines)]
    const result: Result = {
      ...{ bench: 'herd', hosts, ports: size.ports, herd: name, wall_ms: Math.round(wallMs) },
      ...(changed !== undefined && { changed_ms: Math.round(changedMs) }),
      ...{ ...cost, rest_p99_ms: quantile(answers, 0.99), hosts_cpu_ms: of.cpu_ms },
      sessions: of.sessions,
      load: `${load.toFixed(1)} to ${(loadavg()[0] ?? Number.NaN).toFixed(1)}`,
    }
    results.push(result)
    print(formatted(result))
  }

  let controller = await serve()
  const machines = start('hosts', [hosts, ovsdb], ['--max-old-space-size=16384'])
  await herd('first', controller)
  await kill(controller)
  controller = await serve()
  await herd('restart', controller)
  // Until all hosts remember what they have.
  await delay(REMEMBERED_MS * (1 + Math.ceil(hosts / REMEMBERED_HOSTS)))
  await kill(controller)

  const again = Store.open(path)
  const network = site.networks[0] ?? site.wide
  const added = Array.from({ length: ADDED }, () => site.added(network, site.pick(network.hosts)))
  again.commit(
    added.map(({ edit }) => edit),
    by,
  )
  again.close()
  controller = await serve()
  await herd('change', controller, `tenants/${network.tenant}/networks/${network.id}`)
  print(`the hosts' process has ${(await ask<HostsCost>(machines)).rss_mib} MiB`)
  await Promise.all([kill(controller), kill(machines)])
  return results
}

const columns = [
  ...['hosts', 'ports', 'herd', 'wall_ms', 'changed_ms', 'cpu_ms', 'peak_rss_mib'],
  ...['loop_p99_ms', 'loop_max_ms', 'rest_p99_ms', 'hosts_cpu_ms', 'sessions', 'load'],
] as const satisfies (keyof Result)[]
const formatted = (of: Partial<Record<(typeof columns)[number], unknown>>) =>
  columns.map((name) => String(of[name] ?? '').padStart(name.length + 1)).join(' ')

const results: Result[] = []
try {
  print(formatted(Object.fromEntries(columns.map((name) => [name, name]))))
  for (const hosts of SIZES) results.push(...(await measure(hosts)))
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(dir, { recursive: true })
}
const missed = results.filter(
  (each) => each.wall_ms > GOAL.wall_ms || each.peak_rss_mib > GOAL.peak_rss_mib,
)
print(
  missed.length === 0
    ? 'goals met'
    : `goals missed: ${missed.map(({ hosts, herd }) => `${hosts} hosts, ${herd}`).join('; ')}`,
)
print(JSON.stringify(results))
