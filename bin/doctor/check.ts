/**
 * What a check of `weft doctor` is: a row that looks at facts and says how they are, what was seen and what to do. The rows are
 * in the files beside this one, a group in each. Neighbours: ../commands/doctor.ts runs them, ../print/findings.ts prints.
 */

/** `unknown`: it could not be looked at, which is said and no fault. */
export const verdicts = ['ok', 'warn', 'bad', 'unknown'] as const
export type Verdict = (typeof verdicts)[number]

export interface Finding {
  readonly verdict: Verdict
  /** What was seen, one sentence. */
  readonly seen: string
  /** What to do; absent when all is well. */
  readonly todo?: string
}

export interface Check<Facts> {
  readonly name: string
  /** For the table in the docs. */
  readonly looksAt: string
  /** @throws what could not be asked; it is then `unknown`, with that as what was seen */
  run(facts: Facts, signal: AbortSignal): Promise<readonly Finding[]> | readonly Finding[]
}

export interface Result extends Finding {
  readonly check: string
}

export const ok = (seen: string): Finding => ({ verdict: 'ok', seen })
export const warn = (seen: string, todo: string): Finding => ({ verdict: 'warn', seen, todo })
export const bad = (seen: string, todo: string): Finding => ({ verdict: 'bad', seen, todo })
export const unknown = (seen: string): Finding => ({ verdict: 'unknown', seen })

/** Findings of one kind beyond these are counted. */
const MOST_NAMED = 10

/** The first ten, and how many more there are. */
export function few(findings: readonly Finding[]): readonly Finding[] {
  const [last] = findings.slice(MOST_NAMED)
  if (!last) return findings
  const more = findings.length - MOST_NAMED
  return [...findings.slice(0, MOST_NAMED), { ...last, seen: `and ${more} more` }]
}

/** What is wrong, or one sentence that all is well. */
export const orWell = (wrong: readonly Finding[], seen: string): readonly Finding[] =>
  wrong.length > 0 ? few(wrong) : [ok(seen)]

/** Runs all rows, in their order; one that fails does not keep the others from running. */
export async function examine<Facts>(
  checks: readonly Check<Facts>[],
  facts: Facts,
  signal: AbortSignal,
): Promise<Result[]> {
  const results: Result[] = []
  for (const { name, run } of checks) {
    try {
      for (const finding of await run(facts, signal)) results.push({ check: name, ...finding })
    } catch (error) {
      if (signal.aborted) throw error
      results.push({ check: name, ...unknown(`could not be asked: ${(error as Error).message}`) })
    }
  }
  return results
}
