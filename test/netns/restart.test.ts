/** A controller that dies changes nothing. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { eventually, flowsOf, get, needed, openTwoTenants } from './site-under-test.ts'

const DOWN_MS = 60_000

/** Both streams: ovs-ofctl prints what it asked for on the one and what comes by itself on the other. */
function collect(child: ChildProcess): { text: () => string } {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
  }
  return { text: () => text }
}

async function finish(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

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

  test('loses no ping and changes no flow, down for a minute and started again', async () => {
    const pings = ['acme', 'globex'].map((tenant) => {
      const child = lab
        .workload(`h1.${tenant}-vm1`)
        .launch(['ping', '-n', '-i', '0.01', '10.0.0.12'])
      return { tenant, child, ...collect(child) }
    })
    const monitors = ['h1', 'h2'].map((id) => {
      const child = lab
        .host(id)
        .launch(['ovs-ofctl', '-O', 'OpenFlow13', 'monitor', 'br-int', 'watch:!initial'])
      return { id, child, ...collect(child) }
    })
    await delay(1000)
    const before = await Promise.all(['h1', 'h2'].map((id) => flowsOf(lab, id)))

    await lab.controller.kill()
    await delay(1000)
    const [vm3, vm2] = [lab.workload('h1.acme-vm3'), lab.workload('h2.acme-vm2')]
    expect(await vm3.ping(vm2.address, { bytes: 56, timeoutMs: 1000 }), 'never talked before').toBe(
      true,
    )
    await delay(DOWN_MS - 1000)
    await lab.controller.start()
    await eventually('all ports realized again', 10_000, () => allRealized(lab))
    await delay(2000)

    for (const { tenant, child, text } of pings) {
      await finish(child, 'SIGINT')
      const sent = Number(/(\d+) packets transmitted/.exec(text())?.[1])
      const answered = new Set(
        [...text().matchAll(/icmp_seq=(\d+)/g)].map(([, seq]) => Number(seq)),
      )
      const lost = Array.from({ length: sent }, (_, i) => i + 1).filter((seq) => !answered.has(seq))
      expect(sent, tenant).toBeGreaterThan(4000)
      // The last one may have been on its way when ping was ended.
      expect(
        lost.filter((seq) => seq !== sent),
        `${tenant}: lost of ${sent} pings`,
      ).toEqual([])
    }
    expect(await Promise.all(['h1', 'h2'].map((id) => flowsOf(lab, id)))).toEqual(before)
    for (const { id, text } of monitors)
      expect(text(), `flow monitor of ${id}`).not.toContain('event=')
    // The monitors would have told: they tell of this.
    for (const { id, child, text } of monitors) {
      await lab.host(id).ofctl(['add-flow', 'br-int', 'table=90,priority=1,actions=drop'])
      await eventually(
        `an event from the monitor of ${id}`,
        2000,
        async () => text().match(/event=ADDED.*table=90/)?.[0],
      )
      await finish(child, 'SIGTERM')
    }
  })

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
