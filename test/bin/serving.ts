/** `weft serve` as a process of its own, which the test asks over REST and ends by a signal. */
import { type ChildProcess, spawn } from 'node:child_process'
import { execPath } from 'node:process'
import { bareEnvironment, program } from './weft.ts'

export interface Serving {
  readonly child: ChildProcess
  /** Where REST is; of a unix socket its path. */
  readonly url: string
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  /** All that it has said, standard output and error. */
  said(): string
}

/** Resolves when it serves; rejects with what it said when it ends instead. Ports are free ones unless `args` say others. */
export async function startServing(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Serving> {
  const free = ['--ovsdb', '127.0.0.1:0', '--openflow', '127.0.0.1:0']
  const rest = args.includes('--rest') || 'WEFT_REST' in env ? [] : ['--rest', '127.0.0.1:0']
  const child = spawn(execPath, [program, 'serve', ...free, ...rest, ...args], {
    env: { ...bareEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  const url = await new Promise<string>((resolve, reject) => {
    const read = (piece: string): void => {
      text += piece
      const line = text.split('\n').find((each) => each.includes('"msg":"serving"'))
      if (line !== undefined) resolve((JSON.parse(line) as { rest: string }).rest)
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    void ended.then((how) => reject(new Error(`weft serve ended with ${how}: ${text}`)))
  })
  return { child, url, ended, said: () => text }
}
