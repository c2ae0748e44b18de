/**
 * `npm run fuzz -- NAME [--minutes N] [--inputs N] [--seed S]`: feeds a codec what no peer should send,
 * 200,000 inputs unless told otherwise. Prints what was reached; exit code 1 when an input fails, when
 * a row was never decoded or never refused, a branch of a decoder was never taken, when fewer than half get past the header, or when memory grew.
 * Neighbours: engine.ts, report.ts, openflow.ts, ovsdb.ts, frames.ts, text.ts.
 */
import { argv, exit, stderr, stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { countBranches } from './branches.ts'
import { fuzz, type Target } from './engine.ts'
import { report } from './report.ts'
import { isCounted, scopes } from './scope.ts'
import { unreached } from './unreached.ts'

const INPUTS = 200_000
const SEED = 20_263

const fuzzed: Readonly<Record<string, (seed: number) => Promise<Target>>> = {
  openflow: async (seed) => (await import('./openflow.ts')).openflowTarget(seed),
  ovsdb: async (seed) => (await import('./ovsdb.ts')).ovsdbTarget(seed),
  frames: async (seed) => (await import('./frames.ts')).framesTarget(seed),
  text: async (seed) => (await import('./text.ts')).textTarget(seed),
}

/** A number of an option; NaN is a mistake that the caller names. */
const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text))

// The switch is not fed but compared with others: a command of its own, with options of its own.
if (argv[2] === 'switch') {
  await import('./switch/main.ts')
  exit()
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string' },
    inputs: { type: 'string' },
    seed: { type: 'string' },
  },
})
const [name = ''] = positionals
const [minutes, inputs, seed = SEED] = [values.minutes, values.inputs, values.seed].map(numberOf)
const one = Object.hasOwn(fuzzed, name) ? fuzzed[name] : undefined
const scope = scopes[name]
if (
  !one ||
  !scope ||
  [minutes, inputs, seed].some((value) => value !== undefined && !(value >= 0))
) {
  const names = Object.keys(fuzzed).join('|')
  stderr.write(`npm run fuzz -- ${names} [--minutes N] [--inputs N] [--seed S]\n`)
  process.exitCode = 1
} else {
  setFlagsFromString('--expose-gc')
  Object.assign(globalThis, { gc: runInNewContext('gc') })
  const counting = await countBranches(scope.files)
  const target = await one(seed)
  const length = minutes === undefined ? { inputs: inputs ?? INPUTS } : { seconds: 60 * minutes }
  const result = await fuzz(target, { seed, ...length })
  // Rows and branches are only owed by a run of the usual size.
  const whole = result.inputs >= INPUTS
  const branches = (await counting.take()).filter((branch) => isCounted(branch, scope))
  const excused = unreached[name] ?? []
  const told = { name, seed, result, target, whole, branches, excused }
  const { text, isGood } = report(told)
  stdout.write(text)
  target.close?.()
  process.exitCode = isGood ? 0 : 1
}
