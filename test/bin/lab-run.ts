/** `weft lab …` as somebody types it, with a run folder of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { bareEnvironment, program, type Run, runWeft } from './weft.ts'

export interface LabShell {
  /** `$XDG_RUNTIME_DIR`. */
  readonly folder: string
  weft(args: readonly string[], input?: string): Promise<Run>
  /** Goes on; `until` resolves when its output or its errors match. */
  start(args: readonly string[]): Started
  /** Names of all that labs have left. */
  left(): string[]
  close(): void
}

export interface Started {
  readonly child: ChildProcess
  until(pattern: RegExp): Promise<void>
  readonly ended: Promise<{ readonly code: number | null; readonly said: string }>
}

export function labShell(): LabShell {
  const folder = mkdtempSync(join(tmpdir(), 'weft-run-'))
  const env = { XDG_RUNTIME_DIR: folder }
  return {
    folder,
    weft: (args, input = '') => runWeft(['lab', ...args], { env, input }),
    start: (args) =>
      started(
        spawn(execPath, [program, 'lab', ...args], { env: { ...bareEnvironment(), ...env } }),
      ),
    left: () =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
        (name) => name !== 'weft-lab',
      ),
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function started(child: ChildProcess): Started {
  let said = ''
  const looks = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      for (const look of looks) look()
    })
  const ended = new Promise<{ code: number | null; said: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, said })),
  )
  const until = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (pattern.test(said)) resolve()
      }
      looks.add(look)
      look()
      void ended.then(() => reject(new Error(`ended without ${pattern}:\n${said}`)))
    })
  return { child, until, ended }
}
