/**
 * What should be on the switch: networks and the ports that there are -> flows and groups. Pure.
 * Neighbours: tables.ts (the pipeline), port-flows.ts (members), backend.ts (installs them).
 */
import { isIPv4 } from 'node:net'
import { type Desired, type Network, vtepsOf } from '../../southbound/agent/desired.ts'
import type { Fault } from '../../southbound/agent/fault.ts'
import { type Action, moveField } from '../../southbound/openflow/action.ts'
import { encodeGroup, type GroupBytes, groupType } from '../../southbound/openflow/group.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { isGroupMac, parseMac } from '../../southbound/wire/address.ts'
import { ETH_TYPE } from '../../southbound/wire/ethernet.ts'
import { answerFlows, selfFlows } from './answer-flows.ts'
import { fromVtep, toVteps } from './locator.ts'
import { memberFlows, type PlacedMember } from './port-flows.ts'
import { showFlows } from './shown.ts'
import * as tables from './tables.ts'
import { emit, type Flows, group, memberNumber, register, resubmit, set, table } from './tables.ts'

export interface Planned {
  readonly flows: Flows
  readonly groups: ReadonlyMap<number, GroupBytes>
  readonly networks: readonly { readonly vni: number; readonly mtuBytes: number }[]
  readonly faults: readonly Fault[]
}

export interface Ports {
  /** ofport by interface. */
  readonly ofports: ReadonlyMap<string, number>
  /** Largest IP packet on the underlay; undefined: there is none. */
  readonly underlayMtuBytes: number | undefined
}

const GROUP_BIT: Match = { eth_dst: [0x0100_0000_0000, 0x0100_0000_0000] }
/** 01:80:c2:00:00:00 to 0f: for the bridge next door, but for the first, which a bridge without STP passes on. */
const LINK_LOCAL = 0x0180_c200_0000
const DEFAULT_MTU = 1500
/** Buckets of one group; more are in groups of their own. */
const MAX_BUCKETS = 400
/** Above the numbers of all networks. */
const NESTED = 2 ** 26

export function planNetworks(
  desired: Pick<Desired, 'networks'>,
  { ofports, underlayMtuBytes }: Ports,
): Planned {
  const flows: Flows = new Map()
  const groups = new Map<number, GroupBytes>()
  const faults: Fault[] = []
  const networks: { vni: number; mtuBytes: number }[] = []
  if (desired.networks.length > 0) commonFlows(flows)
  for (const network of desired.networks) {
    const mtuBytes = mtuOf(network, underlayMtuBytes)
    networks.push({ vni: network.vni, mtuBytes })
    const members = network.members.flatMap((member): PlacedMember[] => {
      const { interface: name } = member
      const ofport = ofports.get(name)
      if (ofport !== undefined) return [{ ...member, ofport }]
      const subject = { kind: 'port', name } as const
      faults.push({ code: 'interface_missing', subject, detail: name })
      return []
    })
    for (const member of members) memberFlows(flows, faults, network, mtuBytes, member)
    floods(groups, network, members)
    stationFlows(flows, network)
    tunnelFlows(flows, network)
  }
  return { flows, groups, networks, faults }
}

function mtuOf({ mtuBytes, local }: Network, underlayMtuBytes: number | undefined): number {
  if (mtuBytes !== undefined) return mtuBytes
  if (local === undefined || underlayMtuBytes === undefined) return DEFAULT_MTU
  return underlayMtuBytes - (isIPv4(local) ? 50 : 70)
}

/** Of every network. */
function commonFlows(flows: Flows): void {
  const { arrive, admit, ingress, learn, answer, remote, learned, decide, egress } = table
  emit(flows, arrive, 300, { eth_src: GROUP_BIT.eth_dst as readonly [number, number] })
  emit(flows, arrive, 250, { eth_dst: LINK_LOCAL }, { goto: table.classify })
  emit(flows, arrive, 200, { eth_dst: [LINK_LOCAL, 0xffff_ffff_fff0] })
  emit(flows, arrive, 0, {}, { goto: table.classify })
  emit(flows, admit, 0, {}, { goto: ingress })
  emit(flows, ingress, 0, {}, { goto: learn })
  emit(flows, learn, 100, { [register.fromTunnel]: 1 }, { goto: remote })
  emit(flows, learn, 0, {}, { apply: [LEARN], goto: answer })
  emit(flows, answer, 0, {}, { goto: remote })
  emit(flows, remote, 0, {}, { apply: [resubmit(learned)], goto: decide })
  emit(flows, learned, 0, {}, { apply: [] })
  emit(flows, decide, 0, {}, { goto: egress })
  emit(flows, egress, 0, {}, { goto: table.emit })
  const putBack = [
    { kind: 'push_vlan', ethertype: ETH_TYPE.vlan },
    moveField(register.lifted, 'vlan_tci'),
    resubmit(admit),
  ] as const
  emit(flows, table.below, 0, {}, { apply: putBack })
  showFlows(flows)
}

/** The sender's MAC is behind the member that it came from. */
const LEARN: Action = {
  kind: 'learn',
  ...{ idle_timeout: 0, hard_timeout: tables.AGEING_S, fin_idle_timeout: 0, fin_hard_timeout: 0 },
  ...{ priority: tables.LEARNED_PRIORITY, cookie: 0n, flags: 0, table_id: table.learned },
  specs: [
    field('match', register.network, register.network, 32),
    field('match', 'eth_src', 'eth_dst', 48),
    field('load', register.source, register.destination, 32),
  ],
}

function field<K extends 'match' | 'load', S extends string, D extends string>(
  kind: K,
  src: S,
  dst: D,
  n_bits: number,
) {
  return { kind, n_bits, src: { field: src, ofs: 0 }, dst: { field: dst, ofs: 0 } }
}

function floods(
  groups: Map<number, GroupBytes>,
  { vni, local, flood }: Network,
  members: readonly PlacedMember[],
): void {
  const here = members.map(({ ofport, vid }): Action[] => [
    set(register.destination, memberNumber(ofport, vid)),
    resubmit(table.egress),
  ])
  const there = local === undefined ? [] : flood.map((vtep) => toVteps(vni, local, [vtep]))
  addGroup(groups, tables.localGroup(vni), here)
  addGroup(groups, tables.floodGroup(vni), [...here, ...there])
}

function addGroup(
  groups: Map<number, GroupBytes>,
  id: number,
  buckets: readonly (readonly Action[])[],
): void {
  let top = buckets
  if (buckets.length > MAX_BUCKETS) {
    const parts: (readonly Action[])[] = []
    for (let at = 0; at < buckets.length; at += MAX_BUCKETS) {
      const part = NESTED * (at / MAX_BUCKETS + 1) + id
      addGroup(groups, part, buckets.slice(at, at + MAX_BUCKETS))
      parts.push([group(part)])
    }
    top = parts
  }
  groups.set(id, encodeGroup({ group_id: id, group_type: groupType.all, buckets: top }))
}

/** Where a network's frames go: MACs of rows first, then those that were learned, else everywhere. */
function stationFlows(flows: Flows, network: Network): void {
  const { vni, local, macs, floodsUnknown } = network
  const at: Match = { [register.network]: vni }
  const [here, everywhere] = [tables.localGroup(vni), tables.floodGroup(vni)]
  const inside: Match = { ...at, [register.fromTunnel]: 0 }
  emit(flows, table.remote, 51, { ...inside, ...GROUP_BIT }, { apply: [group(everywhere)] })
  emit(flows, table.remote, 50, { ...at, ...GROUP_BIT }, { apply: [group(here)] })
  const unknown: Match = { ...at, [register.destination]: 0 }
  if (floodsUnknown) {
    const fromGuest: Match = { ...unknown, [register.fromTunnel]: 0 }
    emit(flows, table.decide, 51, fromGuest, { apply: [group(everywhere)] })
  }
  emit(flows, table.decide, 50, unknown, { apply: [group(here)] })
  if (local === undefined) return
  for (const { mac, vteps, addresses } of macs) {
    const eth_dst = parseMac(mac)
    const send = toVteps(vni, local, vteps)
    if (isGroupMac(eth_dst)) {
      const apply = [...send, group(here)]
      emit(flows, table.remote, 100, { ...inside, eth_dst }, { apply })
      continue
    }
    emit(flows, table.remote, 100, { ...at, eth_dst }, { apply: send })
    for (const address of addresses) {
      answerFlows(flows, at, here, eth_dst, address)
    }
  }
  selfFlows(flows, at, here)
}

/** VXLAN of the network: from the locators in use and from nobody else; untagged. */
function tunnelFlows(flows: Flows, network: Network): void {
  const { vni, local, vlanTransparent } = network
  if (local === undefined) return
  const arriving: Match = { in_port: tables.TUNNEL_OFPORT, tunnel_id: BigInt(vni) }
  for (const vtep of vtepsOf(network)) {
    const apply = [set(register.fromTunnel, 1), set(register.network, vni)]
    emit(
      flows,
      table.classify,
      100,
      { ...arriving, ...fromVtep(vtep) },
      { apply, goto: table.admit },
    )
  }
  emit(flows, table.classify, 50, arriving, { drop: { vni, reason: 'foreign-vtep' } })
  if (vlanTransparent) return
  const inside: Match = { [register.fromTunnel]: 1, [register.network]: vni }
  const drop = { vni, reason: 'vlan' }
  emit(flows, table.admit, 200, { ...inside, vlan_vid: tables.ANY_TAG }, { drop })
  emit(flows, table.admit, 200, { ...inside, eth_type: 0x9100 }, { drop })
}
