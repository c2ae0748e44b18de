/**
 * Copies of this checkout and of the machine around it, so that a test can set Weft up from nothing.
 * Neighbours: setup.test.ts, pack.test.ts.
 */

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { env, execPath } from 'node:process'
import { fileURLToPath } from 'node:url'

/** The checkout that the tests run in. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** What the npm and the vitest around a test leave in its environment, and a newcomer's shell does not have. */
const inherited =
  /^(npm_(?!config_)|npm_config_local_prefix$|INIT_CWD$|VITEST|NODE_(ENV|OPTIONS|PATH)$)/

const left = new Set(['node_modules', '.git', '.weft', '.vagrant', 'dist'])

/** A new empty folder and what removes it. */
export function emptyFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'weft-setup-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Copies the files of the checkout to `target`, node_modules (by hard links where that works) only when asked. */
export function copyCheckout(target: string, options: { packages: boolean }): void {
  cpSync(root, target, {
    recursive: true,
    filter: (path) => !left.has(relative(root, path).split('/')[0] ?? '') && !path.endsWith('.tgz'),
  })
  if (!options.packages) return
  const [from, to] = [join(root, 'node_modules'), join(target, 'node_modules')]
  for (const flags of ['-al', '-a']) {
    if (spawnSync('cp', [flags, from, to]).status === 0) return
    rmSync(to, { recursive: true, force: true })
  }
  throw new Error(`cp from ${from} to ${to} failed`)
}

/** PATH of the machine as it is without this checkout: no node_modules. */
export const machinePath = (env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter)

/** The machine's own command, not the one that npm put in front; undefined when it has none. */
export function which(name: string): string | undefined {
  const found = machinePath.split(delimiter).map((folder) => join(folder, name))
  return found.find((path) => existsSync(path))
}

/** Makes `folder` a PATH that holds these commands of the machine and no others. */
export function toolbox(folder: string, names: readonly string[]): string {
  mkdirSync(folder, { recursive: true })
  for (const name of names) {
    const path = which(name) ?? (name === 'node' ? execPath : undefined)
    if (path === undefined) throw new Error(`this machine has no ${name}`)
    symlinkSync(path, join(folder, name))
  }
  return folder
}

/** What a program printed, and how it ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end with no input; nothing of the npm around this test reaches it. */
export async function runIn(
  cwd: string,
  path: string,
  command: readonly [string, ...string[]],
  extra: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const clean = Object.entries(env).filter(([name]) => !inherited.test(name))
  const [file, ...args] = command
  const child = spawn(file, args, {
    cwd,
    env: { ...Object.fromEntries(clean), PATH: path, ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
