/**
 * Which frames nftables drops: a drop of a port goes through a chain of that port and reason, which marks one frame in 5 s
 * to be traced; `nft monitor trace` prints its headers. So one port that floods hides no other. Neighbours: filter.ts makes
 * the rules that go there, backend.ts listens, ../report.ts tells.
 */
import type { Drop, ShownDrop } from '../backend.ts'
import { follow } from './command.ts'
import { TABLE } from './names.ts'

/** As `chain bridge` of facts.ts: no hook, then its rules. */
export const shownChain = [
  '',
  'limit rate 12/minute burst 1 packets meta nftrace set 1 drop',
  'drop',
].join('\n')
/** @param kind end of the drop's reason: `in`, `vlan` … */
export const shownName = (device: string, kind: string): string => `drop.${device}.${kind}`

/** By chain, the last frame of each. */
export type HeardDrops = Map<string, Pick<ShownDrop, 'at' | 'frame'>>

/** Fills `heard` with what is dropped; returns how to stop. */
export function followDrops(heard: HeardDrops, changed: () => void): () => void {
  let rest = ''
  return follow(['nft', 'monitor', 'trace'], (text) => {
    const lines = `${rest}${text}`.split('\n')
    rest = (lines.pop() ?? '').slice(-LONGEST)
    const found = lines.flatMap((line) => parseTrace(line) ?? [])
    const at = new Date().toISOString()
    for (const { chain, frame } of found) heard.set(chain, { at, frame })
    if (found.length > 0) changed()
  })
}

/** Those of chains that there should be; the others are forgotten. */
export function shownOf(
  { shown }: { readonly shown: ReadonlyMap<string, Omit<Drop, 'packets'>> },
  heard: HeardDrops,
): ShownDrop[] {
  for (const chain of heard.keys()) if (!shown.has(chain)) heard.delete(chain)
  return [...heard].flatMap(([chain, drop]) => {
    const { port, reason } = shown.get(chain) ?? {}
    return port === undefined || reason === undefined ? [] : [{ port, reason, ...drop }]
  })
}

/** Characters of a line that is not whole yet. */
const LONGEST = 10_000
const PACKET = new RegExp(`^trace id \\S+ bridge ${TABLE} (drop\\.\\S+) packet: (.*)$`)

/** Of a line that nft prints the chain, and what the frame was; undefined: another line. */
export function parseTrace(
  line: string,
): { readonly chain: string; readonly frame: ShownDrop['frame'] } | undefined {
  const [, chain, text] = PACKET.exec(line) ?? []
  if (chain === undefined || text === undefined) return undefined
  const word = (name: string) => new RegExp(`(?:^| )${name} (\\S+)`).exec(text)?.[1]
  const number = (name: string) => {
    const value = Number(word(name) ?? Number.NaN)
    return Number.isInteger(value) ? value : undefined
  }
  const isV6 = word('ip6 saddr') !== undefined
  const isV4 = word('ip saddr') !== undefined
  const isArp = /(?:^| )arp /.test(text)
  const protocol = protocolOf(word(isV6 ? 'ip6 nexthdr' : 'ip protocol'))
  const transport =
    word('tcp sport') !== undefined ? 'tcp' : word('sctp sport') !== undefined ? 'sctp' : 'udp'
  const vid = number('vlan id')
  const tags = vid === undefined ? 0 : 4
  const ipBytes = isV6 ? number('ip6 length') : number('ip length')
  const typeOf = word('vlan type') ?? word('ether type')
  return {
    chain,
    frame: defined({
      frameBytes: ipBytes === undefined ? undefined : 14 + tags + ipBytes + (isV6 ? 40 : 0),
      eth_src: word('ether saddr'),
      eth_dst: word('ether daddr'),
      eth_type: isV4 ? '0x0800' : isV6 ? '0x86dd' : isArp ? '0x0806' : etherType(typeOf),
      vlan_vid: vid,
      ip_src: word('ip6 saddr') ?? word('ip saddr') ?? word('arp saddr ip'),
      ip_dst: word('ip6 daddr') ?? word('ip daddr') ?? word('arp daddr ip'),
      ip_proto: isV4 || isV6 ? protocol : undefined,
      src_port: number(`${transport} sport`),
      dst_port: number(`${transport} dport`),
    }),
  }
}

/** nft names those that it knows, whatever it is asked. */
const protocols: Readonly<Record<string, number>> = {
  ...{ ip: 0, icmp: 1, igmp: 2, tcp: 6, udp: 17, dccp: 33, gre: 47, esp: 50, ah: 51 },
  ...{ icmpv6: 58, 'ipv6-icmp': 58, comp: 108, sctp: 132, udplite: 136 },
}
const protocolOf = (text: string | undefined): number | undefined =>
  text === undefined
    ? undefined
    : (protocols[text] ?? (/^\d+$/.test(text) ? Number(text) : undefined))

const types: Readonly<Record<string, string>> = {
  ...{
    ip: '0x0800',
    arp: '0x0806',
    ip6: '0x86dd',
    vlan: '0x8100',
    '8021q': '0x8100',
    '8021ad': '0x88a8',
  },
}
const etherType = (text: string | undefined): string | undefined =>
  text === undefined
    ? undefined
    : (types[text] ?? (/^(0x)?[0-9a-f]+$/i.test(text) ? hex(Number(text)) : undefined))
const hex = (type: number): string => `0x${type.toString(16).padStart(4, '0')}`

function defined(
  fields: Readonly<Record<string, string | number | undefined>>,
): ShownDrop['frame'] {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
}
