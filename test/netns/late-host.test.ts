/** A host that dies and comes back, with its database or without, is as it was; nobody touches the controller. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { allReach, eventually, expectAllChecks, needed, openTwoTenants } from './site-under-test.ts'

/** From the last command of the boot script. */
const BACK_MS = 3000

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
    await eventually(
      'all workloads reach each other',
      BACK_MS,
      async () => (await allReach(lab)) || undefined,
    )
    await expectAllChecks(lab)
  })

  test('comes back on an empty database after its boot script', async () => {
    const host = lab.host('h1')
    await host.killOvs()
    await host.startOvs({ emptyDatabase: true })
    await host.boot()
    await eventually(
      'all workloads reach each other',
      BACK_MS,
      async () => (await allReach(lab)) || undefined,
    )
    await expectAllChecks(lab)
  })
})
