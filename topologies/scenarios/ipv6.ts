/** VTEPs on IPv6 and on both families, on every kind of host: VXLAN then costs 70 bytes. */

import { together } from '../lab/checks/manners.ts'
import { fullPing } from '../lab/checks/ping.ts'
import { portSecurityClaims } from '../lab/checks/port-security.ts'
import { tenantClaims } from '../lab/checks/tenants.ts'
import { everyPairFits } from './full-size.ts'
import { ALL_SWITCHES, type Scenario } from './scenario.ts'

const topology = 'ipv6-underlay'
const LARGEST = 8930
const [IPV4, IPV6] = ['0800', '86dd']

export const ipv6: readonly Scenario[] = [
  {
    name: 'packets of 8,930 bytes cross an underlay of 9000 over IPv6 between every pair of kinds, and one byte more does not',
    topology,
    shows: { ipv6: ALL_SWITCHES },
    // A VTEP may lose the first frame to a peer whose MAC it has yet to resolve.
    run: (lab) => everyPairFits(lab, { mtuBytes: LARGEST, attempts: 4 }),
  },
  {
    name: 'a host with both families uses IPv6 to one peer and IPv4 to another, by one tunnel port',
    topology,
    shows: { ipv6: ['open-vswitch', 'weft-switch'] },
    async run(lab) {
      const seen = new Set<string>()
      const stop = lab.underlay.onFrame((frame) => {
        if (frame.length > 8000) seen.add(Buffer.from(frame.subarray(12, 14)).toString('hex'))
      })
      const over = async (from: string, to: string, family: string) => {
        seen.clear()
        const { address } = lab.guest(to)
        const bytes = fullPing(LARGEST)
        await lab.until(`${from} reaches ${to}`, () =>
          lab.guest(from).ping(address, { bytes, timeoutMs: 1000 }),
        )
        await lab.until('the request and its answer are seen', () => seen.size > 0)
        if ([...seen].join() !== family) throw new Error(`${from} -> ${to}: ${[...seen].join()}`)
      }
      try {
        await over('h3.acme-vm3', 'h1.acme-vm1', IPV6)
        await over('h3.acme-vm3', 'h5.acme-vm5', IPV6)
        await over('h3.globex-vm1', 'h4.globex-vm2', IPV4)
      } finally {
        stop()
      }
    },
  },
  {
    name: 'over IPv6 as over IPv4 tenants do not see each other, and a guest sends under its own addresses alone',
    topology,
    shows: { ipv6: ALL_SWITCHES },
    async run(lab) {
      await lab.prove((site) => together([tenantClaims(site), portSecurityClaims(site)]))
    },
  },
  {
    name: 'a network that cannot cross 70 bytes is refused with the number that can',
    topology,
    shows: {},
    async run(lab) {
      const refused = await lab
        .put('tenants/acme/networks/wide', { vni: 5003, mtuBytes: LARGEST + 1 })
        .then(
          () => '',
          (error: Error) => error.message,
        )
      if (!/409.*VXLAN over IPv6 adds 70.*at most 8930/s.test(refused))
        throw new Error(`it was not refused so: ${refused}`)
    },
  },
]
