/**
 * The controller of a netns lab: `weft serve`, a process of its own in a namespace of its own, reached by
 * the hosts over the management network and by everybody else through relay.ts.
 */
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { PkiFolder } from '../../../controller/tls/pki-folder.ts'
import { formatIpv4 } from '../../../southbound/wire/address.ts'
import { NetnsError } from './error.ts'
import { within } from './namespace.ts'
import type { SitePlan } from './plan.ts'
import { openRelay } from './relay.ts'
import { ended, launch } from './run.ts'

const OVSDB_PORT = 6640
const OPENFLOW_PORT = 6653
const START_TIMEOUT_MS = 20_000
const POLL_MS = 10
const LOG_TAIL_BYTES = 4000
const WEFT = fileURLToPath(new URL('../../../bin/weft.ts', import.meta.url))

/** The controller's process; its address, its REST URL and its database outlive it. */
export interface ControllerProcess {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  /** Standard output and error of all its lives. */
  readonly logFile: string
  /** Undefined while it is down. */
  readonly pid: number | undefined
  /** Starts it and resolves when REST answers; the document is applied by the first start only. */
  start(options?: { signal?: AbortSignal | undefined }): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** Ends it and its relay. */
  close(): Promise<void>
}

/** What the process needs. */
export interface ControllerOptions {
  readonly plan: SitePlan
  readonly runDirectory: string
  /** With it the controller listens by TLS only. */
  readonly pki?: PkiFolder | undefined
  /** The document of the site, applied at the first start. */
  readonly documentFile: string
}

/** Prepares the process and its relay; `start` starts it. */
export async function controllerProcess(options: ControllerOptions): Promise<ControllerProcess> {
  const { plan, runDirectory, documentFile, pki } = options
  const socketPath = join(runDirectory, 'rest.sock')
  const logFile = join(runDirectory, 'controller.log')
  const relay = await openRelay(socketPath)
  const url = `http://127.0.0.1:${relay.port}`
  let child: ChildProcess | undefined
  let applied = false

  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL')
    if (child !== undefined) await ended(child)
    child = undefined
  }
  return {
    url,
    logFile,
    get pid() {
      return child?.exitCode === null && child.signalCode === null ? child.pid : undefined
    },
    async start({ signal } = {}) {
      if (child !== undefined) await kill()
      rmSync(socketPath, { force: true })
      const log = openSync(logFile, 'a', 0o600)
      const argv = [...serveArguments(plan, runDirectory, socketPath), ...tlsArguments(pki)]
      child = launch(within(plan.controller.namespace, [...argv, ...applyArguments()]), {
        output: log,
      })
      closeSync(log)
      await whenHealthy(url, child, logFile, signal)
      applied = true
    },
    kill,
    async close() {
      await kill()
      await relay.close()
    },
  }

  function applyArguments(): string[] {
    return applied ? [] : ['--apply', documentFile]
  }
}

function serveArguments(plan: SitePlan, runDirectory: string, socketPath: string): string[] {
  const address = formatIpv4(plan.controller.address)
  return [
    ...[process.execPath, WEFT, 'serve'],
    ...['--store', join(runDirectory, 'controller.db')],
    ...['--ovsdb', `${address}:${OVSDB_PORT}`],
    ...['--openflow', `${address}:${OPENFLOW_PORT}`],
    ...['--rest', `unix:${socketPath}`],
    // Whoever brings up a lab is its operator.
    '--no-auth',
  ]
}

function tlsArguments(pki: PkiFolder | undefined): string[] {
  if (!pki) return []
  const { key, cert, ca } = pki.controller
  return ['--tls-key', key, '--tls-cert', cert, '--tls-ca', ca]
}

/** Asks /healthz until it answers; a controller that ends instead is an error with its last words. */
async function whenHealthy(
  url: string,
  child: ChildProcess,
  logFile: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (!(await isHealthy(url))) {
    const gone = child.exitCode !== null || child.signalCode !== null
    if (gone || performance.now() > deadline) {
      const what = gone ? 'ended' : `does not answer after ${START_TIMEOUT_MS / 1000} s`
      throw new NetnsError(`the controller ${what}:\n${tail(logFile)}`)
    }
    await delay(POLL_MS, undefined, { ...(signal && { signal }) })
  }
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    // Nobody listens yet, or not any more: the caller asks again.
    return false
  }
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').slice(-LOG_TAIL_BYTES).trimEnd()
}
