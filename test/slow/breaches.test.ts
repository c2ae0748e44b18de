/** The checks catch what they are for: with one wall of the pipeline down, in the memory lab, exactly its rows end red. */
import { expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { runChecks, summarize } from '../../topologies/lab/checks/checks.ts'
import { openMemoryLab } from '../../topologies/lab/memory/lab.ts'
import { formatChecks } from '../../topologies/lab/report.ts'
import { breaches } from '../lab/breaches.ts'
import { documentOf, TWO_TENANTS } from '../lab/documents.ts'

/** Characters that tell the rows apart. */
const START = 12

test.each(breaches)(
  'with $wall down the checks end red',
  async ({ program, red }) => {
    const document = parseDocument(JSON.stringify(documentOf(TWO_TENANTS)), 'test.json')
    await using lab = await openMemoryLab({
      document,
      program,
      signal: AbortSignal.timeout(10_000),
    })
    const results = await runChecks(lab, { signal: AbortSignal.timeout(30_000), patienceMs: 600 })
    const failed = results.filter(({ passed, applicable }) => !passed && applicable)
    expect(
      failed.map(({ name }) => name.slice(0, START)),
      formatChecks(results, { columns: 160, colour: false }).join('\n'),
    ).toEqual(red.map((start) => start.slice(0, START)))
    expect(summarize(results).ok).toBe(false)
  },
  30_000,
)
