/** A command of a run: its output goes into the log, and it ends with the run. */
import { spawn } from 'node:child_process'
import { kill } from './libvirtd.ts'
import type { Log } from './log.ts'

const TIMEOUT_MS = 15 * 60_000
const TAIL = 3000

export interface CommandOptions {
  readonly log: Log
  readonly signal: AbortSignal
  readonly env?: Readonly<Record<string, string>>
  /** Its output is not in the log, but for its end when it fails. */
  readonly quiet?: boolean
  /** Another exit code than 0 is no error. */
  readonly mayFail?: boolean
  readonly timeoutMs?: number
}

/** @returns what it printed on both streams. @throws when it fails, takes too long, or the signal aborts */
export async function command(argv: readonly string[], options: CommandOptions): Promise<string> {
  const { log, signal, env = {}, quiet = false, mayFail = false, timeoutMs = TIMEOUT_MS } = options
  signal.throwIfAborted()
  // A group of its own: Ctrl-C is for run.ts, which ends the group as a whole. Should that be killed, so is the command.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (!quiet) log.output(chunk)
    })
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const end = (): void => {
    // What it started may have outlived it, and hold its output.
    if (child.pid !== undefined) kill(-child.pid)
  }
  ended.addEventListener('abort', end, { once: true })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  ended.removeEventListener('abort', end)
  signal.throwIfAborted()
  if (ended.aborted) throw new Error(`${argv.join(' ')}: not within ${timeoutMs / 1000} s`)
  if (code !== 0 && !mayFail)
    throw new Error(`${argv.join(' ')}: exit ${code}${quiet ? `\n${said.slice(-TAIL)}` : ''}`)
  return said
}
