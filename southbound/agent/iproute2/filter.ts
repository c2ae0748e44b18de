/**
 * What a host lets pass, as nftables:
 *
 *   bridge weft   pre     prerouting    iifname vmap @ports-in     -> in.PORT    tags, size, ACL entries `ingress`
 *                                                      -> drop.PORT.REASON: drops, and shows one in 5 s
 *                 post    postrouting   oifname vmap @ports-out    -> out.PORT   ACL entries `egress`
 *                                                      -> in.UPLINK, out.UPLINK: VIDs of a trunk
 *                 input   iifname @inside drop      no guest reaches the host, whatever address it has
 *                 output  oifname @inside drop      nor the host a guest
 *   inet weft     vxlan   input         VNI vmap @vnis             -> vni-VNI    from locators in use, else drop
 *
 * prerouting comes before the bridge learns and before it answers for others, so that a spoofed frame
 * leaves no trace. VNIs of others on UDP 4789 are not looked at. Neighbours: acl.ts, plan.ts, nft.ts.
 */
import { isIPv4 } from 'node:net'
import type { Drop } from '../backend.ts'
import { type AclEntry, type Network, vtepsOf } from '../desired.ts'
import type { Fault } from '../fault.ts'
import { aclRules } from './acl.ts'
import type { PlannedBridges } from './bridges.ts'
import { VXLAN_PORT, vxlanName } from './names.ts'
import { shownChain, shownName } from './shown.ts'

/** A port of a network, and the device that is in its bridge. */
export interface FilteredPort {
  readonly device: string
  readonly port: string
  readonly vid: number
  readonly network: Network
  /** Of the network. */
  readonly mtuBytes: number
  readonly acl: readonly AclEntry[]
}

export interface Filter {
  readonly facts: ReadonlyMap<string, string>
  /** By key of the fact: whose drops a counter counts. */
  readonly counters: ReadonlyMap<string, Omit<Drop, 'packets'>>
  /** By chain: whose drops it shows. */
  readonly shown: ReadonlyMap<string, Omit<Drop, 'packets'>>
  readonly faults: readonly Fault[]
}

const TAGGED = 'ether type { 0x8100, 0x88a8, 0x9100 }'
/**
 * Priority-tagged: tag and priority go, what is left is untagged (RFC 7348 §6.1). The kernel holds the outer
 * tag beside the frame, where its type and VID set to 0 mean that there is none. An old one spoils the
 * frame instead and keeps the tag, so that the next rule drops it.
 */
const UNTAG = 'ether type 0x8100 vlan id 0 @ll,96,32 set 0'
/**
 * What is one packet on the wire. Of TCP, UDP and SCTP the kernel hands on many as one (GSO), of any length, and nftables
 * cannot tell: these are held to the MTU where they leave the host.
 */
const NO_AGGREGATE = ['meta protocol != { ip, ip6 }', 'meta l4proto != { 6, 17, 132 }']
const TAG_BYTES = 4
const TYPES = '{ 0x8100, 0x88a8, 0x9100 }'
/** Behind the tag that the kernel holds beside the frame; and behind that one, where its network header begins then. */
const SECOND_TAG = `meta protocol ${TYPES}`
const NO_SECOND_TAG = `meta protocol != ${TYPES}`
const THIRD_TAG = `${SECOND_TAG} @nh,16,16 ${TYPES}`
const belowOf = ({ vlanTransparent }: Network) =>
  vlanTransparent === 'qinq' ? ([1, 2] as const) : vlanTransparent ? ([1] as const) : ([0] as const)
const base = (hook: string, priority: number) =>
  `type filter hook ${hook} priority ${priority}; policy accept;`
/** Before everybody else on the way in, after them on the way out. */
const [FIRST, LAST] = [-300, 300]

export function filterOf(
  networks: readonly Network[],
  ports: readonly FilteredPort[],
  {
    fenced,
    trunks,
    stranded,
  }: Pick<PlannedBridges, 'fenced' | 'trunks'> & { readonly stranded: readonly string[] },
): Filter {
  const facts = new Map<string, string>()
  const counters = new Map<string, Omit<Drop, 'packets'>>()
  const shown = new Map<string, Omit<Drop, 'packets'>>()
  const faults: Fault[] = []
  if (networks.length + fenced.length === 0) return { facts, counters, shown, faults }
  const chains = { in: [] as string[], out: [] as string[] }
  const count = (family: string, name: string, of: Omit<Drop, 'packets'>) => {
    facts.set(`counter ${family} ${name}`, '')
    counters.set(`counter ${family} ${name}`, of)
    return `counter name "${name}"`
  }
  const addChain = (side: 'in' | 'out', device: string, rules: readonly string[]) => {
    if (rules.length === 0) return
    facts.set(`chain bridge ${side}.${device}`, ['', ...rules].join('\n'))
    chains[side].push(`"${device}" : jump ${side}.${device}`)
  }
  for (const { device, port, vid, network, mtuBytes, acl } of ports) {
    const tag = vid === 0 ? '' : `vid-${vid}-`
    const drop = (counter: string, kind: string) => {
      const chain = shownName(device, kind)
      facts.set(`chain bridge ${chain}`, shownChain)
      shown.set(chain, { port, reason: `${tag}${kind}` })
      return `${counter} goto ${chain}`
    }
    const rules = { in: [] as string[], out: [] as string[] }
    if (!network.vlanTransparent) {
      const counter = count('bridge', `in.${device}.vlan`, { port, reason: `${tag}vlan` })
      if (vid === 0) rules.in.push(UNTAG)
      rules.in.push(`${TAGGED} ${drop(counter, 'vlan')}`)
    } else {
      const counter = count('bridge', `in.${device}.vlan`, { port, reason: `${tag}vlan` })
      const more = network.vlanTransparent === 'qinq' ? THIRD_TAG : SECOND_TAG
      rules.in.push(`${more} ${drop(counter, 'vlan')}`)
    }
    const size = count('bridge', `in.${device}.mtu`, { port, reason: `${tag}mtu_exceeded` })
    // The outer tag is beside the frame and not counted, a second one is.
    if (network.vlanTransparent === 'qinq')
      rules.in.push(
        `${SECOND_TAG} meta length > ${mtuBytes + TAG_BYTES} ${drop(size, 'mtu_exceeded')}`,
      )
    const bare = network.vlanTransparent === 'qinq' ? `${NO_SECOND_TAG} ` : ''
    for (const one of NO_AGGREGATE)
      rules.in.push(`${bare}meta length > ${mtuBytes} ${one} ${drop(size, 'mtu_exceeded')}`)
    for (const entry of acl) {
      const made = aclRules(entry, belowOf(network))
      if ('invalid' in made) {
        const subject = { kind: 'acl', uuid: entry.uuid } as const
        faults.push({ code: 'acl_entry_invalid', subject, detail: made.invalid })
      }
      const side = entry.direction === 'ingress' ? 'in' : 'out'
      const number = `${entry.sequence}`.replace('-', 'm')
      // What cannot be matched is denied as a whole rather than let through: see Decisions.
      const matches = 'invalid' in made ? (entry.action === 'deny' ? [''] : []) : made.matches
      for (const match of matches) {
        const verdict =
          entry.action === 'permit'
            ? 'accept'
            : drop(
                count('bridge', `${side}.${device}.acl-${number}`, {
                  ...{ port, reason: `${tag}${side}-${entry.sequence}` },
                }),
                side,
              )
        rules[side].push(`${match} ${verdict}`.trim())
      }
    }
    addChain('in', device, rules.in)
    addChain('out', device, rules.out)
  }
  const tunnels = networks.filter(({ local }) => local !== undefined)
  for (const { vni, vlanTransparent } of tunnels) {
    if (vlanTransparent) continue
    const counter = count('bridge', `in.${vxlanName(vni)}.vlan`, { vni, reason: 'vlan' })
    addChain('in', vxlanName(vni), [`${TAGGED} ${counter} drop`])
  }
  for (const { uplink, bridge, vids } of trunks) {
    for (const side of ['in', 'out'] as const) {
      const of = { port: bridge, reason: `trunk-${side}-${uplink}` }
      const counter = count('bridge', `${side}.${uplink}.trunk`, of)
      addChain(side, uplink, [
        `ether type 0x8100 vlan id != { ${vids} } ${counter} drop`,
        `ether type { 0x88a8, 0x9100 } ${counter} drop`,
      ])
    }
  }
  // Their bridge is down; this holds while somebody has set it up.
  for (const device of stranded) addChain('in', device, ['drop'])
  const inside = new Set([
    ...ports.map(({ device }) => device),
    ...tunnels.map(({ vni }) => vxlanName(vni)),
    ...fenced,
    ...stranded,
  ])
  const lines = (texts: readonly string[]) => [...texts].sort().join('\n')
  facts.set('table bridge', '')
  facts.set('set bridge ports-in', lines(chains.in))
  facts.set('set bridge ports-out', lines(chains.out))
  facts.set('set bridge inside', lines([...inside].map((device) => `"${device}"`)))
  facts.set('chain bridge pre', `${base('prerouting', FIRST)}\niifname vmap @ports-in`)
  facts.set('chain bridge post', `${base('postrouting', LAST)}\noifname vmap @ports-out`)
  facts.set('chain bridge input', `${base('input', FIRST)}\niifname @inside drop`)
  facts.set('chain bridge output', `${base('output', FIRST)}\noifname @inside drop`)
  facts.set('table inet', '')
  facts.set('set inet vnis', lines(tunnels.map(({ vni }) => `${vni} : goto vni-${vni}`)))
  facts.set(
    'chain inet vxlan',
    `${base('input', FIRST)}\nudp dport ${VXLAN_PORT} @th,96,24 vmap @vnis`,
  )
  for (const network of tunnels) {
    const vteps = vtepsOf(network)
    const family = isIPv4(network.local ?? '') ? 'ip' : 'ip6'
    const { vni } = network
    facts.set(
      `chain inet vni-${vni}`,
      [
        '',
        ...(vteps.length === 0 ? [] : [`${family} saddr { ${vteps.join(', ')} } accept`]),
        `${count('inet', `foreign-${vni}`, { vni, reason: 'foreign-vtep' })} drop`,
      ].join('\n'),
    )
  }
  return { facts, counters, shown, faults }
}
