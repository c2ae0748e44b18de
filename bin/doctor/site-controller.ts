/** Checks of the controller itself: its store, its disk, its clock. Neighbours: site-facts.ts, check.ts. */
import type { StoreReport } from '../../controller/northbound/store-report.ts'
import { RestError } from '../rest-error.ts'
import { bad, type Check, ok, unknown } from './check.ts'
import { clockFinding } from './clock.ts'
import { diskFinding } from './disk.ts'
import type { SiteFacts } from './site-facts.ts'

/** A store of 100,000 ports is copied and read in seconds. */
const VERIFY_MS = 300_000
const RESTORE =
  'stop the controller; `weft doctor --store FILE` says what can be trusted, `weft restore BACKUP --store FILE --force` puts a backup in its place'

const report = async (rest: SiteFacts['rest'], verify?: 'true'): Promise<StoreReport> =>
  (await rest.ask<StoreReport>('GET', '/v1/infra/store', { query: { verify }, limitMs: VERIFY_MS }))
    .body

export const controllerChecks: readonly Check<SiteFacts>[] = [
  {
    name: 'controller answers',
    looksAt: 'whether it takes requests, and lets this token look at the site',
    async run({ rest }) {
      try {
        const { body } = await rest.ask<{ revision: number }>('GET', '/readyz')
        await rest.ask('GET', '/v1/infra/pending-hosts')
        return [ok(`at revision ${body.revision}`)]
      } catch (error) {
        if (error instanceof RestError && (error.status === 401 || error.status === 403))
          return [bad(error.message, 'take a token of an operator, or of a reader of the site')]
        const todo =
          'is `weft serve` running there? its log says why it does not: journalctl -u weft'
        return [bad((error as Error).message, todo)]
      }
    },
  },
  {
    name: 'store is written',
    looksAt: 'whether the last write to the disk succeeded',
    async run({ rest }) {
      const { problem, revision } = await report(rest)
      if (problem === undefined) return [ok(`revision ${revision} is durable`)]
      return [bad(problem, 'make room or mend the disk; the next write tries again')]
    },
  },
  {
    name: 'store is whole',
    looksAt: 'a copy of the store, every row held against the chain of hashes',
    async run({ rest }) {
      const { verified } = await report(rest, 'true')
      if (!verified) return [unknown('it was not verified')]
      const { problem = '' } = verified
      if (problem.startsWith('damaged')) return [bad(problem, RESTORE)]
      // Such as no room for the copy.
      if (problem !== '') return [unknown(`it could not be verified: ${problem}`)]
      return [ok(`verified up to revision ${verified.revision}`)]
    },
  },
  {
    name: 'disk of the store',
    looksAt: 'whether there is room for a copy of the store, and for more',
    async run({ rest }) {
      const { freeBytes, bytes } = await report(rest)
      if (freeBytes === undefined || bytes === undefined) return [unknown('it is in memory alone')]
      return [diskFinding({ freeBytes, bytes })]
    },
  },
  {
    name: 'clock of the controller',
    looksAt: 'how far it is from that of the machine where the doctor runs',
    async run({ rest, now }) {
      const { date } = await rest.ask('GET', '/healthz')
      if (date === undefined) return [unknown('its answer has no date')]
      return [clockFinding(date - now(), 'the controller')]
    },
  },
]
