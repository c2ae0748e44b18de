/**
 * Network namespaces by name, as `ip netns` keeps them below /run/netns. Links are made directly in the
 * namespaces that they join, so a lab never has an interface in the namespace of the machine.
 *
 * A process belongs to a lab when it lives in one of the lab's namespaces: that is how processes whose
 * starter died are found again (state.ts), without looking at a single name.
 */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { libc } from '../../../dataplane/ports/libc.ts'
import { NetnsError } from './error.ts'
import { RunError, run } from './run.ts'

const DIRECTORY = '/run/netns'
const CLONE_NEWNET = 0x4000_0000

/** `argv` such that it runs in the namespace; the process keeps its pid, `ip` replaces itself. */
export function within(namespace: string, argv: readonly string[]): string[] {
  return ['ip', 'netns', 'exec', namespace, ...argv]
}

/**
 * Runs `work` with this thread inside the namespace and moves back, also after an exception. Synchronous
 * work only: what it opens (a socket, a file of /proc/sys/net) stays with the namespace. `''`: where the thread is.
 */
export function inNamespace<T>(namespace: string, work: () => T): T {
  if (namespace === '') return work()
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    const there = openSync(`${DIRECTORY}/${namespace}`, 'r')
    try {
      libc().setns(there, CLONE_NEWNET)
    } finally {
      closeSync(there)
    }
    try {
      return work()
    } finally {
      libc().setns(home, CLONE_NEWNET)
    }
  } finally {
    closeSync(home)
  }
}

/** Makes the namespaces and keeps them silent: no IPv6 (its stray frames), no firewall on bridges. */
export async function addNamespaces(
  namespaces: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  await ipBatch(
    undefined,
    namespaces.map((namespace) => `netns add ${namespace}`),
    signal,
  )
  for (const namespace of namespaces) inNamespace(namespace, silence)
}

const SILENT_SETTINGS: readonly (readonly [file: string, value: string])[] = [
  ['/proc/sys/net/ipv6/conf/all/disable_ipv6', '1'],
  ['/proc/sys/net/ipv6/conf/default/disable_ipv6', '1'],
  ['/proc/sys/net/bridge/bridge-nf-call-arptables', '0'],
  ['/proc/sys/net/bridge/bridge-nf-call-iptables', '0'],
  ['/proc/sys/net/bridge/bridge-nf-call-ip6tables', '0'],
]

/** A kernel without IPv6 or bridge netfilter lacks the file and is silent anyway. */
function silence(): void {
  for (const [file, value] of SILENT_SETTINGS) if (existsSync(file)) writeFileSync(file, value)
}

/** Runs lines of `ip -batch` inside a namespace (undefined: the machine's); stops at the first error. */
export async function ipBatch(
  namespace: string | undefined,
  lines: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  if (lines.length === 0) return
  const where = namespace === undefined ? [] : ['-n', namespace]
  try {
    await run(['ip', ...where, '-batch', '-'], { input: `${lines.join('\n')}\n`, signal })
  } catch (error) {
    const at =
      error instanceof RunError ? /Command failed -:(\d+)/.exec(error.stderr)?.[1] : undefined
    if (at === undefined) throw error
    throw new NetnsError(`ip ${[...where, lines[Number(at) - 1]].join(' ')}`, { cause: error })
  }
}

/** Names of the namespaces that start with `prefix`. */
export function namespacesNamed(prefix: string): string[] {
  if (!existsSync(DIRECTORY)) return []
  return readdirSync(DIRECTORY).filter((name) => name.startsWith(prefix))
}

/** Pids of the processes that live in one of the namespaces; never this process. */
export function processesIn(namespaces: readonly string[]): number[] {
  const links = new Set<string>()
  for (const namespace of namespaces) {
    const stat = statSync(`${DIRECTORY}/${namespace}`, { throwIfNoEntry: false })
    if (stat !== undefined) links.add(`net:[${stat.ino}]`)
  }
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.filter((pid) => pid !== process.pid && links.has(networkOf(pid)))
}

/** `net:[4026531840]`, or '' for a process that is gone (also a zombie). */
function networkOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return ''
  }
}

const END_TIMEOUT_MS = 5000
const END_POLL_MS = 5

/** Ends every process that lives in the namespaces (SIGKILL, by pid) and removes them with their links. */
export async function removeNamespaces(namespaces: readonly string[]): Promise<void> {
  const deadline = performance.now() + END_TIMEOUT_MS
  for (;;) {
    const pids = processesIn(namespaces)
    if (pids.length === 0) break
    if (performance.now() > deadline)
      throw new NetnsError(`processes ${pids.join(', ')} do not end`)
    for (const pid of pids) endProcess(pid)
    await delay(END_POLL_MS)
  }
  const present = namespaces.filter((namespace) => existsSync(`${DIRECTORY}/${namespace}`))
  if (present.length === 0) return
  const lines = present.map((namespace) => `netns del ${namespace}`)
  try {
    await run(['ip', '-force', '-batch', '-'], { input: `${lines.join('\n')}\n` })
  } catch (error) {
    // Two labs may find the same dead lab; only what is still there is an error.
    const left = present.filter((namespace) => existsSync(`${DIRECTORY}/${namespace}`))
    if (!(error instanceof RunError) || left.length > 0) throw error
  }
}

/** SIGKILL; a process that is already gone is what was wanted. */
export function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
