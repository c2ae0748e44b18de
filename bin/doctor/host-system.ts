/** Checks of this machine's kernel and clock. Neighbours: host-facts.ts, clock.ts, check.ts. */
import { existsSync, readFileSync } from 'node:fs'
import { bad, type Check, type Finding, ok, orWell, unknown, warn } from './check.ts'
import { clockFinding } from './clock.ts'
import type { HostFacts } from './host-facts.ts'

/** Frames on Linux bridges go through the rules of iptables where this is 1. */
const FILTERED = '/proc/sys/net/bridge/bridge-nf-call-iptables'

export const systemChecks: readonly Check<HostFacts>[] = [
  {
    name: 'kernel modules',
    looksAt:
      'openvswitch, for a bridge of the kernel datapath; vxlan and 8021q on a host of kind vtep; br_netfilter, which filters frames on bridges',
    async run(facts) {
      const wrong: Finding[] = []
      for (const name of await needed(facts))
        if (!facts.hasModule(name))
          wrong.push(
            bad(`${name} is not loaded`, `modprobe ${name}; or is it missing from this kernel?`),
          )
      if (
        facts.kind === 'vtep' &&
        existsSync(FILTERED) &&
        readFileSync(FILTERED, 'utf8').trim() === '1'
      )
        wrong.push(
          warn(
            'br_netfilter sends frames of bridges through iptables',
            'sysctl -w net.bridge.bridge-nf-call-iptables=0 (and ip6tables, arptables)',
          ),
        )
      return orWell(wrong, 'all that are needed')
    },
  },
  {
    name: 'clock',
    looksAt: 'whether it is synchronised; with --controller how far from that of the controller',
    async run({ run, rest, now }) {
      const findings: Finding[] = []
      if (rest) {
        const { date } = await rest.ask('GET', '/healthz')
        if (date !== undefined) findings.push(clockFinding(date - now(), 'the controller'))
      }
      const said = await run('timedatectl', [
        'show',
        '--property=NTPSynchronized',
        '--value',
      ]).catch((error: Error) => error)
      if (said instanceof Error) {
        if (findings.length === 0)
          findings.push(unknown(`whether it is synchronised: ${said.message}`))
      } else if (said.trim() === 'yes') findings.push(ok('synchronised'))
      else
        findings.push(
          warn(
            'not synchronised',
            'timedatectl set-ntp true, or chrony: certificates and logs go by it',
          ),
        )
      return findings
    },
  },
]

async function needed({ kind, database }: HostFacts): Promise<readonly string[]> {
  if (kind === 'vtep') return ['vxlan', '8021q']
  const { bridges } = await database()
  // The userspace datapath needs none.
  const isOfKernel = bridges.some(
    ({ name, datapath_type }) => name === 'br-int' && datapath_type !== 'netdev',
  )
  return isOfKernel ? ['openvswitch'] : []
}
