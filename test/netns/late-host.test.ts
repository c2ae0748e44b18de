/** A host that dies and comes back, with its database or without, is as it was; nobody touches the controller. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runChecks } from '../../topologies/lab/checks/checks.ts'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { allReach, eventually, needed, openTwoTenants } from './site-under-test.ts'

/** From the last command of the boot script. */
const BACK_MS = 3000
/** Enough for a drop counter of Open vSwitch, which lags by up to a second; a lost frame is sent again after a tenth of it. */
const PATIENCE_MS = 1500

/**
 * Call right after the script's last command. The table takes about 2.5 s, most of which is waiting for counters, so it
 * cannot end within the 3 s whatever the host does. Asserted is this: as soon as workloads reach each other, and within the
 * 3 s, the whole table is run; all of it passes; and each row had begun, that is sent its first frames, within the 3 s. A
 * row that passes held when its frames went out (a lost one is sent again at most 0.45 s later). On a machine too slow to
 * begin the last row in time the test fails: then it has not been shown.
 */
async function expectBack(lab: NetnsLab): Promise<void> {
  const since = performance.now()
  await eventually(
    'all workloads reach each other',
    BACK_MS,
    async () => (await allReach(lab)) || undefined,
  )
  const rows: { name: string; begunMs: number; passed: boolean; detail: string }[] = []
  await runChecks(lab, {
    signal: AbortSignal.timeout(60_000),
    patienceMs: PATIENCE_MS,
    onResult({ name, passed, detail, durationMs }) {
      rows.push({ name, begunMs: performance.now() - since - durationMs, passed, detail })
    },
  })
  expect(rows).toHaveLength(7)
  expect(rows.filter(({ passed, begunMs }) => !passed || begunMs > BACK_MS)).toEqual([])
}

describe('a host that dies', needed, () => {
  let lab: NetnsLab
  beforeAll(async () => {
    lab = await openTwoTenants()
  })
  afterAll(() => lab?.close())

  test('comes back on its old database', async () => {
    const host = lab.host('h2')
    await host.killOvs()
    await host.startOvs({ emptyDatabase: false })
    await expectBack(lab)
  })

  test('comes back on an empty database after its boot script', async () => {
    const host = lab.host('h1')
    await host.killOvs()
    await host.startOvs({ emptyDatabase: true })
    await host.boot()
    await expectBack(lab)
  })
})
