/**
 * A host in a process: bridges as the Open_vSwitch database describes them, one underlay, and the
 * connections to managers and controllers that its rows name. Level, not edge: every commit ends
 * in the same comparison of rows with what is there. To a controller it is an Open vSwitch.
 * Neighbours: bridge-rows.ts (one Bridge row), managers.ts; operator.ts does what an operator types.
 */
import type { Storage } from '../../southbound/ovsdb/database.ts'
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import { type Clock, systemClock } from '../../southbound/wire/clock.ts'
import type { Dial } from '../../southbound/wire/dialer.ts'
import { type Random, systemRandom, uuids } from '../../southbound/wire/random.ts'
import type { Listen, Network } from '../../southbound/wire/remote.ts'
import { type Conntrack, type ConntrackOptions, conntrack } from '../conntrack/conntrack.ts'
import { DROP, type DropCounters, dropCounters } from '../packet/drop.ts'
import { type PacketPool, packetPool } from '../packet/packet.ts'
import type { CompileFlow } from '../pipeline/compiled-flow.ts'
import type { FramePort } from '../ports/frame-port.ts'
import type { MemoryPort } from '../ports/memory.ts'
import { patchPanel } from '../ports/patch.ts'
import { openUnderlay } from '../tunnel/open-underlay.ts'
import { tunnelTable } from '../tunnel/tunnel-table.ts'
import type { Underlay, UnderlayOptions } from '../tunnel/underlay.ts'
import { randomMac } from './addresses.ts'
import { type Announcements, announcements, type BridgeOpened } from './announcements.ts'
import type { Bridge, SwitchLog } from './bridge.ts'
import { type BridgeRows, bridgeRows, interfacesOf, namedBridges } from './bridge-rows.ts'
import { differs } from './differs.ts'
import { introduction } from './identity.ts'
import { warnOfIgnored } from './ignored.ts'
import type { InterfaceHost } from './interfaces.ts'
import { internals } from './internals.ts'
import { type Managers, managers } from './managers.ts'
import { plug, setManager } from './operator.ts'
import { interfaceStatistics } from './statistics.ts'
import { underlayReport } from './underlay-report.ts'

export interface SwitchOptions {
  /** external_ids:system-id of the host. */
  readonly systemId: string
  readonly dial: Dial
  /** For passive targets of Manager and Controller rows; without it these only report that. */
  readonly listen?: Listen | undefined
  /** Holds the database; without it the rows are gone with the process. */
  readonly storage?: Storage
  /** Interfaces of type '' and system are the kernel's devices, unless one is registered. */
  readonly systemDevices?: boolean
  /**
   * A bridge is there; `serve` speaks its OpenFlow over a stream. cur_cfg waits for it to resolve, with
   * what is called when the bridge goes.
   */
  readonly bridgeOpened?: BridgeOpened
  /** The VTEP; without one, tunnel ports drop with `tunnel_no_underlay`. */
  readonly underlay?: UnderlayOptions
  readonly clock?: Clock
  /** For addresses that nobody chose, secrets of hashes, and uuids of rows. Default: the system's. */
  readonly random?: Random | undefined
  /** What several switches of one process may have together; left out, it is this one's own. */
  readonly shared?: Shared | undefined
  readonly log?: SwitchLog
  /** Limits and timeouts of connection tracking. */
  readonly conntrack?: Omit<ConntrackOptions, 'random'>
  /** Interface.statistics are written this often, ms; 0 = never. Default 5,000. */
  readonly statisticsIntervalMs?: number
}

/** A frame is in one switch at a time, and a flow is compiled without knowing whose it is. */
export interface Shared {
  readonly pool: PacketPool
  readonly compileFlow: CompileFlow
}

const ops = operations(openVSwitch)
const SILENT: SwitchLog = { info() {}, warn() {} }

export class Switch {
  readonly database: OvsdbServer<typeof openVSwitch>
  readonly drops: DropCounters = dropCounters()
  readonly #options: SwitchOptions
  readonly #clock: Clock
  readonly #log: SwitchLog
  readonly #pool: PacketPool
  readonly conntrack: Conntrack
  readonly #devices = new Map<string, FramePort>()
  readonly #random: Random
  readonly #newMac = () => randomMac(this.#random)
  readonly #internals = internals(this.#newMac)
  readonly #bridges = new Map<string, BridgeRows>()
  readonly #managers: Managers
  readonly #network: Network
  readonly #interfaces: InterfaceHost
  readonly #warnOfIgnored: () => void
  readonly #announcements: Announcements
  readonly #tunnels = tunnelTable()
  /** The device under the tunnels. */
  #carrier: { readonly port: FramePort; readonly stop: () => void } | undefined
  readonly #waiting = new Set<() => void>()
  readonly #interval: number
  #scheduled = false
  /** Counts the times at which everything that failed is worth a new try. */
  #ticks = 0
  #closed = false
  #cancelTick = () => {}

  constructor(options: SwitchOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#pool = options.shared?.pool ?? packetPool()
    this.#interval = options.statisticsIntervalMs ?? 5000
    this.#log = options.log ?? SILENT
    this.conntrack = conntrack({
      random: this.#random,
      ...options.conntrack,
    })
    this.#network = { dial: options.dial, listen: options.listen }
    this.database = new OvsdbServer(openVSwitch, {
      ...{ clock: this.#clock, newUuid: uuids(options.random) },
      ...(options.storage && { storage: options.storage }),
    })
    if (this.database.table('Open_vSwitch').size === 0) {
      this.database.transact([ops.insert('Open_vSwitch', {})])
    }
    this.#managers = managers({
      ...{ database: this.database, network: this.#network, clock: this.#clock, log: this.#log },
      changed: () => this.#reportManagers(),
    })
    this.#announcements = announcements({
      ...{ bridgeOpened: options.bridgeOpened, log: this.#log },
      changed: () => this.#applyLater(),
    })
    this.#introduce()
    this.#warnOfIgnored = warnOfIgnored(this.database, this.#log)
    this.#interfaces = {
      clock: this.#clock,
      patches: patchPanel(),
      device: (name) => this.#devices.get(name),
      internal: this.#internals.inside,
      systemDevices: options.systemDevices ?? false,
      tunnels: this.#tunnels,
      mac: this.#newMac,
    }
    this.database.onCommit(() => this.#applyLater())
    if (options.underlay) this.useUnderlay(options.underlay)
    this.#tickLater()
    this.#applyLater()
  }

  /** Says in the database who this is, where nobody has said otherwise. */
  #introduce(): void {
    const writes = introduction(this.root, this.#options.systemId)
    if (writes.length > 0) this.database.transact(writes)
  }

  /** The one row of the Open_vSwitch table. */
  get root(): RowOf<'Open_vSwitch'> {
    const [root] = this.database.table('Open_vSwitch').values()
    if (!root) throw new Error('the Open_vSwitch row is gone')
    return root
  }

  /** What carries the tunnels; undefined: nothing does. */
  get underlay(): Underlay | undefined {
    return this.#tunnels.underlay
  }

  /** Another underlay in the place of the one there is. @throws WireError: underlay.ts */
  useUnderlay(options: UnderlayOptions | undefined): void {
    // The one before lets go of its port and its sockets first.
    this.#tunnels.use(undefined)
    this.#carrier?.stop()
    this.#carrier = undefined
    this.#applyLater()
    if (!options) return
    const next = openUnderlay(options, {
      clock: this.#clock,
      drop: (reason) => this.drops.count(reason),
      warn: (fields, event) => this.#log.warn(fields, event),
      receive: (bytes, start, end, outer) => {
        const port = this.#tunnels.find(outer)
        if (port) port.receive(bytes, start, end, outer)
        else this.drops.count(DROP.tunnel_no_port)
      },
    })
    this.#tunnels.use(next)
    if (!('port' in options)) return
    const { port } = options
    this.#carrier = { port, stop: port.onState(() => this.#applyLater()) }
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
      await this.#nextApply(signal)
    }
  }

  /** Rejects with the signal's reason, and when the switch is closed. */
  async #nextApply(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    signal.throwIfAborted()
    if (this.#closed) throw new Error('the switch is closed')
  }

  /** Resolves when all that the rows ask for is real, or reported; rejects with the signal's reason. */
  async whenSettled(signal: AbortSignal): Promise<void> {
    this.#applyLater()
    do await this.#nextApply(signal)
    while (this.#isPending)
  }

  /** Makes a device known by name to Interface rows of type '', system, memory and pcap. */
  register(name: string, device: FramePort): void {
    this.#devices.set(name, device)
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
    return this.#internals.outside(name)
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
    // A client may have deleted it; then there is nothing, and whoever makes it anew starts over.
    const [root] = this.database.table('Open_vSwitch').values()
    if (root && root.db_version === undefined) this.#introduce()
    const rows = root ? namedBridges(this.database, root) : []
    this.#closeBridges(new Set(rows.map(({ name }) => name)))
    const claimed = new Set<string>()
    const generation = `${root?.next_cfg} ${this.#ticks}`
    const writes = rows.flatMap((row) => {
      try {
        return this.#openBridge(row).apply(
          row,
          interfacesOf(this.database, row, claimed),
          generation,
        )
      } catch (error) {
        // A fault here must not take the other bridges along.
        this.#log.warn({ bridge: row.name, error }, 'could not do what the rows say')
        return []
      }
    })
    this.#managers.apply(root?.manager_options ?? [])
    this.#warnOfIgnored()
    const interfaces = this.database.table('Interface').values()
    this.#internals.keep(new Set([...interfaces].map(({ name }) => name)))
    if (root && root.cur_cfg !== root.next_cfg && !this.#isPending) {
      writes.push(ops.update('Open_vSwitch', root._uuid, { cur_cfg: root.next_cfg }))
    }
    if (root) writes.push(...underlayReport(root, this.#carrier?.port, this.underlay?.mtuBytes))
    if (this.#interval > 0) {
      const isNew = ({ statistics }: RowOf<'Interface'>) => Object.keys(statistics).length === 0
      writes.push(...interfaceStatistics(this.database, this.#bridges.values(), isNew))
    }
    this.#write(writes)
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  /** Something that the rows ask for is still being opened. */
  get #isPending(): boolean {
    if (this.#announcements.isPending) return true
    return [...this.#bridges.values()].some(({ interfaces }) => interfaces.isPending)
  }

  #closeBridges(left: ReadonlySet<string>): void {
    for (const [name, open] of this.#bridges) {
      if (left.has(name)) continue
      this.#bridges.delete(name)
      this.#announcements.gone(name)
      open.close()
      this.#log.info({ bridge: name }, 'bridge removed')
    }
  }

  #openBridge(row: RowOf<'Bridge'>): BridgeRows {
    const already = this.#bridges.get(row.name)
    if (already) return already
    const open = bridgeRows(row, {
      database: this.database,
      network: this.#network,
      clock: this.#clock,
      drops: this.drops,
      pool: this.#pool,
      conntrack: this.conntrack,
      random: this.#random,
      compileFlow: this.#options.shared?.compileFlow,
      log: this.#log,
      interfaces: this.#interfaces,
      changed: () => this.#applyLater(),
      controllerChanged: () => this.#reportControllers(),
    })
    this.#bridges.set(row.name, open)
    this.#log.info({ bridge: row.name }, 'bridge added')
    this.#announcements.come(row.name, open.controllers.serve)
    return open
  }

  // ---- reality to rows --------------------------------------------------------------------------

  #reportManagers(): void {
    this.#report('Manager', this.#managers.columns())
  }

  #reportControllers(): void {
    const open = [...this.#bridges.values()]
    this.#report(
      'Controller',
      open.flatMap(({ controllers }) => [...controllers.columns()]),
    )
  }

  #report(
    table: 'Manager' | 'Controller',
    all: Iterable<readonly [uuid: string, columns: object]>,
  ): void {
    const rows = this.database.table(table)
    const writes = [...all].flatMap(([uuid, columns]) => {
      const row = rows.get(uuid)
      return row && differs(row, columns) ? [ops.update(table, uuid, columns as never)] : []
    })
    this.#write(writes)
  }

  #write(operations: readonly Operation[]): void {
    if (this.#closed || operations.length === 0) return
    try {
      this.database.transact(operations)
    } catch (error) {
      // What is reported is ours: a row that refuses it is a fault here, and no reason to end.
      this.#log.warn({ error }, 'could not report to the database')
    }
  }

  #tickLater(): void {
    if (this.#interval === 0 || this.#closed) return
    this.#cancelTick = this.#clock.after(this.#interval, () => {
      this.#ticks++
      this.#write(interfaceStatistics(this.database, this.#bridges.values()))
      this.#reportManagers()
      this.#reportControllers()
      this.#applyLater()
      this.#tickLater()
    })
  }

  /** Ends all connections and ports. The database and its flows are gone with the switch. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTick()
    this.#managers.close()
    this.#announcements.close()
    for (const open of this.#bridges.values()) open.close()
    this.#carrier?.stop()
    this.#tunnels.use(undefined)
    this.database.close()
    for (const resolve of this.#waiting) resolve()
  }
}
