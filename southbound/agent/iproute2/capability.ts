/**
 * What this kernel can do, found out by doing it on devices that nobody else sees, all gone before
 * the answer is given. Neighbours: seen.ts names the capabilities.
 */

import { run } from './command.ts'
import { digest, LINK_GROUP } from './names.ts'
import type { Capability } from './seen.ts'

/** In the order of the table below. */
export async function probe(signal?: AbortSignal): Promise<ReadonlySet<Capability>> {
  // Named as ours and of our group, so that what a killed probe leaves is removed as ours.
  const name = `weft-v${digest(`${process.pid} ${performance.now()}`)}`
  const child = `weft-v${digest(name)}`
  const add = (device: string, rest: string) =>
    `link add name ${device} group ${LINK_GROUP} ${rest}`
  const probes: readonly (readonly [Capability, string[], string[][]])[] = [
    ['vxlan', [add(child, 'type vxlan id 1 dstport 4789 nolearning'), `link del ${child}`], []],
    [
      'arp_suppression',
      [
        add(name, 'type bridge'),
        add(child, 'type vxlan id 1 dstport 4789'),
        `link set ${child} master ${name}`,
        `link set ${child} type bridge_slave neigh_suppress on learning off`,
      ],
      [
        ['ip', 'link', 'del', child],
        ['ip', 'link', 'del', name],
      ],
    ],
    [
      'vlan',
      [add(name, 'type bridge'), add(child, `link ${name} type vlan id 1`)],
      [
        ['ip', 'link', 'del', child],
        ['ip', 'link', 'del', name],
      ],
    ],
  ]
  const found = new Set<Capability>()
  for (const [capability, lines, undo] of probes) {
    const { code } = await run(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n`, signal })
    if (code === 0) found.add(capability)
    for (const [program = 'ip', ...args] of undo) await run([program, ...args])
  }
  // -c: checked by the kernel and not committed.
  const rules = [
    `add table bridge ${name}`,
    `add chain bridge ${name} a { type filter hook prerouting priority -300; policy accept; }`,
    `add table inet ${name}`,
    `add map inet ${name} m { typeof @th,96,24 : verdict; }`,
  ]
  const { code } = await run(['nft', '-c', '-f', '-'], { input: `${rules.join('\n')}\n`, signal })
  if (code === 0) found.add('nftables')
  return found
}

export const allCapabilities: readonly Capability[] = [
  'arp_suppression',
  'nftables',
  'vlan',
  'vxlan',
]
