/**
 * `npm run fuzz -- switch [--packets N] [--tables N] [--seed S] [--first N] [--minutes N] [--no-ovs]
 * [--mutations] [--failures N] [--without NAMES]`. Neighbours: campaign.ts, report.ts, mutations.ts.
 */
import { stderr, stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { linearMatcher } from '../../../dataplane/classifier/linear.ts'
import { tupleSpace } from '../../../dataplane/classifier/tuple-space.ts'
import { campaign } from './campaign.ts'
import { runMutations } from './mutations.ts'
import { lastingPeer, openVswitch } from './open-vswitch.ts'
import { ourSwitch } from './ours.ts'
import { report } from './report.ts'
import { missingActions } from './support.ts'

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    packets: { type: 'string' },
    tables: { type: 'string' },
    seed: { type: 'string' },
    first: { type: 'string' },
    minutes: { type: 'string' },
    failures: { type: 'string' },
    without: { type: 'string' },
    'no-ovs': { type: 'boolean' },
    mutations: { type: 'boolean' },
  },
})
const numberOf = (text: string | undefined, otherwise: number) =>
  text === undefined ? otherwise : Number(text)
const bounded = values.tables !== undefined || values.minutes !== undefined
const limits = {
  seed: numberOf(values.seed, 20_263),
  first: numberOf(values.first, 0),
  sets: numberOf(values.tables, Number.POSITIVE_INFINITY),
  frames: numberOf(values.packets, bounded ? Number.POSITIVE_INFINITY : 20_000),
  seconds: 60 * numberOf(values.minutes, Number.POSITIVE_INFINITY),
  failures: numberOf(values.failures, 3),
}

if (values.mutations) {
  const options = values['no-ovs'] ? ['--no-ovs'] : []
  const isGood = runMutations(limits.seed, options, ({ name, end, isCaught, seconds }) =>
    stdout.write(
      `${isCaught ? 'caught' : 'NOT CAUGHT'}: ${name} (${seconds.toFixed(1)} s) ${end}\n`,
    ),
  )
  process.exitCode = isGood ? 0 : 1
} else {
  process.exitCode = (await run()) ? 0 : 1
}

async function run(): Promise<boolean> {
  const linear = await ourSwitch('linear', linearMatcher)
  const tuples = await ourSwitch('tuple space', tupleSpace)
  const starting = values['no-ovs'] ? undefined : lastingPeer(openVswitch)
  // Daemons outlive whoever started them: an interrupted run takes them along, also those that start.
  const interrupted = async () => {
    try {
      await (await starting)?.close()
    } finally {
      process.exit(1)
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void interrupted())
  const theirs = await starting
  try {
    const absent = {
      ours: await missingActions(linear),
      theirs: theirs ? await missingActions(theirs) : [],
    }
    const kinds = {
      without: new Set([...(values.without?.split(',') ?? []), ...absent.ours]),
      abroad: new Set(absent.theirs),
    }
    const tell = (line: string) => stderr.write(`${line}\n`)
    const result = await campaign({ linear, tuples, theirs }, limits, kinds, tell)
    const { text, isGood } = report(result, limits, absent)
    stdout.write(text)
    return isGood
  } finally {
    await Promise.all([linear.close(), tuples.close(), theirs?.close()])
  }
}
