/**
 * How often property tests run, and on which values. `npm test` runs the same values everywhere, so that a red test is a
 * change's own doing; `npm run test:full` runs ten times as many, new ones each time, and fast-check prints the seed of a failure.
 */

/** @param numRuns in `npm test`  @param full in `npm run test:full`  @returns what `fc.assert` and `fc.sample` take */
export function runs(numRuns: number, full = 10 * numRuns): { numRuns: number; seed?: number } {
  return process.env.WEFT_TEST_FULL ? { numRuns: full } : { numRuns, seed: 20_261_123 }
}
