/** The table and the steps as people see them. */
import { expect, test } from 'vitest'
import { formatChecks, stepsTo } from '../../topologies/lab/report.ts'

const result = { passed: true, applicable: true, durationMs: 120 }

test('a step stands behind the seconds since the start', () => {
  const lines: string[] = []
  let time = 5_000
  const step = stepsTo(
    (line) => lines.push(line),
    () => time,
  )
  time += 420
  step('h1 connected')
  time += 12_000
  step('all realized')
  expect(lines).toEqual(['  0.4 s  h1 connected', ' 12.4 s  all realized'])
})

test('a table is aligned, wraps long cells and counts what passed', () => {
  const rows = [
    { ...result, name: 'broadcast ARP', must: 'answered on the host itself', detail: '9 arrived' },
    {
      ...result,
      passed: false,
      name: 'same address in the other tenant',
      must: 'never',
      detail: 'seen',
    },
    { ...result, passed: false, applicable: false, name: 'VXLAN', must: 'dropped', detail: 'n/a' },
  ]
  expect(formatChecks(rows, { columns: 80, colour: false })).toEqual([
    '    check                       must be            seen',
    '─'.repeat(60),
    '✓   broadcast ARP               answered on the    9 arrived',
    '                                host itself',
    '✗   same address in the other   never              seen',
    '    tenant',
    '–   VXLAN                       dropped            n/a',
    '─'.repeat(60),
    '1 passed, 1 failed, 1 that this topology cannot show in full (0.4 s)',
  ])
})

test('marks are coloured on a terminal only', () => {
  const rows = [{ ...result, name: 'a', must: 'b', detail: 'c' }]
  expect(formatChecks(rows, { columns: 80, colour: true }).join('\n')).toContain('\u001b[32m✓')
  expect(formatChecks(rows, { columns: 80, colour: false }).join('\n')).not.toContain('\u001b')
})
