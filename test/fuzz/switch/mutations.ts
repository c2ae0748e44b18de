/**
 * Twenty bugs, each put into a copy of the switch, each to be caught by a run that otherwise passes.
 * A row says where: a file, a piece of it that stands there once, and what stands there instead. When
 * the code moves on, the run says which row no longer fits. Neighbours: main.ts, ../../slow.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mutations } from './mutation-rows.ts'

/** A run ends with the first difference; a bug that takes two rare things at once wants this many. */
const FRAMES = 100_000
const root = fileURLToPath(new URL('../../../', import.meta.url))

export interface Caught {
  readonly name: string
  /** The last line of the report; what went wrong where nothing was caught. */
  readonly end: string
  readonly isCaught: boolean
  readonly seconds: number
}

/** Runs each bug with the same seed. `told` is called as each is done. */
export function runMutations(
  seed: number,
  options: readonly string[],
  told: (one: Caught) => void,
): boolean {
  let good = true
  const whole = attempt('none', undefined, seed, options)
  if (whole.isCaught) {
    told({ ...whole, name: 'no bug at all' })
    return false
  }
  for (const [name, mutation] of Object.entries(mutations)) {
    const one = attempt(name, mutation, seed, options)
    good &&= one.isCaught
    told(one)
  }
  return good
}

function attempt(
  name: string,
  mutation: (typeof mutations)[string] | undefined,
  seed: number,
  options: readonly string[],
): Caught {
  const from = performance.now()
  const dir = mkdtempSync(join(tmpdir(), 'weft-mutation-'))
  try {
    for (const folder of ['dataplane', 'southbound', 'test/fuzz', 'package.json']) {
      cpSync(join(root, folder), join(dir, folder), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
    if (mutation) {
      const file = join(dir, mutation.file)
      const parts = readFileSync(file, 'utf8').split(mutation.find)
      if (parts.length !== 2) {
        const end = `${mutation.file} has ${parts.length - 1} times: ${mutation.find}`
        return { name, end, isCaught: false, seconds: 0 }
      }
      writeFileSync(file, parts.join(mutation.replace))
    }
    const program = join(dir, 'test/fuzz/run.ts')
    const args = [
      'switch',
      '--seed',
      `${seed}`,
      '--packets',
      `${FRAMES}`,
      '--failures',
      '1',
      ...options,
    ]
    const { status, stdout } = spawnSync(process.execPath, [program, ...args], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    })
    const isCaught = status !== 0
    const end = stdout.trim().split('\n').at(-1) ?? ''
    return { name, end, isCaught, seconds: (performance.now() - from) / 1000 }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
