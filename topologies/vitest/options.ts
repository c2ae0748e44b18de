/** Options as tests give them, where nobody has checked types. Neighbours: lab.ts, frame.ts, matchers.ts. */
import { hint } from '../../controller/model/suggest.ts'

/** @throws TypeError for a key that nobody reads: with a slip in it a test would be one of something else */
export function checkKeys(given: object, known: readonly string[], where: string): void {
  for (const key of Object.keys(given))
    if (!known.includes(key)) throw new TypeError(`${where}: no option ${key}; ${hint(key, known)}`)
}
