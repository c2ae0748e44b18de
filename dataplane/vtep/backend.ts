/**
 * The second back end of the agent: what rows of hardware_vtep ask for, as flows and groups of a bridge of our
 * own switch, in this process. Nobody else writes to that bridge, so nothing drifts; a pass changes the
 * flows that differ, in one step between two frames, and touches no other.
 * Neighbours: network-flows.ts (what should be), stations.ts (what packets taught); host.ts puts an agent on top.
 */
import type { Backend, Drop, Report, SeenPort } from '../../southbound/agent/backend.ts'
import type { Desired } from '../../southbound/agent/desired.ts'
import type { Fault } from '../../southbound/agent/fault.ts'
import { flowKey, sameBytes, sameFlow } from '../../southbound/openflow/flow.ts'
import { flowFlags, flowMod, groupMod } from '../../southbound/openflow/message.ts'
import { type Clock, systemClock } from '../../southbound/wire/clock.ts'
import { DROP, type DropCounters, dropCounters } from '../packet/drop.ts'
import { packetPool } from '../packet/packet.ts'
import { removedReason } from '../pipeline/journal.ts'
import type { FramePort } from '../ports/frame-port.ts'
import { Bridge, type SwitchLog } from '../switch/bridge.ts'
import { openUnderlay } from '../tunnel/open-underlay.ts'
import { tunnelOptions } from '../tunnel/tunnel-options.ts'
import type { TunnelPort } from '../tunnel/tunnel-port.ts'
import { tunnelTable } from '../tunnel/tunnel-table.ts'
import type { UnderlayOptions } from '../tunnel/underlay.ts'
import { type Planned, planNetworks } from './network-flows.ts'
import { listenTo, stationsOf } from './stations.ts'
import { type DropOf, type PlannedFlow, TUNNEL_OFPORT, table } from './tables.ts'

export interface SwitchBackendOptions {
  /** The VTEP; without one every network stays on this host. */
  readonly underlay?: UnderlayOptions | undefined
  readonly clock?: Clock | undefined
  readonly log?: SwitchLog | undefined
  /** From 0 to 1, for the secrets of hashes. Default Math.random. */
  readonly random?: (() => number) | undefined
}

export interface SwitchBackend extends Backend {
  /** For looking at: its flows are this back end's. */
  readonly bridge: Bridge
  /** Frames that went nowhere, by the switch's own reasons. */
  readonly drops: DropCounters
  /**
   * A guest's interface appears; rows may bind it by this name. `ifaceId`: the uuid of the port that it wants
   * to be, what an ifalias is in the kernel. Throws when the name is taken.
   */
  plug(name: string, device: FramePort, ifaceId?: string): void
  unplug(name: string): void
  /** Lets go of ports and underlay. */
  close(): void
}

interface Plugged {
  readonly ofport: number
  readonly device: FramePort
  readonly ifaceId: string | undefined
  readonly stop: () => void
}

const CAPABILITIES = ['acl', 'arp_suppression', 'mtu', 'vlan', 'vxlan'] as const
const SILENT: SwitchLog = { info() {}, warn() {} }
const TUNNEL = { key: 'flow', remote_ip: 'flow', local_ip: 'flow' }

/** @throws WireError for an underlay address that is none */
export function openSwitchBackend(options: SwitchBackendOptions = {}): SwitchBackend {
  const { clock = systemClock, log = SILENT, random, underlay: carrier } = options
  const drops = dropCounters()
  const bridge = new Bridge({
    ...{ name: 'vtep', datapathId: 0n, clock, drops, pool: packetPool(), log, random },
  })
  const plugged = new Map<string, Plugged>()
  const watchers = new Set<() => void>()
  const changed = () => {
    for (const watcher of watchers) watcher()
  }
  let lastOfport = 0
  let settled: Planned['flows'] = new Map()

  const tunnels = tunnelTable()
  const tunnel: TunnelPort = bridge.addTunnel(
    TUNNEL_OFPORT,
    'vxlan',
    0,
    tunnelOptions('vxlan', TUNNEL),
    () => tunnels.underlay,
    () => tunnels.remove(tunnel),
  )
  tunnels.add(tunnel)
  if (carrier) {
    const underlay = openUnderlay(carrier, {
      clock,
      drop: (reason) => drops.count(reason),
      warn: (fields, event) => log.warn(fields, event),
      receive(bytes, start, end, outer) {
        const port = tunnels.find(outer)
        if (port) port.receive(bytes, start, end, outer)
        else drops.count(DROP.tunnel_no_port)
      },
    })
    tunnels.use(underlay)
  }
  listenTo(bridge, changed)

  const isOurs = (local: string | undefined) =>
    local !== undefined &&
    carrier !== undefined &&
    (tunnels.underlay?.addresses ?? []).some((address) => address === local)

  /** Returns how many flows and groups it added, changed or removed. */
  function install({ flows, groups }: Planned): number {
    let count = 0
    bridge.change(undefined, (journal) => {
      // Those that others name come first: their numbers are higher.
      for (const [id, group] of [...groups].sort(([a], [b]) => b - a)) {
        const there = bridge.groups.all.get(id)
        if (there && sameBytes(there.bytes, group.buckets)) continue
        bridge.applyGroupMod(groupMod(there ? 'modify' : 'add', group), journal)
        count++
      }
      const left = new Map<string, PlannedFlow>(flows)
      for (const flow of [...bridge.flows.all()]) {
        if (flow.table_id === table.learned && flow.hard_timeout > 0) continue
        const key = flowKey(flow)
        const wanted = left.get(key)
        if (wanted && sameFlow(wanted, flow)) left.delete(key)
        else if (!wanted) {
          bridge.flows.remove(flow, removedReason.delete, journal)
          count++
        } else {
          // Counters go on only where they mean the same.
          const flags = wanted.cookie === flow.cookie ? 0 : flowFlags.reset_counts
          bridge.applyFlowMod(flowMod('add', wanted, flags), journal)
          left.delete(key)
          count++
        }
      }
      for (const flow of left.values()) bridge.applyFlowMod(flowMod('add', flow), journal)
      count += left.size
      for (const [id, { group_type }] of [...bridge.groups.all]) {
        if (groups.has(id)) continue
        const gone = { group_id: id, group_type, buckets: new Uint8Array(0) }
        bridge.applyGroupMod(groupMod('delete', gone), journal)
        count++
      }
    })
    return count
  }

  function dropsOf(): Drop[] {
    const found = new Map<string, { of: DropOf; packets: number }>()
    for (const flow of bridge.flows.all()) {
      const of = settled.get(flowKey(flow))?.drop
      if (of === undefined) continue
      const key = JSON.stringify(of)
      const entry = found.get(key) ?? { of, packets: 0 }
      found.set(key, entry)
      entry.packets += flow.packets
    }
    return [...found.values()].map(({ of, packets }) => ({ ...of, packets }))
  }

  const ports = (): SeenPort[] =>
    [...plugged].map(([name, { ofport, device, ifaceId }]) => {
      const counters = bridge.ports.get(ofport)?.counters
      return {
        ...{ name, ifaceId, mtuBytes: device.mtuBytes, isUp: device.up },
        traffic: {
          packets_from_local: counters?.rxPackets ?? 0,
          bytes_from_local: counters?.rxBytes ?? 0,
          packets_to_local: counters?.txPackets ?? 0,
          bytes_to_local: counters?.txBytes ?? 0,
        },
      }
    })

  function realize(desired: Desired, local: string | undefined, prune: boolean): Report {
    const underlay = isOurs(local) ? tunnels.underlay : undefined
    const networks = underlay
      ? desired.networks
      : desired.networks.map((network) => ({ ...network, local: undefined }))
    const planned = planNetworks(
      { networks },
      {
        ofports: new Map([...plugged].map(([name, { ofport }]) => [name, ofport])),
        underlayMtuBytes: underlay?.mtuBytes,
      },
    )
    let changes = 0
    if (prune) {
      changes = install(planned)
      settled = planned.flows
    }
    const missing: Fault[] =
      local !== undefined && !underlay
        ? [{ code: 'vtep_address_missing', subject: { kind: 'host' }, detail: local }]
        : []
    const device = carrier && 'port' in carrier ? carrier.port.name : 'udp'
    return {
      capabilities: CAPABILITIES,
      missing: [],
      underlay: underlay && { device, mtuBytes: underlay.mtuBytes },
      ports: ports(),
      networks: planned.networks,
      localMacs: stationsOf(bridge, networks, plugged),
      drops: dropsOf(),
      repairs: [],
      changes,
      faults: [...planned.faults, ...missing],
    }
  }

  return {
    name: 'switch',
    bridge,
    drops,
    realize(desired, { local, prune, signal }) {
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      return Promise.resolve(realize(desired, local, prune))
    },
    watch(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    plug(name, device, ifaceId) {
      if (plugged.has(name)) throw new Error(`there is an interface ${name} already`)
      // Never used again: what was learned of a port that is gone says nothing of another.
      const ofport = ++lastOfport
      const stop = device.onState(changed)
      plugged.set(name, { ofport, device, ifaceId, stop })
      bridge.addDevice(ofport, name, device)
      changed()
    },
    unplug(name) {
      const port = plugged.get(name)
      if (!port) return
      plugged.delete(name)
      port.stop()
      bridge.removePort(port.ofport)
      changed()
    },
    close() {
      for (const { stop } of plugged.values()) stop()
      bridge.close()
      tunnels.use(undefined)
    },
  }
}
