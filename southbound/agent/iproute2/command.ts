/**
 * Other people's programs: ip, bridge and nft, run to their end with a text on standard input, or left
 * running and listened to. No shell; the arguments are ours.
 */
import { spawn } from 'node:child_process'

export interface Outcome {
  /** undefined: it could not be started, or was ended by a signal. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

const TIMEOUT_MS = 30_000

/** Rejects only with the signal's reason. */
export async function run(
  argv: readonly [string, ...string[]],
  { input = '', signal }: { input?: string; signal?: AbortSignal | undefined } = {},
): Promise<Outcome> {
  signal?.throwIfAborted()
  const [program, ...args] = argv
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  const out: string[] = []
  const err: string[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text))
  child.stdin.on('error', () => {}) // it may end before it has read all
  child.stdin.end(input)
  const code = await new Promise<number | undefined>((resolve) => {
    child.once('error', (error) => {
      err.push(error.message)
      resolve(undefined)
    })
    child.once('close', (code) => resolve(code ?? undefined))
  })
  signal?.throwIfAborted()
  return { code, stdout: out.join(''), stderr: err.join('') }
}

const RESTART_MS = 1000

/** Runs it until stopped, again when it ends; calls with whatever it prints. Returns how to stop. */
export function follow(
  argv: readonly [string, ...string[]],
  heard: (text: string) => void,
): () => void {
  const [program, ...args] = argv
  let stopped = false
  let stop = () => {}
  const start = () => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    child.stdout.setEncoding('utf8').on('data', heard)
    child.on('error', () => {}) // 'close' follows
    child.once('close', () => {
      if (stopped) return
      const timer = setTimeout(start, RESTART_MS)
      timer.unref()
      stop = () => clearTimeout(timer)
    })
    stop = () => void child.kill()
  }
  start()
  return () => {
    stopped = true
    stop()
  }
}
