/** VTEPs on IPv6 and on both families, on real Open vSwitch: one tunnel port carries both. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseDocument } from '../../controller/model/document.ts'
import { runChecks } from '../../topologies/lab/checks/checks.ts'
import { type NetnsLab, openNetnsLab } from '../../topologies/lab/netns/lab.ts'
import { get, needed } from './site-under-test.ts'

/** An IP header and one of ICMP. */
const HEADERS = 28
const file = fileURLToPath(new URL('../../topologies/ipv6-underlay.yaml', import.meta.url))

describe('a site with VTEPs on IPv6 on Open vSwitch', needed, () => {
  let lab: NetnsLab
  beforeAll(async () => {
    if (needed.skip) return
    const document = parseDocument(readFileSync(file, 'utf8'), file)
    lab = await openNetnsLab({ document, documentFile: file })
  }, 60_000)
  afterAll(() => lab?.close())

  test('every check passes: 8,930 bytes cross an underlay of 9000, one byte more is dropped by name', async () => {
    const results = await runChecks(lab, { signal: AbortSignal.timeout(60_000) })
    expect(results.filter(({ passed }) => !passed)).toEqual([])
  }, 70_000)

  test('a host with both families uses IPv6 to one peer and IPv4 to another, by one tunnel port', async () => {
    const seen: string[] = []
    const stop = lab.underlay.onFrame((frame) => {
      if (frame.length > 8000) seen.push(Buffer.from(frame.subarray(12, 14)).toString('hex'))
    })
    const over = async (from: string, to: string) => {
      seen.length = 0
      const target = lab.workload(to).address
      const bytes = 8930 - HEADERS
      expect(await lab.workload(from).ping(target, { bytes, timeoutMs: 2000 })).toBe(true)
      return new Set(seen)
    }
    expect(await over('h3.acme-vm3', 'h1.acme-vm1')).toEqual(new Set(['86dd']))
    expect(await over('h3.globex-vm1', 'h4.globex-vm2')).toEqual(new Set(['0800']))
    stop()
  })

  test('a network that cannot cross 70 bytes is refused with the number that can', async () => {
    const response = await fetch(`${lab.url}/v1/tenants/acme/networks/wide`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ vni: 5003, mtuBytes: 8931 }),
    })
    expect(response.status).toBe(409)
    expect(await response.text()).toMatch(/VXLAN over IPv6 adds 70.*at most 8930/s)
    expect(await get<{ mtuBytes: number }>(lab, '/v1/tenants/acme/networks/web')).toMatchObject({
      mtuBytes: 8930,
    })
  })
})
