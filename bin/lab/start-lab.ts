/** Starts the process of a lab and looks on until it is up. Neighbours: lab-process.ts (what runs there), ../commands/lab-up.ts. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { v8Options } from '../../topologies/lab/memory/v8-options.ts'
import type { Told } from './lab-process.ts'
import { LabError, LOG, newLog } from './run-folder.ts'

const WEFT = fileURLToPath(new URL('../weft.ts', import.meta.url))
/** Of what it has said, in an error. */
const LAST_WORDS = 4000

export interface StartOptions {
  /** Behind `weft lab up`. */
  readonly args: readonly string[]
  /** Its standard input. */
  readonly text: string
  readonly step: (text: string) => void
  readonly signal: AbortSignal
}

/**
 * Resolves when it is up; it then goes on without us. When the signal aborts before, it is taken down first.
 * @throws LabError with what it said
 */
export async function startLab({ args, text, step, signal }: StartOptions): Promise<void> {
  const log = newLog()
  const output = openSync(log, 'a+', 0o600)
  const argv = [...v8Options(), WEFT, 'lab', 'up', ...args, '--foreground']
  const child = spawn(process.execPath, argv, {
    // A session of its own: neither Ctrl-C here nor the end of this terminal is meant for it.
    detached: true,
    cwd: '/',
    // Not a pipe: nobody reads it once this process has gone.
    stdio: ['pipe', output, output, 'ipc'],
    env: { ...process.env, [LOG]: log },
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(text)
  const stop = () => void child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    const closed = once(child, 'close').then(() => false)
    const isUp = await Promise.race([upOf(child, step), closed])
    if (isUp) {
      letGo(child)
      return
    }
    if (signal.aborted) throw signal.reason
    throw new LabError(lastWords(output))
  } finally {
    // It is in the lab's own folder unless there was never one.
    rmSync(log, { force: true })
    closeSync(output)
    signal.removeEventListener('abort', stop)
  }
}

function upOf(child: ChildProcess, step: (text: string) => void): Promise<boolean> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.on('message', (message) => {
      const told = message as Told
      if (told.kind === 'step') step(told.text)
      else resolve(true)
    })
  })
}

/** Nothing of it keeps this process alive any more. */
function letGo(child: ChildProcess): void {
  child.removeAllListeners('message')
  child.disconnect()
  child.unref()
}

/** The end of what it has printed: the file may be gone with the lab's folder, and is still open here. */
function lastWords(fd: number): string {
  const { size } = fstatSync(fd)
  const bytes = Buffer.alloc(Math.min(size, LAST_WORDS))
  readSync(fd, bytes, 0, bytes.length, size - bytes.length)
  const said = bytes.toString('utf8')
  const at = said.lastIndexOf('weft: ')
  const last = at < 0 ? said : said.slice(at + 'weft: '.length)
  return last.trim() || 'the lab ended without a word'
}
