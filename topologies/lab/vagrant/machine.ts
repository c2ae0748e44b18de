/**
 * A machine of a Vagrant lab from here: one ssh session with the program of far.ts at the other end, and what it can do there
 * as root. Neighbours: messages.ts (what is said), eyes.ts (frames that it sees), ssh.ts (how to get there).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import type { Tap, Unsubscribe } from '../lab.ts'
import { NetnsError } from '../netns/error.ts'
import type { Place } from '../netns/raw-socket.ts'
import { type Output, RunError, type RunOptions } from '../netns/run.ts'
import type { Running } from '../real.ts'
import { type Answer, type EyeLine, openTap, openWatch, type TapPlace } from './eyes.ts'
import { decoder, encodeMessage, type Reply, type Request } from './messages.ts'
import type { SshConfig } from './ssh.ts'

export type Signals = 'SIGINT' | 'SIGTERM' | 'SIGKILL'

/** In place of an exit code, of what a signal has ended. */
const KILLED = 128
const START_TIMEOUT_MS = 120_000
/** Commands take ten times as long where a processor is emulated. */
const RUN_TIMEOUT_MS = 300_000
/** What V8 has made of the program is kept: seconds of an emulated processor. */
const COMPILED = 'NODE_COMPILE_CACHE=/var/cache/weft'
const FAR = '/weft/topologies/lab/vagrant/far.ts'

export interface Machine {
  readonly name: string
  /** A command as root; rejects with RunError unless it exits with 0. */
  run(argv: readonly string[], options?: RunOptions): Promise<Output>
  /** A command that runs until it is ended. */
  launch(argv: readonly string[]): Running
  /** Resolves when frames are being seen. */
  tap(place: TapPlace, listener: (frame: Uint8Array) => void): Promise<Unsubscribe>
  /** A device as a place to watch both ways, with the times of the machine's own clock. */
  watch(place: Place): Tap['open']
  /** Puts a frame on the wire of a device; what cannot leave is told by `onFault`. */
  send(namespace: string, device: string, frame: Uint8Array): void
  close(): Promise<void>
}

const NONE = new Uint8Array(0)

/** @param onFault what nobody waits for went wrong: the session ended, a frame did not leave */
export async function openMachine(
  name: string,
  ssh: SshConfig,
  options: { readonly signal?: AbortSignal | undefined; readonly onFault: (error: Error) => void },
): Promise<Machine> {
  const remote = ['sudo', 'env', COMPILED, '/usr/local/bin/node', FAR]
  const child = spawn('ssh', [...ssh.arguments(name), remote.join(' ')], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  const waiting = new Map<number, Answer>()
  let [last, said, isClosed] = [0, '', false]
  /** Why, without the name. */
  let over: string | undefined
  const gone = Promise.withResolvers<void>()
  const ready = Promise.withResolvers<void>()
  waiting.set(0, () => ready.resolve())

  const fail = (why: string) => {
    if (over) return
    over = `${why}${said === '' ? '' : `: ${said.trim()}`}`
    const error = new NetnsError(`${name}: ${over}`)
    ready.reject(error)
    for (const [id, answer] of [...waiting])
      if (id > 0) answer({ is: 'error', id, error: over }, NONE)
    if (!isClosed) options.onFault(error)
  }
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-4000)
  })
  child.stdin.on('error', () => {})
  child.on('error', ({ message }) => fail(message))
  child.on('close', () => {
    gone.resolve()
    fail('its session has ended')
  })
  const end = () => void child.kill('SIGKILL')
  const take = decoder<Reply>((reply, bytes) => {
    const answer = waiting.get(reply.id)
    if (answer) answer(reply, bytes)
    else if (reply.is === 'error') options.onFault(new NetnsError(`${name}: ${reply.error}`))
  })
  child.stdout.on('data', (chunk: Buffer) => {
    if (over) return
    try {
      take(chunk)
    } catch (error) {
      if (!(error instanceof NetnsError)) throw error
      fail(error.message)
      end()
    }
  })
  const ask = (request: Request, bytes?: Uint8Array) => {
    const { id } = request
    const error = over
    if (error === undefined) child.stdin.write(encodeMessage(request, bytes))
    else queueMicrotask(() => waiting.get(id)?.({ is: 'error', id, error }, NONE))
  }
  const timer = setTimeout(() => {
    fail(`does not answer after ${START_TIMEOUT_MS / 1000} s`)
    end()
  }, START_TIMEOUT_MS)
  const abort = () => {
    ready.reject(options.signal?.reason)
    end()
  }
  options.signal?.addEventListener('abort', abort, { once: true })
  if (options.signal?.aborted) abort()
  try {
    await ready.promise
  } catch (error) {
    isClosed = true
    end()
    await gone.promise
    throw error
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', abort)
  }

  const line: EyeLine = { name, newId: () => ++last, answers: waiting, ask }
  return {
    name,
    run: (argv, { input, timeoutMs = RUN_TIMEOUT_MS, env = {}, signal } = {}) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const id = ++last
        const stop = () => ask({ do: 'kill', id, signal: 'SIGKILL' })
        signal?.addEventListener('abort', stop, { once: true })
        const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`)
        const whole = settings.length > 0 ? ['env', ...settings, ...argv] : argv
        waiting.set(id, (reply) => {
          waiting.delete(id)
          signal?.removeEventListener('abort', stop)
          const isDone = reply.is === 'ran' && reply.code === 0
          if (signal?.aborted && !isDone) return reject(signal.reason)
          if (reply.is === 'error') return reject(new NetnsError(`${name}: ${reply.error}`))
          if (reply.is !== 'ran') return
          const { stdout, stderr, code, error = '' } = reply
          if (isDone) return resolve({ stdout, stderr })
          const cause: Error & { code?: unknown } = new Error(error)
          if (code !== undefined) cause.code = code
          reject(new RunError([`${name}:`, ...argv], cause, { stdout, stderr }))
        })
        ask({ do: 'run', id, argv: whole, input, timeoutMs })
      }),
    launch(argv) {
      const id = ++last
      const running = launched((signal) => ask({ do: 'kill', id, signal }))
      waiting.set(id, (reply, bytes) => {
        if (reply.is === 'output') running[reply.stream].write(bytes)
        if (reply.is !== 'exit' && reply.is !== 'error') return
        waiting.delete(id)
        running.ended(reply.is === 'exit' ? reply.code : 127)
      })
      ask({ do: 'launch', id, argv })
      return running
    },
    tap: (place, listener) => openTap(line, place, listener),
    watch: (place) => openWatch(line, place),
    send(namespace, device, frame) {
      ask({ do: 'send', id: ++last, namespace, device }, frame)
    },
    async close() {
      isClosed = true
      child.stdin.end()
      await settled(child, gone.promise)
    },
  }
}

/** A process there, with the events and streams of one here. */
function launched(kill: (signal: Signals) => void) {
  const events = new EventEmitter()
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const own = {
    ...{ stdout, stderr, signalCode: null, exitCode: null as number | null },
    kill(signal: Signals = 'SIGTERM') {
      kill(signal)
      return true
    },
    ended(code: number | null) {
      running.exitCode = code ?? KILLED
      stdout.end()
      stderr.end()
      events.emit('exit', code)
      events.emit('close', code)
    },
  }
  const running = Object.assign(events, own)
  return running
}

/** Its input has ended and so does it; one that does not is ended. */
async function settled(child: ChildProcess, gone: Promise<void>): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await gone
  clearTimeout(timer)
}
