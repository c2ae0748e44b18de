/**
 * The second back end of the agent: what rows of hardware_vtep ask for, as flows and groups of a bridge of our
 * own switch, in this process. Nobody else writes to that bridge, so nothing drifts; a pass changes the
 * flows that differ, in one step between two frames, and touches no other.
 * Neighbours: network-flows.ts (what should be), physical-bridges.ts (uplinks), stations.ts (what packets taught); host.ts puts an agent on top.
 */
import type { Backend, Drop, Report, SeenPort, Traffic } from '../../southbound/agent/backend.ts'
import type { Desired } from '../../southbound/agent/desired.ts'
import type { Fault } from '../../southbound/agent/fault.ts'
import { flowKey } from '../../southbound/openflow/flow.ts'
import { type Clock, systemClock } from '../../southbound/wire/clock.ts'
import type { Random } from '../../southbound/wire/random.ts'
import { DROP, type DropCounters, dropCounters } from '../packet/drop.ts'
import { packetPool } from '../packet/packet.ts'
import type { FramePort } from '../ports/frame-port.ts'
import { Bridge, type SwitchLog } from '../switch/bridge.ts'
import { openUnderlay } from '../tunnel/open-underlay.ts'
import { tunnelOptions } from '../tunnel/tunnel-options.ts'
import type { TunnelPort } from '../tunnel/tunnel-port.ts'
import { tunnelTable } from '../tunnel/tunnel-table.ts'
import type { UnderlayOptions } from '../tunnel/underlay.ts'
import { install } from './install.ts'
import { type Planned, planNetworks } from './network-flows.ts'
import { physicalBridges } from './physical-bridges.ts'
import { type HeardDrops, listenToDrops, shownOf } from './shown.ts'
import { listenTo, stationsOf } from './stations.ts'
import { type DropOf, TUNNEL_OFPORT } from './tables.ts'

export interface SwitchBackendOptions {
  /** The VTEP; without one every network stays on this host. */
  readonly underlay?: UnderlayOptions | undefined
  readonly clock?: Clock | undefined
  readonly log?: SwitchLog | undefined
  /** For the secrets of hashes. Default: the system's. */
  readonly random?: Random | undefined
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
  /** An interface of the host that may be an uplink of a bridge; it is the caller's to close. */
  register(name: string, device: FramePort): void
  /** Lets go of ports and underlay. */
  close(): void
}

interface Plugged {
  readonly ofport: number
  readonly device: FramePort
  readonly ifaceId: string | undefined
  readonly stop: () => void
}

const CAPABILITIES = ['acl', 'arp_suppression', 'bridge', 'mtu', 'vlan', 'vxlan'] as const
const NO_TRAFFIC: Traffic = {
  ...{ packets_from_local: 0, bytes_from_local: 0, packets_to_local: 0, bytes_to_local: 0 },
}
const SILENT: SwitchLog = { info() {}, warn() {} }
const TUNNEL = { key: 'flow', remote_ip: 'flow', local_ip: 'flow' }

/** @throws WireError for an underlay address that is none */
export function openSwitchBackend(options: SwitchBackendOptions = {}): SwitchBackend {
  const { clock = systemClock, log = SILENT, random, underlay: carrier } = options
  const drops = dropCounters()
  const pool = packetPool()
  const open = (name: string) =>
    new Bridge({ ...{ name, datapathId: 0n, clock, drops, pool, log, random } })
  const bridge = open('vtep')
  const registered = new Map<string, FramePort>()
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
  const heard: HeardDrops = new Map()
  listenToDrops(bridge, heard, changed)
  const physical = physicalBridges({
    open,
    find: (name) => (plugged.has(name) ? 'is a port of a guest' : registered.get(name)),
    join(name, near) {
      const ofport = ++lastOfport
      bridge.addDevice(ofport, name, near)
      return { ofport, leave: () => bridge.removePort(ofport) }
    },
  })

  const isOurs = (local: string | undefined) =>
    local !== undefined &&
    carrier !== undefined &&
    (tunnels.underlay?.addresses ?? []).some((address) => address === local)

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

  function trafficOf(ofport: number): Traffic {
    const counters = bridge.ports.get(ofport)?.counters
    return {
      packets_from_local: counters?.rxPackets ?? 0,
      bytes_from_local: counters?.rxBytes ?? 0,
      packets_to_local: counters?.txPackets ?? 0,
      bytes_to_local: counters?.txBytes ?? 0,
    }
  }

  /** By interface and VID. */
  function taggedTraffic(): Map<string, Map<number, Traffic>> {
    const found = new Map<string, Map<number, Traffic>>()
    for (const flow of bridge.flows.all()) {
      const of = settled.get(flowKey(flow))?.count
      if (of === undefined) continue
      const vids = found.get(of.port) ?? new Map<number, Traffic>()
      const traffic = vids.get(of.vid) ?? NO_TRAFFIC
      const packets = `packets_${of.side}_local` as const
      const bytes = `bytes_${of.side}_local` as const
      vids.set(of.vid, {
        ...traffic,
        [packets]: traffic[packets] + flow.packets,
        [bytes]: traffic[bytes] + flow.bytes,
      })
      found.set(of.port, vids)
    }
    return found
  }

  const ports = (tagged = taggedTraffic()): SeenPort[] => [
    ...[...plugged].map(([name, { ofport, device, ifaceId }]) => ({
      ...{ name, ifaceId, mtuBytes: device.mtuBytes, isUp: device.up },
      traffic: trafficOf(ofport),
      tagged: tagged.get(name),
    })),
    ...physical.ports(trafficOf),
  ]

  function realize(desired: Desired, local: string | undefined, prune: boolean): Report {
    const underlay = isOurs(local) ? tunnels.underlay : undefined
    const networks = underlay
      ? desired.networks
      : desired.networks.map((network) => ({ ...network, local: undefined }))
    const refused = prune ? physical.want(desired.bridges) : []
    const interfaces = [...plugged].map(([name, { ofport }]) => [name, ofport] as const)
    const ofports = new Map([...interfaces, ...physical.ofports])
    const planned = planNetworks(
      { networks },
      {
        ofports,
        underlayMtuBytes: underlay?.mtuBytes,
      },
    )
    let changes = 0
    if (prune) {
      changes = install(bridge, planned)
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
      localMacs: stationsOf(bridge, networks, ofports, physical.ofports),
      drops: [...dropsOf(), ...physical.drops()],
      shown: shownOf(
        [...settled.values()].flatMap(({ drop }) => drop ?? []),
        heard,
      ),
      repairs: [],
      changes,
      faults: [...planned.faults, ...refused, ...missing],
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
      if (plugged.has(name) || registered.has(name)) {
        throw new Error(`there is an interface ${name} already`)
      }
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
    register(name, device) {
      registered.set(name, device)
      device.onState(changed)
      changed()
    },
    close() {
      for (const { stop } of plugged.values()) stop()
      physical.close()
      bridge.close()
      tunnels.use(undefined)
    },
  }
}
