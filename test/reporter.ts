/**
 * Counts a test run for run.js, and names every skipped test with its reason (needs.ts).
 *
 * A file that does not load, a hook that fails and an error outside of any test each count as one failure:
 * the last line of `npm test` may not say "0 failed" about a red run. Neighbours: vitest.config.ts, run.js.
 */

import { writeFileSync } from 'node:fs'
import { env, stdout } from 'node:process'
import './needs.ts'
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node'

/** What run.js reads from the file that WEFT_TEST_RESULT names. */
export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** Reports to stdout and to the file that WEFT_TEST_RESULT names. */
export const countingReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts: Counts = { passed: 0, failed: unhandled.length, skipped: 0 }
    for (const module of modules) {
      counts.failed += module.errors().length
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'pending') counts.failed += 1
        else counts[state] += 1
      }
    }
    stdout.write(listSkipped(modules))
    const file = env.WEFT_TEST_RESULT
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts))
  },
}

function listSkipped(modules: readonly TestModule[]): string {
  const lines = modules.flatMap((module) =>
    [...module.children.allTests('skipped')]
      .filter((test) => !filteredOut(test))
      .map((test) => `  ${module.relativeModuleId} > ${test.fullName}: ${reasonOf(test)}\n`),
  )
  return lines.length === 0 ? '' : `\nSkipped:\n${lines.join('')}`
}

/** Not skipped but not asked for: `-t PATTERN`. */
function filteredOut(test: TestCase): boolean {
  const pattern = test.project.config.testNamePattern
  return pattern !== undefined && !pattern.test(test.fullName.replaceAll(' > ', ' '))
}

/** The note of `context.skip(note)`, or the reason that `needs` left at the test or at a suite around it. */
function reasonOf(test: TestCase): string {
  const result = test.result()
  if (result.state === 'skipped' && result.note !== undefined) return result.note
  let at: TestCase | TestSuite | TestModule = test
  while (at.type !== 'module') {
    const { reason } = at.meta()
    if (reason !== undefined) return reason
    if (at.type === 'suite' && at.errors().length > 0) return 'what prepares its suite failed'
    at = at.parent
  }
  return 'no reason given'
}
