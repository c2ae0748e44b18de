/**
 * How often property tests run, and on which values. `npm test` runs the same values everywhere, so that a red test is a
 * change's own doing; `npm run test:full` runs ten times as many, new ones each time, and fast-check prints the seed of a failure.
 */
import { randomInt } from 'node:crypto'

const SEED = 20_261_123

/** @param numRuns in `npm test`  @param full in `npm run test:full`  @returns what `fc.assert` and `fc.sample` take */
export function runs(numRuns: number, full = 10 * numRuns): { numRuns: number; seed?: number } {
  return process.env.WEFT_TEST_FULL ? { numRuns: full } : { numRuns, seed: SEED }
}

let drawn: number | undefined

/**
 * Of memory labs: WEFT_SEED where it is set, to have a run again; otherwise as above, one for all labs of a file, which is said.
 * @throws RangeError for a WEFT_SEED that is none
 */
export function labSeed({ WEFT_SEED, WEFT_TEST_FULL } = process.env): number {
  if (WEFT_SEED !== undefined) {
    const seed = Number(WEFT_SEED)
    if (seed === seed >>> 0) return seed
    throw new RangeError(`WEFT_SEED ${WEFT_SEED} is no integer from 0 to ${2 ** 32 - 1}`)
  }
  if (!WEFT_TEST_FULL) return SEED
  if (drawn === undefined) {
    drawn = randomInt(2 ** 32)
    process.stderr.write(`memory labs: WEFT_SEED=${drawn}\n`)
  }
  return drawn
}
