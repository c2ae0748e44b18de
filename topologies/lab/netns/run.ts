/**
 * Commands of the operating system. Everything that the netns lab does to the machine goes through
 * `run` (a command that ends by itself) or `launch` (one that runs until somebody ends it).
 * namespace.ts puts `ip netns exec NAME` in front where a command belongs into a namespace.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'

/** Options of a command that ends by itself. */
export interface RunOptions {
  /** Ends the command (SIGKILL); once it is gone the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Text for its standard input. */
  readonly input?: string
  /** Milliseconds; a command that takes longer is ended. Default 30,000. */
  readonly timeoutMs?: number
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/** What a command printed. */
export interface Output {
  readonly stdout: string
  readonly stderr: string
}

/** A command that could not be started, was ended by a signal or exited with another code than 0. */
export class RunError extends Error {
  readonly argv: readonly string[]
  /** Undefined when the command was ended by a signal or never ran. */
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string

  constructor(argv: readonly string[], cause: Error & { code?: unknown }, output: Output) {
    const code = typeof cause.code === 'number' ? cause.code : undefined
    const said = output.stderr.trim() || output.stdout.trim() || cause.message
    super(
      `${argv.join(' ')}: ${code === undefined ? 'failed' : `exit ${code}`}: ${said}`,
      code === undefined ? { cause } : {},
    )
    this.name = 'RunError'
    this.argv = argv
    this.exitCode = code
    this.stdout = output.stdout
    this.stderr = output.stderr
  }
}

/** Where commands are looked for: daemons live in sbin, which not every root has on its PATH. */
export const SEARCH_PATH = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`

const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024

/** Runs a command to its end; rejects with RunError unless it exits with 0. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const { promise, resolve, reject } = Promise.withResolvers<Output>()
  if (options.signal?.aborted) return Promise.reject(options.signal.reason)
  const [file = '', ...args] = argv
  const child = execFile(
    file,
    args,
    {
      encoding: 'utf8',
      maxBuffer: OUTPUT_LIMIT_BYTES,
      timeout: options.timeoutMs ?? 30_000,
      env: { ...process.env, PATH: SEARCH_PATH, ...options.env },
    },
    (error, stdout, stderr) => {
      options.signal?.removeEventListener('abort', abort)
      if (error === null) resolve({ stdout, stderr })
      else if (options.signal?.aborted) reject(options.signal.reason)
      else reject(new RunError(argv, error, { stdout, stderr }))
    },
  )
  const abort = (): void => void child.kill('SIGKILL')
  options.signal?.addEventListener('abort', abort, { once: true })
  if (options.input !== undefined && child.stdin !== null) {
    // A command that exits before it read everything reports through its exit code, not through EPIPE.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input)
  }
  return promise
}

/** Options of a command that runs until it is ended. */
export interface LaunchOptions {
  readonly env?: Readonly<Record<string, string>>
  /** File descriptor for its standard output and error; absent: pipes, to be read by the caller. */
  readonly output?: number
}

/**
 * Starts a command in a session of its own, so that the Ctrl-C that ends a lab does not reach it first.
 * Listen for 'error' when the command may be missing.
 */
export function launch(argv: readonly string[], options: LaunchOptions = {}): ChildProcess {
  const [file = '', ...args] = argv
  const output = options.output ?? 'pipe'
  return spawn(file, args, {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...process.env, PATH: SEARCH_PATH, ...options.env },
  })
}

/** Resolves once a launched command has ended, at once when it already has. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
    return Promise.resolve()
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  child.once('exit', () => resolve())
  return promise
}
