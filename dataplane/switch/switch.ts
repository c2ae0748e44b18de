/**
 * A host in a process: bridges as the Open_vSwitch database describes them, one underlay, and the
 * connections to managers and controllers that its rows name. Level, not edge: every commit ends
 * in the same comparison of rows with what is there. To a controller it is an Open vSwitch.
 * Neighbours: bridge-rows.ts (one Bridge row), dialer.ts; operator.ts does what an operator types.
 */
import { operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import { formatMac, parseMac } from '../../southbound/wire/address.ts'
import { DROP, type DropCounters, dropCounters } from '../packet/drop.ts'
import { packetPool } from '../packet/packet.ts'
import { type FramePort, type MemoryPort, memoryPair } from '../ports/memory.ts'
import { findTunnel, type TunnelPort } from '../tunnel/tunnel-port.ts'
import { type Underlay, type UnderlayOptions, underlay } from '../tunnel/underlay.ts'
import type { Bridge, SwitchLog } from './bridge.ts'
import { type BridgeRows, bridgeRows, DEFAULT_BACKOFF_MS, differs, keepAll } from './bridge-rows.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Dial, keepDialing } from './dialer.ts'
import { plug, setManager } from './operator.ts'

export interface SwitchOptions {
  /** external_ids:system-id of the host. */
  readonly systemId: string
  readonly dial: Dial
  /** The VTEP; without one, tunnel ports drop with `tunnel_no_underlay`. */
  readonly underlay?: UnderlayOptions
  readonly clock?: Clock
  /** From 0 to 1, for addresses that nobody chose. Default Math.random. */
  readonly random?: () => number
  readonly log?: SwitchLog
  /** Interface.statistics are written this often, ms; 0 = never. Default 5,000. */
  readonly statisticsIntervalMs?: number
}

const ops = operations(openVSwitch)
const SILENT: SwitchLog = { info() {}, warn() {} }
const INTERNAL_MTU = 1500

export class Switch {
  readonly database: OvsdbServer<typeof openVSwitch>
  readonly drops: DropCounters = dropCounters()
  readonly underlay: Underlay | undefined
  readonly #options: SwitchOptions
  readonly #clock: Clock
  readonly #log: SwitchLog
  readonly #pool = packetPool()
  readonly #devices = new Map<string, FramePort>()
  readonly #internal = new Map<string, { inside: MemoryPort; outside: MemoryPort }>()
  readonly #bridges = new Map<string, BridgeRows>()
  readonly #managers = new Map<string, () => void>()
  readonly #tunnels = new Set<TunnelPort>()
  readonly #waiting = new Set<() => void>()
  #scheduled = false
  #closed = false
  #cancelStatistics = () => {}

  constructor(options: SwitchOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? SILENT
    this.database = new OvsdbServer(openVSwitch)
    this.database.transact([
      ops.insert('Open_vSwitch', {
        external_ids: { 'system-id': options.systemId, hostname: options.systemId },
        ovs_version: '3.1.0',
        db_version: openVSwitch.version,
        system_type: 'weft',
        datapath_types: ['netdev', 'system'],
        iface_types: ['internal', 'memory', 'pcap', 'system', 'vxlan'],
      }),
    ])
    this.database.onCommit(() => this.#applyLater())
    this.underlay =
      options.underlay &&
      underlay(options.underlay, {
        clock: this.#clock,
        drop: (reason) => this.drops.count(reason),
        receive: (bytes, start, end, vni, src, dst) => {
          const port = findTunnel(this.#tunnels, vni, src)
          if (port) port.receive(bytes, start, end, vni, src, dst)
          else this.drops.count(DROP.tunnel_no_port)
        },
      })
    this.#writeStatisticsLater()
  }

  /** The one row of the Open_vSwitch table. */
  get root(): RowOf<'Open_vSwitch'> {
    const [root] = this.database.table('Open_vSwitch').values()
    if (!root) throw new Error('the Open_vSwitch row is gone')
    return root
  }

  bridge(name: string): Bridge | undefined {
    return this.#bridges.get(name)?.bridge
  }

  /** Resolves when the bridge exists; rejects with the signal's reason. */
  async whenBridge(name: string, signal: AbortSignal): Promise<Bridge> {
    for (;;) {
      signal.throwIfAborted()
      if (this.#closed) throw new Error('the switch is closed')
      const bridge = this.bridge(name)
      if (bridge) return bridge
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /** Makes a device known by name to Interface rows of type '', system, memory and pcap. */
  register(name: string, device: FramePort): void {
    this.#devices.set(name, device)
    device.onState(() => this.#applyLater())
    this.#applyLater()
  }

  unregister(name: string): void {
    this.#devices.delete(name)
    this.#applyLater()
  }

  /** As `ovs-vsctl set-manager`: operator.ts. */
  setManager(target: string, options: { maxBackoffMs?: number } = {}): void {
    setManager(this, target, options)
  }

  /** Connects a workload's device to a bridge, with its iface-id: operator.ts. */
  plug(bridge: string, name: string, ifaceId: string, device: FramePort): void {
    plug(this, bridge, name, ifaceId, device)
  }

  /** The process's end of an internal interface, such as a bridge's own port. */
  internal(name: string): MemoryPort {
    return this.#internalPair(name).outside
  }

  #internalPair(name: string, mac = this.#randomMac()) {
    let pair = this.#internal.get(name)
    if (!pair) {
      const host = { name: `${name}.host`, mac }
      const [inside, outside] = memoryPair({ name, mac, mtuBytes: INTERNAL_MTU }, host)
      inside.onState(() => this.#applyLater())
      pair = { inside, outside }
      this.#internal.set(name, pair)
    }
    return pair
  }

  /** Locally administered, unicast. */
  #randomMac(): number {
    const random = this.#options.random ?? Math.random
    return 0x02_00_00_00_00_00 + Math.floor(random() * 2 ** 40)
  }

  // ---- rows to reality --------------------------------------------------------------------------

  #applyLater(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (!this.#closed) this.#apply()
    })
  }

  #apply(): void {
    const { root } = this
    const rows = root.bridges.flatMap((uuid) => this.database.table('Bridge').get(uuid) ?? [])
    const names = new Set(rows.map((row) => row.name))
    for (const [name, open] of this.#bridges) {
      if (names.has(name)) continue
      open.close()
      this.#bridges.delete(name)
      this.#log.info({ bridge: name }, 'bridge removed')
    }
    const writes = rows.flatMap((row) => this.#openBridge(row).apply(row))
    this.#applyManagers(root)
    if (root.cur_cfg !== root.next_cfg) {
      writes.push(ops.update('Open_vSwitch', root._uuid, { cur_cfg: root.next_cfg }))
    }
    if (writes.length > 0) this.database.transact(writes)
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  #openBridge(row: RowOf<'Bridge'>): BridgeRows {
    const already = this.#bridges.get(row.name)
    if (already) return already
    const { hwaddr, 'datapath-id': chosen } = row.other_config
    const mac = validMac(hwaddr) ?? this.#randomMac()
    const datapathId = /^(0x)?[0-9a-f]{1,16}$/i.test(chosen ?? '')
      ? BigInt(`0x${chosen?.replace(/^0x/i, '')}`)
      : BigInt(mac)
    const open = bridgeRows(row.name, datapathId, mac, {
      database: this.database,
      dial: this.#options.dial,
      clock: this.#clock,
      drops: this.drops,
      pool: this.#pool,
      log: this.#log,
      interfaces: {
        device: (name) => this.#devices.get(name),
        internal: (name, own) => this.#internalPair(name, own).inside,
        tunnels: this.#tunnels,
        underlay: () => this.underlay,
        mac: () => this.#randomMac(),
      },
      report: (table, uuid, values) => this.#report(table, uuid, values),
    })
    this.#bridges.set(row.name, open)
    this.#log.info({ bridge: row.name, mac: formatMac(mac) }, 'bridge added')
    return open
  }

  #applyManagers(root: RowOf<'Open_vSwitch'>): void {
    const managers = this.database.table('Manager')
    const rows = root.manager_options.flatMap((uuid) => managers.get(uuid) ?? [])
    keepAll(this.#managers, rows, ({ _uuid, target, max_backoff }) =>
      keepDialing({
        target,
        dial: this.#options.dial,
        clock: this.#clock,
        maxBackoffMs: max_backoff ?? DEFAULT_BACKOFF_MS,
        serve: async (stream) => {
          const session = this.database.accept(stream)
          return { ended: session.closed, close: () => session.close() }
        },
        onState: (is_connected, error) => {
          const fields = { manager: target, error: error?.message }
          this.#log.info(fields, is_connected ? 'connected' : 'disconnected')
          this.#report('Manager', _uuid, { is_connected })
        },
      }),
    )
  }

  #report(table: 'Manager' | 'Controller', uuid: string, values: object): void {
    const row = this.#closed ? undefined : this.database.table(table).get(uuid)
    if (row && differs(row, values)) {
      this.database.transact([ops.update(table, uuid, values as never)])
    }
  }

  // ---- statistics, end --------------------------------------------------------------------------

  #writeStatisticsLater(): void {
    const interval = this.#options.statisticsIntervalMs ?? 5000
    if (interval === 0 || this.#closed) return
    this.#cancelStatistics = this.#clock.after(interval, () => {
      this.#writeStatistics()
      this.#writeStatisticsLater()
    })
  }

  #writeStatistics(): void {
    const writes = [...this.database.table('Interface').values()].flatMap((row) => {
      const [port] = [...this.#bridges.values()].flatMap((open) => open.port(row.name) ?? [])
      if (!port) return []
      const { rxPackets, rxBytes, txPackets, txBytes, txDropped } = port.counters
      const statistics = {
        rx_bytes: rxBytes,
        rx_packets: rxPackets,
        tx_bytes: txBytes,
        tx_dropped: txDropped,
        tx_packets: txPackets,
      }
      const changed = Object.entries(statistics).some(([name, n]) => row.statistics[name] !== n)
      return changed ? [ops.update('Interface', row._uuid, { statistics })] : []
    })
    if (writes.length > 0) this.database.transact(writes)
  }

  /** Ends all connections and ports. The database and its flows are gone with the switch. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelStatistics()
    for (const stop of this.#managers.values()) stop()
    for (const open of this.#bridges.values()) open.close()
    this.underlay?.close()
    this.database.close()
    for (const resolve of this.#waiting) resolve()
  }
}

function validMac(text: string | undefined): number | undefined {
  return text !== undefined && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)
    ? parseMac(text)
    : undefined
}
