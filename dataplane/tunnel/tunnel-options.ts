/**
 * The options of a vxlan interface, as ovs-vswitchd.conf.db(5) has them: what each may be, and what
 * Open vSwitch says when it is not. Neighbours: tunnel-port.ts, switch/interfaces.ts (rows).
 */
import { WireError } from '../../southbound/wire/error.ts'
import { VXLAN_PORT } from '../../southbound/wire/vxlan.ts'
import { PortError } from '../ports/frame-port.ts'
import { type Address, isNone, parseAddress } from './address.ts'

export interface TunnelOptions {
  /** The VNI of what comes in; 'flow' = any, told in the flow's tunnel_id. */
  readonly inKey: number | 'flow'
  /** The VNI of what goes out; 'flow' = the flow's tunnel_id. */
  readonly outKey: number | 'flow'
  /** 'flow' = the flow's tun_dst or tun_ipv6_dst; what comes in may be from anyone. */
  readonly remoteIp: Address | 'flow'
  /** 'flow' = the flow's tun_src or tun_ipv6_src; 'any' = whatever the underlay has. */
  readonly localIp: Address | 'flow' | 'any'
  /** UDP port, both to send to and to listen on. */
  readonly dstPort: number
  /** DSCP in the upper 6 bits; 'inherit' = the inner packet's. ECN always is. */
  readonly tos: number | 'inherit'
  readonly ttl: number | 'inherit'
  readonly dontFragment: boolean
  /** Outer UDP checksums over IPv4; over IPv6 they are always there. */
  readonly checksum: boolean
}

/** What Open vSwitch takes when nothing is said. */
export const DEFAULT_TTL = 64

type Text = string | undefined

const isTrue = (text: Text, otherwise: boolean) =>
  text === undefined ? otherwise : text === 'true'

function number(text: string, name: string, least: number, most: number): number {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new PortError(`${name} '${text}' is not a number from ${least} to ${most}`)
}

const vni = (text: Text, name: string): number | 'flow' =>
  text === 'flow' ? text : number(text ?? '0', name, 0, 0xff_ffff)

/**
 * Keys that this switch does not know are ignored, as Open vSwitch ignores them.
 * @throws PortError with a sentence for Interface.error
 */
export function tunnelOptions(
  name: string,
  options: Readonly<Record<string, Text>>,
): TunnelOptions {
  try {
    return parse(options)
  } catch (cause) {
    if (!(cause instanceof PortError || cause instanceof WireError)) throw cause
    // Where in the text a wire error is says nothing here.
    throw new PortError(`${name}: ${cause.message.replace(/ \(at byte \d+\)$/, '')}`, { cause })
  }
}

function parse(options: Readonly<Record<string, Text>>): TunnelOptions {
  const { key, remote_ip, local_ip, dst_port, tos, ttl, exts } = options
  if (exts !== undefined && exts !== '') {
    throw new PortError(`exts '${exts}': this switch has neither VXLAN-GPE nor VXLAN-GBP`)
  }
  if (remote_ip === undefined) throw new PortError("vxlan type requires valid 'remote_ip' argument")
  const address = (text: string) => {
    const parsed = parseAddress(text)
    if (isNone(parsed) || text === '0.0.0.0') throw new PortError(`'${text}' is no host`)
    return parsed
  }
  const remoteIp = remote_ip === 'flow' ? remote_ip : address(remote_ip)
  if (local_ip === 'flow' && remoteIp !== 'flow') {
    throw new PortError("vxlan type requires 'remote_ip=flow' with 'local_ip=flow'")
  }
  const dscp = tos === undefined || tos === 'inherit' ? 0 : number(tos, 'tos', 0, 255)
  if ((dscp & 3) !== 0) throw new PortError(`tos '${tos}': its ECN bits are the inner packet's`)
  return {
    inKey: vni(options.in_key ?? key, 'in_key' in options ? 'in_key' : 'key'),
    outKey: vni(options.out_key ?? key, 'out_key' in options ? 'out_key' : 'key'),
    remoteIp,
    localIp: local_ip === undefined ? 'any' : local_ip === 'flow' ? local_ip : address(local_ip),
    dstPort: number(dst_port ?? String(VXLAN_PORT), 'dst_port', 1, 65_535),
    tos: tos === 'inherit' ? tos : dscp,
    ttl: ttl === 'inherit' ? ttl : number(ttl ?? String(DEFAULT_TTL), 'ttl', 0, 255) || DEFAULT_TTL,
    dontFragment: isTrue(options.df_default, true),
    checksum: isTrue(options.csum, false),
  }
}
