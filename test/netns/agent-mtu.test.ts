/** What an agent says of the path to each VTEP; topologies/scenarios/mtu.ts has what tenants see of a narrow one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../needs.ts'
import { type AgentSite, openAgentSite, until, writeRows } from './agent-site.ts'

const LIMIT_MS = 15_000

describe('weft agent', needs('root', 'netns', 'iproute2', 'nft', 'vtep', 'ping'), () => {
  let site: AgentSite
  beforeAll(async () => {
    site = await openAgentSite()
    await Promise.all([site.hosts.h1.start(), site.hosts.h2.start()])
    await writeRows(site)
  })
  afterAll(() => site?.close())

  const path = async (host: 'h1' | 'h2', vtep: string) => {
    const text = await site.hosts[host].vtep(`get Physical_Switch ${host} other_config`)
    return new RegExp(`"?weft-path-mtu-${vtep}"?="(\\d+)"`).exec(text)?.[1]
  }
  const is = (host: 'h1' | 'h2', vtep: string, bytes: string) =>
    until(
      `the path MTU of ${host} to ${vtep} is ${bytes}`,
      async () => (await path(host, vtep)) === bytes,
      LIMIT_MS,
    )

  test('the path MTU to each VTEP in use is what its networks need', async () => {
    await is('h1', '192.0.2.12', '9050')
    await is('h2', '192.0.2.11', '9050')
  })

  test('a VTEP that does not answer has none, and one that is out of use no key', async () => {
    const { h1 } = site.hosts
    await h1.vtep('add-mcast-remote red unknown-dst 192.0.2.77')
    await is('h1', '192.0.2.77', '0')
    await h1.vtep('del-mcast-remote red unknown-dst 192.0.2.77')
    await until('the key is gone', async () => (await path('h1', '192.0.2.77')) === undefined)
    expect(await path('h1', '192.0.2.12')).toBe('9050')
  })
})
