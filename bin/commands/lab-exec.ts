/** `weft lab exec`: a command in a guest or on a host. Neighbours: lab-run-options.ts, ../lab/. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { SEARCH_PATH } from '../../topologies/lab/netns/run.ts'
import { askLab, followLab } from '../lab/control-client.ts'
import type { CommandAnswer } from '../lab/control-schema.ts'
import { LabError, runningLab } from '../lab/run-folder.ts'

export interface LabExecOptions {
  readonly name?: string
  readonly signal: AbortSignal
}

/** @returns the exit code of the command; 128 and its number when a signal has ended it */
export async function labExec(
  place: string,
  argv: readonly string[],
  { name, signal }: LabExecOptions,
): Promise<number> {
  const lab = await runningLab(name)
  const query = new URLSearchParams({ name: place })
  const found = await askLab<CommandAnswer>(lab, `/command?${query}`, { signal })
  if (found.prefix) return run([...found.prefix, ...argv])
  const json = { name: found.name, argv }
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  return followLab<number>(lab, '/run', { method: 'POST', json, signal }, say)
}

/** With this terminal: what is typed, Ctrl-C too, is the command's. */
async function run([file = '', ...args]: readonly string[]): Promise<number> {
  const env = { ...process.env, PATH: SEARCH_PATH }
  const child = spawn(file, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Until now it would have ended this process, which has nothing to do but to wait.
    process.removeAllListeners(signal)
    process.on(signal, () => {
      // The terminal has sent it to the command as well.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new LabError(`cannot run ${file}: ${cause.message}`)))
    child.once('close', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    )
  })
}
