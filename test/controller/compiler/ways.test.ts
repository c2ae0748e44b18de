/** The blocks of `ways.ts` say the same as `tunnelBetween`, which looks at each pair. */
import { expect, test } from 'vitest'
import { Compiler } from '../../../controller/compiler/compiler.ts'
import { isSwitchItem } from '../../../controller/compiler/program.ts'
import { waysFrom, waysTo } from '../../../controller/compiler/ways.ts'
import { applyEdits } from '../../../controller/model/edit.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { Site } from '../../../controller/model/snapshot.ts'
import { tunnelBetween } from '../../../controller/model/tunnel.ts'
import { formatFlow } from '../../../southbound/openflow/text.ts'

const hosts = {
  four: { vtepAddress: '192.0.2.4' },
  six: { vtepAddress: '2001:db8::6' },
  both: { vtepAddress: '2001:db8::46', alternateVtepAddress: '192.0.2.46' },
  otherFour: { vtepAddress: '192.0.2.104' },
  otherSix: { vtepAddress: '2001:db8::106' },
  otherBoth: { vtepAddress: '192.0.2.146', alternateVtepAddress: '2001:db8::146' },
}

test('every pair of hosts uses the tunnel that the model says, and no other', () => {
  const pairs = Object.values(hosts).flatMap((a) =>
    Object.values(hosts).map((b) => [a, b] as const),
  )
  for (const [a, b] of pairs) {
    if (a === b) continue
    const ways = new Set(waysFrom(a))
    const reached = waysTo(b).flatMap(([way, address]) => (ways.has(way) ? [address] : []))
    const tunnel = tunnelBetween(a, b)
    expect(reached).toEqual(tunnel ? [tunnel.remote] : [])
  }
})

test('a host with both families reaches one peer over IPv4 and another over IPv6, and floods to both', () => {
  const edits: Edit[] = [
    { collection: 'tenant', key: 'acme', spec: {} },
    { collection: 'network', key: 'acme/web', spec: { vni: 77, mtuBytes: 1430 } },
    { collection: 'subnet', key: 'acme/web', spec: { network: 'web', cidr: '10.0.0.0/24' } },
    ...(['four', 'six', 'both'] as const).flatMap((id, at): Edit[] => [
      { collection: 'host', key: id, spec: hosts[id] },
      {
        collection: 'port',
        key: `acme/${id}`,
        spec: { network: 'web', addresses: [`10.0.0.${at + 1}`], hostId: id, ofport: 1 },
      },
    ]),
  ]
  let uuids = 0
  const uuid = () => `00000000-0000-4000-8000-${String(++uuids).padStart(12, '0')}`
  const compiler = new Compiler(applyEdits(Site.empty, edits, uuid).site)
  const tunnelFlows = (id: string) =>
    [...compiler.items(id)]
      .filter(isSwitchItem)
      .flatMap((item) => (item.kind === 'flow' ? [formatFlow(item.flow)] : []))
      .filter((text) => /tun_(ipv6_)?(src|dst)|tun_dst/.test(text))
      .map((text) => text.replace(/^.*?table=/, 'table='))
      .sort()
  expect(tunnelFlows('both').join('\n')).toMatch(/192\.0\.2\.4\b/)
  expect(tunnelFlows('both').join('\n')).toMatch(/2001:db8::6\b/)
  expect(tunnelFlows('four').join('\n')).not.toMatch(/2001/)
  expect(tunnelFlows('six').join('\n')).not.toMatch(/192\.0/)
  // Nobody without IPv6 has a flow to the host without IPv4.
  expect(tunnelFlows('four')).toHaveLength(tunnelFlows('six').length)
})
