/**
 * Differences, run: consecutive lines of one tool are one batch. `ip` and `bridge` go on after a line
 * that fails and name it; nft takes all of its lines or none, and where it takes none nothing after it
 * is run, so that no guest gets in without its fence. Neighbours: diff.ts, facts.ts.
 */
import { run } from './command.ts'
import { type Difference, inOrder } from './diff.ts'
import type { Tool } from './facts.ts'

export interface Failure {
  readonly of: Difference
  /** What the tool said. */
  readonly message: string
}

const programs: Readonly<Record<Tool, readonly [string, ...string[]]>> = {
  ip: ['ip', '-force', '-batch', '-'],
  bridge: ['bridge', '-force', '-batch', '-'],
  nft: ['nft', '-f', '-'],
}

/** Rejects only with the signal's reason. */
export async function apply(
  found: readonly Difference[],
  signal?: AbortSignal | undefined,
): Promise<Failure[]> {
  const failures: Failure[] = []
  const all = inOrder(found)
  for (let start = 0; start < all.length; ) {
    const tool = all[start]?.line[1] ?? 'ip'
    let end = start
    while (all[end]?.line[1] === tool) end++
    const batch = all.slice(start, end)
    const input = `${batch.map(({ line }) => line[2]).join('\n')}\n`
    const { code, stderr } = await run(programs[tool], { input, signal })
    if (code !== 0) {
      const named = tool === 'nft' ? [] : failedLines(stderr)
      for (const { at, message } of named) {
        const of = batch[at - 1]?.of
        if (of) failures.push({ of, message })
      }
      if (named.length === 0) {
        const message =
          stderr.trim().split('\n').slice(0, 2).join(' ') || `${tool} ended with ${code}`
        for (const of of new Set(batch.map(({ of }) => of))) failures.push({ of, message })
      }
      if (tool === 'nft') return failures
    }
    start = end
  }
  return failures
}

/** `RTNETLINK answers: File exists` and then `Command failed -:3`, for each. */
function failedLines(stderr: string): { at: number; message: string }[] {
  const found: { at: number; message: string }[] = []
  let said: string[] = []
  for (const line of stderr.split('\n')) {
    const at = /^Command failed -:(\d+)$/.exec(line)?.[1]
    if (at === undefined) {
      if (line !== '') said.push(line)
      continue
    }
    found.push({ at: Number(at), message: said.join(' ') })
    said = []
  }
  return found
}
