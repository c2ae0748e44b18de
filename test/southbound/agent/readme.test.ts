import { test } from 'vitest'
import { faults } from '../../../southbound/agent/fault.ts'
import { configKeys } from '../../../southbound/agent/other-config.ts'
import { generated } from './readme.ts'

test('the README shows every key of other_config', () => {
  generated('other_config', [
    '| row | key | written by | |',
    '|---|---|---|---|',
    ...configKeys.map(
      ({ table, key, writer, meaning }) => `| ${table} | \`${key}\` | ${writer} | ${meaning} |`,
    ),
  ])
})

test('the README shows every fault', () => {
  generated('faults', [
    '| fault | | in the fault column |',
    '|---|---|---|',
    ...Object.entries(faults).map(
      ([code, [sentence, column]]) =>
        `| \`${code}\` | ${sentence} | ${column === '' ? '' : `\`${column}\``} |`,
    ),
  ])
})
