/**
 * The way of one frame through a site, by what hosts should have: on each host stage by stage which flow matched and which
 * intent it is from, then by the tunnel to the next. It is the pipeline that forwards that is asked (`dataplane/trace`), never
 * a second opinion of ours. A host of kind vtep is a box: what it has are rows, and its kernel decides by them.
 * Neighbours: trace.ts asks and judges, frame.ts makes the frame, site.ts gives the flows.
 */

import { dropReasons as switchReasons } from '../../dataplane/packet/drop.ts'
import { type BridgeTrace, traceableBridge } from '../../dataplane/trace/bridge-trace.ts'
import { type FlowBytes, flowKey } from '../../southbound/openflow/flow.ts'
import { formatFlow } from '../../southbound/openflow/text.ts'
import { formatMac, isGroupMac } from '../../southbound/wire/address.ts'
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { reasonOf } from '../compiler/cookie.ts'
import { flowItemId } from '../compiler/items.ts'
import { dropReasons } from '../compiler/reason.ts'
import { patchOfport, TUNNEL_OFPORT, table } from '../compiler/stages.ts'
import type { Host, Network, Port } from '../model/schema.ts'
import { tunnelBetween } from '../model/tunnel.ts'
import type { TraceSite } from './site.ts'

/** A flow that the frame met. */
export interface Stage {
  /** `portSecurity`; of a table that is none of ours its number. */
  readonly stage: string
  readonly table: number
  /** As ovs-ofctl writes it; undefined: no flow of the table matched. */
  readonly flow?: string
  /** The intents behind it: 'port/acme/vm1'. */
  readonly from: readonly string[]
}

/** What became of the frame, or of a copy, on a host. */
export type End =
  | { readonly kind: 'arrives'; readonly port?: string; readonly ofport?: number }
  | {
      readonly kind: 'tunnel'
      readonly host: string
      readonly vni: number
      readonly remote: string
    }
  | { readonly kind: 'physical'; readonly physicalNetwork: string }
  | { readonly kind: 'dropped'; readonly reason: string; readonly sentence: string }

export interface Hop {
  readonly host: string
  /** `port 3` or `the tunnel from h1`. */
  readonly by: string
  readonly frameBytes: number
  readonly stages: readonly Stage[]
  readonly ends: readonly End[]
  /** The flows of the stages, as bytes. */
  readonly met: readonly FlowBytes[]
}

/** Hosts that one frame may come to; where a flood goes to more, those are not walked. */
const MOST_HOPS = 64

const stageNames = new Map(Object.entries(table).map(([name, number]) => [number as number, name]))
const UNDERLAY_HEADER = 14

interface Arriving {
  readonly host: string
  readonly frame: Uint8Array
  readonly by: string
  readonly port: number
  readonly tunnel?: { readonly vni: number; readonly from: string; readonly to: string }
}

/** @param at where the frame comes in: a host of kind ovs and an OpenFlow port of its br-int */
export function walk(
  site: TraceSite,
  {
    host,
    ofport,
    frame,
  }: { readonly host: string; readonly ofport: number; readonly frame: Uint8Array },
): Hop[] {
  return follow(site, [{ host, frame, by: `port ${ofport}`, port: ofport }])
}

function follow(site: TraceSite, waiting: Arriving[]): Hop[] {
  const bridges = new Map<string, ReturnType<typeof traceableBridge>>()
  const bridge = (host: string) => {
    const known = bridges.get(host) ?? traceableBridge(site.content(host))
    bridges.set(host, known)
    return known
  }
  const hops: Hop[] = []
  for (let next = waiting.shift(); next && hops.length < MOST_HOPS; next = waiting.shift()) {
    const host = site.snapshot.get('host', next.host)
    if (!host) continue
    const [hop, onwards] =
      host.kind === 'ovs'
        ? switched(site, host, next, bridge(next.host)(next))
        : [delivered(site, next, site.networkWithVni(next.tunnel?.vni)), []]
    hops.push(hop)
    waiting.push(...onwards)
  }
  return hops
}

/** The same for a frame that a guest of a vtep host sends. @param at the port of the guest */
export function walkFromDevice(
  site: TraceSite,
  { host, port, frame }: { readonly host: string; readonly port: Port; readonly frame: Uint8Array },
): Hop[] {
  const net = site.snapshot.get('network', `${port.tenant}/${port.network}`)
  const self = site.snapshot.get('host', host)
  const mac = ethernet.get.dst(frame, 0)
  const remotes = new Set(
    isGroupMac(mac) ? [] : site.remotesOf(host, net?.uuid ?? '', formatMac(mac)),
  )
  const by = port.interface ?? 'a port of its own'
  const local = delivered(site, { host, by, frame, port: 0 }, net)
  const peers = [...remotes].flatMap((remote) => site.hostWithVtep(remote) ?? [])
  const [peer] = peers
  const tunnel = self && peer && tunnelBetween(self, peer)
  if (!peer || !tunnel || net?.vni === undefined) return [local]
  const end: End = { kind: 'tunnel', host: peer.id, vni: net.vni, remote: tunnel.remote }
  const sent = { vni: net.vni, from: tunnel.local, to: tunnel.remote }
  const first: Hop = { host, by, frameBytes: frame.length, stages: [], ends: [end], met: [] }
  const arriving = { host: peer.id, frame, by: `the tunnel from ${host}`, port: TUNNEL_OFPORT }
  return [first, ...follow(site, [{ ...arriving, tunnel: sent }])]
}

function switched(
  site: TraceSite,
  host: Host,
  { frame, by }: Arriving,
  trace: BridgeTrace,
): [Hop, Arriving[]] {
  const onwards: Arriving[] = []
  const ends: End[] = []
  for (const sent of trace.sent) {
    if (sent.port !== TUNNEL_OFPORT) {
      ends.push(landing(site, host, sent.port, sent.frame))
      continue
    }
    const peer = site.hostWithVtep(sent.remote)
    const tunnel = peer && tunnelBetween(host, peer)
    const bytes = sent.frame.length - UNDERLAY_HEADER + (tunnel?.overheadBytes ?? 0)
    const least = peer && [host, peer].sort((a, b) => a.underlayMtuBytes - b.underlayMtuBytes)[0]
    if (!peer || !tunnel || !least) {
      const sentence = `${sent.remote || 'no address'} is no VTEP of the site that ${host.id} reaches`
      ends.push({ kind: 'dropped', reason: 'vtep_unreachable', sentence })
    } else if (bytes > least.underlayMtuBytes) {
      const sentence = `${bytes} bytes in the tunnel, and the underlay of ${least.id} carries ${least.underlayMtuBytes}`
      ends.push({ kind: 'dropped', reason: 'underlay_mtu_exceeded', sentence })
    } else {
      ends.push({ kind: 'tunnel', host: peer.id, vni: sent.vni, remote: sent.remote })
      onwards.push({
        ...{ host: peer.id, frame: sent.frame, port: TUNNEL_OFPORT },
        by: `the tunnel from ${host.id}`,
        tunnel: { vni: sent.vni, from: tunnel.local, to: tunnel.remote },
      })
    }
  }
  const stages = trace.lookups.map(({ tableId, flow }) => stageOf(site, host.id, tableId, flow))
  ends.push(...dropsOf(trace))
  const met = trace.lookups.flatMap(({ flow }) => flow ?? [])
  return [{ host: host.id, by, frameBytes: frame.length, stages, ends, met }, onwards]
}

function stageOf(site: TraceSite, host: string, tableId: number, flow?: FlowBytes): Stage {
  const stage = stageNames.get(tableId) ?? `${tableId}`
  if (!flow) return { stage, table: tableId, from: [] }
  const from = site.lookup(host, flowItemId(flowKey(flow)))?.from ?? []
  return { stage, table: tableId, flow: formatFlow({ ...flow, cookie: 0n }), from }
}

/** A drop of ours has its reason in the cookie of the flow; others are the switch's own. */
function dropsOf({ lookups, drops }: BridgeTrace): End[] {
  const ours = lookups.flatMap(({ flow }) => (flow && reasonOf(flow.cookie)) ?? [])
  const named = ours.map((reason): End => {
    return { kind: 'dropped', reason, sentence: dropReasons[reason][1] }
  })
  const others = drops.filter((reason) => reason !== 'flow_no_output' || ours.length === 0)
  return [
    ...named,
    ...others.map((reason): End => ({ kind: 'dropped', reason, sentence: switchReasons[reason] })),
  ]
}

/** Out of an OpenFlow port: to the guest that is there, or to a physical network. */
function landing(site: TraceSite, host: Host, ofport: number, frame: Uint8Array): End {
  for (const [id, { number }] of site.snapshot.list('physicalNetwork'))
    if (patchOfport(number) === ofport) return { kind: 'physical', physicalNetwork: id }
  const port = site.portAt(host.id, ofport, vidOf(frame)) ?? site.portAt(host.id, ofport, 0)
  return { kind: 'arrives', ofport, ...(port !== undefined && { port }) }
}

const vidOf = (frame: Uint8Array): number =>
  ethernet.get.type(frame, 0) === ETH_TYPE.vlan ? vlan.get.vid(frame, ethernet.size) : 0

/** A vtep host gives a frame to whom it names, or to everybody of the network. */
function delivered(
  site: TraceSite,
  { host, by, frame }: Arriving,
  network: Network | undefined,
): Hop {
  const mac = ethernet.get.dst(frame, 0)
  const ends = site
    .portsOn(host, network)
    .filter((port) => isGroupMac(mac) || port.mac === formatMac(mac))
    .map((port): End => ({ kind: 'arrives', port: `${port.tenant}/${port.id}` }))
  const none: End = {
    ...{ kind: 'dropped', reason: 'mac_unknown' },
    sentence: 'the device has no port of this network with that MAC',
  }
  const all = ends.length > 0 ? ends : [none]
  return { host, by, frameBytes: frame.length, stages: [], ends: all, met: [] }
}
