/** A controller that dies in the middle of a change; topologies/scenarios/restart.ts has what guests notice of its death. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { eventually, flowsOf, get, needed, openTwoTenants } from './site-under-test.ts'

async function allRealized(lab: NetnsLab): Promise<true | undefined> {
  for (const key of Object.values(lab.document.workloads)) {
    const [tenant, id] = key.split('/')
    const port = await get<{ status: { realized: boolean } }>(
      lab,
      `/v1/tenants/${tenant}/ports/${id}`,
    )
    if (!port.status.realized) return undefined
  }
  return true
}

describe('a controller that dies', needed, () => {
  let lab: NetnsLab
  beforeAll(async () => {
    lab = await openTwoTenants()
  })
  afterAll(() => lab?.close())

  test('leaves a change made just before its death whole or absent', async () => {
    let whole = 0
    // On a busy machine only the last ones are late enough to find something done.
    for (const killAfterMs of [0, 1, 2, 4, 8, 16, 64, 250]) {
      if (killAfterMs > 16 && whole > 0) break
      const id = `late${killAfterMs}`
      const body = JSON.stringify({ network: 'web', hostId: 'h1', ofport: 500 + killAfterMs })
      const put = fetch(`${lab.url}/v1/tenants/acme/ports/${id}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body,
      }).then(
        ({ status }) => status,
        () => undefined, // the controller died before it answered
      )
      await delay(killAfterMs)
      await lab.controller.kill()
      const acknowledged = await put
      await lab.controller.start()
      await eventually('all ports realized again', 10_000, () => allRealized(lab))

      const response = await fetch(`${lab.url}/v1/tenants/acme/ports/${id}`)
      if (acknowledged !== undefined) expect(response.status, 'acknowledged is kept').toBe(200)
      const cost = async (hostId: string, number: number) => {
        const hex = `0x${number.toString(16)}`
        const flows = await flowsOf(lab, hostId)
        return flows.filter((flow) =>
          new RegExp(`reg[23]=${hex}[, ]|set_field:${hex}->reg[23]`).test(flow),
        ).length
      }
      if (response.status === 200) {
        whole++
        const port = (await response.json()) as { number: number; addresses: string[] }
        await eventually(`${id} wholly on both hosts`, 5000, async () => {
          const [own, other] = await Promise.all([cost('h1', port.number), cost('h2', port.number)])
          return own >= 6 && other >= 2 ? true : undefined
        })
      } else {
        expect(response.status).toBe(404)
        for (const hostId of ['h1', 'h2']) {
          expect(
            (await flowsOf(lab, hostId)).filter((flow) =>
              flow.includes(`in_port=${500 + killAfterMs} `),
            ),
          ).toEqual([])
        }
      }
    }
    expect(whole, 'at least one change was made before the kill').toBeGreaterThan(0)
  })
})
