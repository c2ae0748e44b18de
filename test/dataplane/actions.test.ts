/** The cases of test/dataplane/cases, on our switch. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CaseSwitch, caseSwitch } from './case-switch.ts'
import { outcome, readCases } from './cases.ts'

const files = ['fields', 'tags', 'ttl', 'actions', 'parsing', 'errors', 'alone']

describe.each(files)('%s', (file) => {
  let weft: CaseSwitch
  beforeAll(async () => {
    weft = await caseSwitch()
  })
  afterAll(() => weft.close())

  test.each(readCases(file))('$name', async (one) => {
    expect(await outcome(weft, one)).toEqual(one.ours)
    expect(weft.host.host.drops.of('exception')).toBe(0)
  })
})
