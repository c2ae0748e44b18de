/** Samples of dropped frames: what is held back by the meter leaves no trace. */
import { expect, test } from 'vitest'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { SAMPLE_METER, table } from '../../../controller/compiler/stages.ts'
import { formatFlow } from '../../../southbound/openflow/text.ts'
import { put, siteWith } from '../model/site.ts'

test('a port is mute for a reason only if the meter has let its sample pass', () => {
  const compiler = new Compiler(siteWith([put('host', 'h1', { vtepAddress: '192.0.2.1' })]))
  const flows = [...compiler.items('h1')].flatMap((item) =>
    item.kind === 'flow' ? [formatFlow(item.flow)] : [],
  )
  const of = (tableId: number) => flows.filter((text) => text.includes(` table=${tableId},`))
  // A switch learns while it works out what to do, before the meter has its say: not in one pass with it.
  const [metered, ...others] = of(table.shown)
  expect(others).toEqual([])
  expect(metered).toContain(`meter:${SAMPLE_METER}`)
  expect(metered).toMatch(/group:7$/)
  const [shown] = of(table.sampled)
  expect(shown).toMatch(/learn\(.*CONTROLLER:128$/)
  expect(shown).not.toContain('meter')
})
