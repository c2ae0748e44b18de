/** VTEPs on IPv6 and on both families, in the memory lab; `test/netns/ipv6-underlay.test.ts` has Open vSwitch. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { runChecks } from '../../topologies/lab/checks/checks.ts'
import { openMemoryLab } from '../../topologies/lab/memory/lab.ts'

test('hosts on IPv6, on IPv4 and on both carry jumbo frames and refuse one byte more', async () => {
  const file = new URL('../../topologies/ipv6-underlay.yaml', import.meta.url)
  const document = parseDocument(readFileSync(file, 'utf8'), 'ipv6-underlay.yaml')
  await using lab = await openMemoryLab({ document, signal: AbortSignal.timeout(10_000) })
  const results = await runChecks(lab, { signal: AbortSignal.timeout(30_000) })
  expect(results.filter(({ passed }) => !passed)).toEqual([])
}, 40_000)
