/** The libvirtd of a run (topologies/vagrant/libvirtd.sh): started, entered, and ended with all that came of it. */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Log } from './log.ts'

const SCRIPT = fileURLToPath(new URL('../../topologies/vagrant/libvirtd.sh', import.meta.url))
const START_TIMEOUT_MS = 60_000
const END_TIMEOUT_MS = 30_000
const POLL_MS = 50

export interface Libvirtd {
  /** For vagrant: LIBVIRT_DEFAULT_URI. */
  readonly uri: string
  /** In front of a command that is to be on its network. */
  readonly inside: readonly string[]
  /** Ends it, its machines, and whatever else is on its network. @returns what is still there */
  close(): Promise<readonly string[]>
}

export async function openLibvirtd(
  folder: string,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<Libvirtd> {
  // Should this process be killed, all that is below goes with it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', SCRIPT, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', log.output)
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const file = join(folder, 'pid')
  let network = ''
  /** While it is open no other namespace gets the number. */
  let held: number | undefined
  const close = async (): Promise<readonly string[]> => {
    child.kill('SIGTERM')
    const deadline = performance.now() + END_TIMEOUT_MS
    // Its own processes end with the namespace; a session that was in the middle of something is ended by its pid.
    for (let left = processesOn(network); left.length > 0; left = processesOn(network)) {
      if (performance.now() > deadline) return left.map((pid) => `process ${pid}`)
      for (const pid of left) kill(pid)
      await delay(POLL_MS)
    }
    if (held !== undefined) closeSync(held)
    await gone
    return mountsOf(folder)
  }
  try {
    const deadline = performance.now() + START_TIMEOUT_MS
    while (!existsSync(file) || !existsSync(join(folder, 'libvirt-sock'))) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error('libvirtd does not start')
      await delay(POLL_MS, undefined, { signal })
    }
    const pid = readFileSync(file, 'utf8').trim()
    held = openSync(`/proc/${pid}/ns/net`, 'r')
    network = readlinkSync(`/proc/self/fd/${held}`)
    return {
      uri: `qemu+unix:///system?socket=${join(folder, 'libvirt-sock')}`,
      inside: ['nsenter', `--net=/proc/${pid}/ns/net`],
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function processesOn(network: string): number[] {
  if (network === '') return []
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid && networkOf(pid) === network)
}

/** '' of a process that is gone. */
function networkOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return ''
  }
}

/** @param pid of a process, or of a group with a minus; that it is gone already is no error */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const mountsOf = (folder: string): string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => (line.includes(folder) ? [`mount ${line.split(' ')[1]}`] : []))
