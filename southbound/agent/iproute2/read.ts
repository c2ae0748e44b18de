/** The host as it is: ip, bridge and nft asked for JSON. Neighbours: seen.ts, nft.ts. */
import { readFileSync } from 'node:fs'
import { run } from './command.ts'
import { patchDevice } from './facts.ts'
import { farOf, foundOf, isFar, isNear, isOwnDevice } from './names.ts'
import { readNft } from './nft.ts'
import type { Link, Seen } from './seen.ts'

/** Parts of what iproute2 5.x and 6.x print. */
interface LinkJson {
  readonly ifname: string
  readonly flags: readonly string[]
  readonly mtu: number
  readonly master?: string
  readonly group?: string
  readonly address?: string
  readonly link?: string
  readonly ifalias?: string
  readonly altnames?: readonly string[]
  readonly inet6_addr_gen_mode?: string
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_data?: Readonly<Record<string, unknown>>
    readonly info_slave_data?: Readonly<Record<string, unknown>>
  }
  readonly addr_info?: readonly { readonly local?: string; readonly scope?: string }[]
  readonly stats64?: { readonly rx: CounterJson; readonly tx: CounterJson }
}
interface CounterJson {
  readonly bytes: number
  readonly packets: number
}
interface FdbJson {
  readonly mac: string
  readonly ifname: string
  readonly flags?: readonly string[]
  readonly master?: string
  readonly state?: string
  readonly dst?: string
  readonly vni?: number
  readonly port?: number
  readonly via?: string
}
interface NeighbourJson {
  readonly dst: string
  readonly dev: string
  readonly lladdr?: string
}

/** A host whose links cannot be listed. */
export class ReadError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ReadError'
  }
}

/** Rejects with ReadError, or the signal's reason. */
export async function readHost(withNft: boolean, signal?: AbortSignal | undefined): Promise<Seen> {
  const [links, fdb, neighbours, nft] = await Promise.all([
    json<LinkJson>(['ip', '-json', '-details', '-statistics', 'address', 'show'], signal),
    json<FdbJson>(['bridge', '-json', 'fdb', 'show'], signal),
    json<NeighbourJson>(['ip', '-json', 'neigh', 'show', 'nud', 'permanent'], signal),
    withNft ? readNft(signal) : undefined,
  ])
  const carried = new Map(
    links.flatMap((row) => {
      const { ifname, link } = row
      const isOnTop = link !== undefined && row.linkinfo?.info_kind !== 'veth'
      return isOnTop && !isOwnRow(row) ? [[link, ifname] as const] : []
    }),
  )
  const byName = new Map(
    links.map((row) => [row.ifname, linkOf(row, carried.get(row.ifname))] as const),
  )
  const patches = new Set(
    links.filter((row) => isNear(row.ifname) || isNear(row.link ?? '')).map((row) => row.ifname),
  )
  const taught = new Map<string, number>()
  const isOwn = (name: string | undefined) => byName.get(name ?? '')?.isOwn === true
  const facts = new Map<string, string>()
  for (const row of links) {
    if (isOwn(row.ifname)) ownFacts(row, facts)
    else {
      if (isOwn(row.master)) facts.set(`master ${row.ifname}`, row.master ?? '')
      uplinkFacts(row, facts)
    }
  }
  const learned: { port: string; mac: string }[] = []
  const macs = new Set([...byName.values()].map(({ mac }) => mac))
  for (const row of fdb) {
    const self = row.flags?.includes('self') === true
    if (!self && !isOwn(row.master)) continue
    if (self && !(isOwn(row.ifname) && row.dst !== undefined)) continue
    const state = row.state ?? 'dynamic'
    if (self) {
      const isGroup = Number.parseInt(row.mac.slice(1, 2), 16) % 2 === 1
      const more = [
        ...(row.vni === undefined ? [] : [`vni ${row.vni}`]),
        ...(row.port === undefined ? [] : [`port ${row.port}`]),
        ...(row.via === undefined ? [] : [`via ${row.via}`]),
      ]
      const plain = `fdb ${row.ifname} ${row.mac} self`
      if (isGroup || isFlood(row.mac) || more.length > 0) {
        facts.set([plain, row.dst, ...more].join(' '), state)
      } else facts.set(plain, `${row.dst} ${state}`)
    } else if (state === 'permanent' && macs.has(row.mac)) {
      // The device's own.
    } else if (state === 'static' || state === 'permanent') {
      const sticky = row.flags?.includes('sticky') === true ? ' sticky' : ''
      facts.set(`fdb ${row.ifname} ${row.mac} master`, `${state}${sticky}`)
    } else if (
      !isOwn(row.ifname) ||
      ['vlan', 'veth'].includes(byName.get(row.ifname)?.kind ?? '')
    ) {
      taught.set(row.ifname, (taught.get(row.ifname) ?? 0) + 1)
      if (!patches.has(row.ifname)) learned.push({ port: row.ifname, mac: row.mac })
    } else facts.set(`fdb ${row.ifname} ${row.mac} master`, state)
  }
  for (const [port, count] of taught) {
    if (count > MOST_LEARNED) facts.set(`overfull ${port}`, `${count}`)
  }
  for (const { dst, dev, lladdr } of neighbours) {
    if (isOwn(dev)) facts.set(`neigh ${dev} ${dst}`, lladdr ?? '')
  }
  return {
    links: byName,
    facts,
    learned,
    nft,
    bridgeNetfilter: bridgeNetfilter(),
    hasIpv6: hasIpv6(),
  }
}

/** MACs that an interface may teach a bridge of ours: older kernels have no bound of their own (6.8 has `fdb_max_learned`). */
const MOST_LEARNED = 4096

const isFlood = (mac: string) => mac === '00:00:00:00:00:00'

const stateOf = ({ flags }: LinkJson) => (flags.includes('UP') ? 'up' : 'down')

/** Of an interface of the host's own, in case that it is an uplink. */
function uplinkFacts(row: LinkJson, facts: Map<string, string>): void {
  const { ifname: name, altnames, mtu, master } = row
  const found = foundOf(altnames)
  if (found !== undefined) facts.set(`found ${name}`, found)
  if (found === undefined && master === undefined) return
  facts.set(`uplink ${name} mtu`, `${mtu}`)
  facts.set(`uplink ${name} state`, stateOf(row))
}

const isOwnRow = ({ ifname, group, linkinfo }: LinkJson) =>
  isOwnDevice(ifname, group, linkinfo?.info_kind)

function linkOf(row: LinkJson, carries: string | undefined): Link {
  const { ifname: name, flags, stats64, altnames, mtu } = row
  return {
    name,
    isOwn: isOwnRow(row),
    carries,
    kind: row.linkinfo?.info_kind,
    isLoopback: flags.includes('LOOPBACK'),
    isUp: flags.includes('LOWER_UP'),
    found: foundOf(altnames) ?? `${mtu} ${stateOf(row)} ${name}`,
    mac: row.address ?? '',
    mtuBytes: row.mtu,
    master: row.master,
    alias: row.ifalias,
    addresses: (row.addr_info ?? []).flatMap(({ local, scope }) =>
      local === undefined || scope === 'link' ? [] : [local],
    ),
    // What the host receives on a tap is what the guest has sent.
    traffic: {
      packets_from_local: stats64?.rx.packets ?? 0,
      bytes_from_local: stats64?.rx.bytes ?? 0,
      packets_to_local: stats64?.tx.packets ?? 0,
      bytes_to_local: stats64?.tx.bytes ?? 0,
    },
  }
}

/** Ways in which a VXLAN device may be another one than plan.ts asks for. */
const foreignVxlan = [
  'remote',
  'remote6',
  'group',
  'group6',
  'link',
  'external',
  'gbp',
  'gpe',
  'proxy',
  'rsc',
  'l2miss',
  'l3miss',
  'ttl_inherit',
]

function ownFacts(row: LinkJson, facts: Map<string, string>): void {
  const { ifname: name, linkinfo = {} } = row
  const data = linkinfo.info_data ?? {}
  // The far end comes and goes with the near one; one that has lost it goes alone.
  const isPaired = isFar(name) && farOf(row.link ?? '') === name && isNear(row.link ?? '')
  if (!isPaired) facts.set(`device ${name}`, deviceOf(row, linkinfo.info_kind, data))
  facts.set(`link ${name} mtu`, `${row.mtu}`)
  facts.set(`link ${name} addrgenmode`, row.inet6_addr_gen_mode ?? 'none')
  facts.set(`link ${name} state`, stateOf(row))
  if (row.master !== undefined) facts.set(`slave ${name}`, row.master)
  if (linkinfo.info_kind === 'bridge') {
    facts.set(`link ${name} address`, row.address ?? '')
    facts.set(`bridge ${name} mcast_snooping`, `${data.mcast_snooping ?? 0}`)
    facts.set(`bridge ${name} vlan_filtering`, `${data.vlan_filtering ?? 0}`)
    facts.set(`bridge ${name} ageing_time`, `${data.ageing_time ?? 0}`)
  }
  if (linkinfo.info_kind !== 'vxlan') return
  for (const setting of ['learning', 'neigh_suppress', 'flood']) {
    const value = linkinfo.info_slave_data?.[setting]
    if (value !== undefined) facts.set(`port ${name} ${setting}`, value ? 'on' : 'off')
  }
}

/** In the words of `ip link add`. */
function deviceOf(
  row: LinkJson,
  kind: string | undefined,
  data: Readonly<Record<string, unknown>>,
): string {
  if (kind === 'bridge') return `type bridge stp_state ${data.stp_state}`
  if (kind === 'vlan') return `link ${row.link} type vlan id ${data.id}`
  if (kind === 'veth') return patchDevice(row.link ?? '')
  if (kind !== 'vxlan') return `type ${kind}`
  const isV6 = data.local6 !== undefined
  const checksum = isV6
    ? `${data.udp_zero_csum6_tx ? '' : 'no'}udp6zerocsumtx ${data.udp_zero_csum6_rx ? '' : 'no'}udp6zerocsumrx`
    : `df ${data.df ?? 'unset'} ${data.udp_csum ? '' : 'no'}udpcsum`
  return [
    `type vxlan id ${data.id} local ${data.local ?? data.local6} dstport ${data.port}`,
    `${data.learning === false ? 'no' : ''}learning`,
    checksum,
    ...foreignVxlan.filter((key) => data[key] !== undefined && data[key] !== false),
  ].join(' ')
}

function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', 'utf8').trim() === '0'
  } catch {
    return false // a kernel without it
  }
}

function bridgeNetfilter(): boolean {
  return ['iptables', 'ip6tables'].some((name) => {
    try {
      return readFileSync(`/proc/sys/net/bridge/bridge-nf-call-${name}`, 'utf8').trim() === '1'
    } catch {
      return false // no such filter in this kernel
    }
  })
}

async function json<T>(
  argv: readonly [string, ...string[]],
  signal: AbortSignal | undefined,
): Promise<readonly T[]> {
  const { code, stdout, stderr } = await run(argv, { signal })
  if (code !== 0) throw new ReadError(`${argv.join(' ')}: ${stderr.trim() || `ended with ${code}`}`)
  const rows: T[] = stdout.trim() === '' ? [] : JSON.parse(stdout)
  // iproute2 prints an empty object for what it left out.
  return rows.filter((row) => Object.keys(row as object).length > 0)
}
