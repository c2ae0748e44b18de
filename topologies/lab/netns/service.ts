/**
 * A program of a host that stays in the foreground: started in the host's namespace, ready once it says so, ended by the pid
 * that it has. Neighbours: weft-switch.ts, vtep-host.ts; Open vSwitch's daemons go to the background (ovs-daemons.ts).
 */
import type { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { NetnsError } from './error.ts'
import { within } from './namespace.ts'
import { ended, launch } from './run.ts'

const START_TIMEOUT_MS = 20_000
const POLL_MS = 20
const LOG_TAIL = 4000

export interface Service {
  /** Undefined while it is down. */
  readonly pid: number | undefined
  /** Standard output and error of all its lives. */
  log(): string
  /** Starts it; resolves when it has said `ready` since. Rejects with its last words when it ends instead. */
  start(argv: readonly string[], options: ServiceStart): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

export interface ServiceStart {
  readonly ready: string
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

export function service(namespace: string, logFile: string): Service {
  let child: ChildProcess | undefined
  const log = (): string => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
  const isRunning = (): boolean => child?.exitCode === null && child.signalCode === null
  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL')
    if (child !== undefined) await ended(child)
    child = undefined
  }
  return {
    get pid() {
      return isRunning() ? child?.pid : undefined
    },
    log,
    kill,
    async start(argv, { ready, env = {}, signal }) {
      await kill()
      const before = log().length
      const output = openSync(logFile, 'a', 0o600)
      child = launch(within(namespace, argv), { output, env })
      closeSync(output)
      const deadline = performance.now() + START_TIMEOUT_MS
      while (!log().slice(before).includes(ready)) {
        if (!isRunning() || performance.now() > deadline) {
          const what = isRunning() ? 'is not ready' : 'ended'
          throw new NetnsError(`${argv.join(' ')} ${what}:\n${log().slice(-LOG_TAIL)}`)
        }
        await delay(POLL_MS, undefined, { ...(signal && { signal }) })
      }
    },
  }
}
