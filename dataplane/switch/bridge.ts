/**
 * One bridge: ports, flow tables, groups, meters and the pipeline over them, and the sessions of
 * its controllers. Changes of flows and groups go through change(), all or nothing.
 * Neighbours: pipeline.ts (life of a packet), openflow-agent.ts (sessions), switch.ts (owner).
 */
import type { Action } from '../../southbound/openflow/action.ts'
import type { Body } from '../../southbound/openflow/message.ts'
import { packetInReason } from '../../southbound/openflow/message.ts'
import * as reserved from '../../southbound/openflow/port.ts'
import { packetIn } from '../openflow/packet-in.ts'
import { DROP, type DropCounters } from '../packet/drop.ts'
import { IN_PORT } from '../packet/key-layout.ts'
import type { PacketPool } from '../packet/packet.ts'
import { compileActions } from '../pipeline/actions.ts'
import { type FlowTables, flowTables } from '../pipeline/flow-table.ts'
import { type GroupMod, type Groups, groups } from '../pipeline/groups.ts'
import {
  type FlowEvent,
  type Journal,
  newJournal,
  removedReason,
  rollBack,
} from '../pipeline/journal.ts'
import { type MeterMod, type Meters, meters } from '../pipeline/meters.ts'
import { type Pipeline, pipeline } from '../pipeline/pipeline.ts'
import type { Program } from '../pipeline/program.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Run } from '../pipeline/run.ts'
import type { FramePort } from '../ports/memory.ts'
import { type TunnelOptions, type TunnelPort, tunnelPort } from '../tunnel/tunnel-port.ts'
import { SENT, type Underlay } from '../tunnel/underlay.ts'
import { type BridgePort, devicePort } from './bridge-port.ts'
import type { Clock } from './clock.ts'

/** Who asked for a change: the monitor tells that one in short. */
export interface Cause {
  readonly session: Session
  readonly xid: number
}

/** A controller's connection, as the bridge sees it. */
export interface Session {
  /** controllerRole. */
  readonly role: number
  /** Another session became master: a master becomes slave. */
  demote(): void
  packetIn(message: Extract<Body, { type: 'packet_in' }>, maxLen: number): boolean
  portStatus(reason: number, port: BridgePort): void
  flowsChanged(events: readonly FlowEvent[], cause: Cause | undefined): void
  close(): void
}

export interface SwitchLog {
  info(fields: object, event: string): void
  warn(fields: object, event: string): void
}

export interface BridgeOptions {
  readonly name: string
  readonly datapathId: bigint
  readonly clock: Clock
  readonly drops: DropCounters
  readonly pool: PacketPool
  readonly log: SwitchLog
}

const EXPIRY_MS = 1000

export class Bridge {
  readonly name: string
  readonly datapathId: bigint
  readonly clock: Clock
  readonly ports = new Map<number, BridgePort>()
  readonly sessions = new Set<Session>()
  readonly flows: FlowTables
  readonly groups: Groups = groups()
  readonly meters: Meters = meters()
  /** Last generation_id of a role request, OpenFlow 1.3.5 §6.3.5. */
  generationId: bigint | undefined
  readonly #drops: DropCounters
  readonly log: SwitchLog
  readonly #pipeline: Pipeline
  #cancelExpiry: (() => void) | undefined

  constructor(options: BridgeOptions) {
    this.name = options.name
    this.datapathId = options.datapathId
    this.clock = options.clock
    this.#drops = options.drops
    this.log = options.log
    this.flows = flowTables((program) => this.#checkReferences(program))
    this.#pipeline = pipeline({
      tables: this.flows,
      groups: this.groups,
      meters: this.meters,
      pool: options.pool,
      output: (run, port, maxLen) => this.#output(run, port, maxLen),
      controller: (run, reason, maxLen) => this.#toControllers(run, reason, maxLen),
      drop: (reason) => this.#drops.count(reason),
      isUp: (port) => this.ports.get(port)?.up ?? false,
      fault: (error) => this.log.warn({ bridge: this.name, error }, 'packet processing failed'),
      now: () => this.clock.now(),
    })
  }

  // ---- ports ----------------------------------------------------------------------------------

  addDevice(ofport: number, name: string, device: FramePort): BridgePort {
    const port = devicePort({
      ofport,
      name,
      device,
      now: this.clock.now(),
      receive: (bytes, start, end) => this.#pipeline.receive(bytes, start, end, ofport),
      changed: () => this.#tellPort(reserved.portReason.modify, port),
    })
    this.#addPort(port)
    return port
  }

  addTunnel(
    ofport: number,
    name: string,
    mac: number,
    options: TunnelOptions,
    underlay: () => Underlay | undefined,
    closed: () => void,
  ): TunnelPort {
    const port = tunnelPort({
      ...options,
      ofport,
      name,
      mac,
      now: this.clock.now(),
      underlay,
      closed,
      receive: (bytes, start, end, vni, src, dst) =>
        this.#pipeline.receiveTunneled(bytes, start, end, ofport, vni, src, dst),
    })
    this.#addPort(port)
    return port
  }

  #addPort(port: BridgePort): void {
    this.ports.set(port.ofport, port)
    this.#tellPort(reserved.portReason.add, port)
  }

  removePort(ofport: number): void {
    const port = this.ports.get(ofport)
    if (!port) return
    this.ports.delete(ofport)
    port.close()
    this.#tellPort(reserved.portReason.delete, port)
  }

  #tellPort(reason: number, port: BridgePort): void {
    for (const session of this.sessions) session.portStatus(reason, port)
  }

  // ---- forwarding -----------------------------------------------------------------------------

  /** A packet-out: runs actions on a frame. Throws a Refusal for actions that cannot be. */
  execute(frame: Uint8Array, inPort: number, actions: readonly Action[]): void {
    const compiled = compileActions(actions)
    for (const action of actions) {
      if (action.kind === 'group' && !this.groups.all.has(action.group_id)) {
        refuse('bad_action.bad_out_group', `group ${action.group_id}`)
      }
    }
    this.#pipeline.execute(frame, inPort, compiled.steps)
  }

  #output(run: Run, port: number, maxLen: number): void {
    const inPort = run.key[IN_PORT]!
    switch (port) {
      case reserved.IN_PORT:
        return this.#send(run, inPort)
      case reserved.TABLE:
        return this.#pipeline.enterTables(run)
      case reserved.CONTROLLER: {
        const { flow } = run
        const miss = flow !== undefined && flow.priority === 0 && flow.match.length === 0
        const reason = miss ? packetInReason.no_match : packetInReason.action
        return this.#toControllers(run, reason, maxLen)
      }
      case reserved.ALL:
      case reserved.FLOOD:
        for (const ofport of this.ports.keys()) if (ofport !== inPort) this.#send(run, ofport)
        return
      default:
        if (port !== inPort) this.#send(run, port)
        else run.held = DROP.output_in_port
    }
  }

  #send(run: Run, ofport: number): void {
    const port = this.ports.get(ofport)
    const result = port ? port.transmit(run) : DROP.port_unknown
    if (result === SENT) {
      run.sent++
      return
    }
    if (port) port.counters.txDropped++
    run.dropped++
    this.#drops.count(result)
  }

  #toControllers(run: Run, reason: number, maxLen: number): void {
    const message = packetIn(run, reason)
    let taken = false
    for (const session of this.sessions) taken = session.packetIn(message, maxLen) || taken
    if (taken) run.sent++
    else {
      run.dropped++
      this.#drops.count(DROP.no_controller)
    }
  }

  // ---- changes --------------------------------------------------------------------------------

  /** Carries out flow-mods and group-mods: all, or (when one throws) none. */
  change(cause: Cause | undefined, work: (journal: Journal) => void): void {
    const journal = newJournal()
    try {
      work(journal)
    } catch (error) {
      rollBack(journal)
      throw error
    }
    this.#publish(journal, cause)
  }

  #publish(journal: Journal, cause: Cause | undefined): void {
    const { events } = journal
    if (events.length === 0) return
    for (const session of this.sessions) session.flowsChanged(events, cause)
    const timed = events.some(({ flow }) => flow.idle_timeout + flow.hard_timeout > 0)
    if (timed && !this.#cancelExpiry) this.#expireLater()
  }

  applyGroupMod(mod: GroupMod, journal: Journal): void {
    for (const id of this.groups.apply(mod, this.clock.now(), journal)) {
      for (const flow of this.flows.all()) {
        if (flow.program.groups.includes(id)) {
          this.flows.remove(flow, removedReason.group_delete, journal)
        }
      }
    }
  }

  /** No bundle takes these, so none is ever rolled back. */
  applyMeterMod(mod: MeterMod, cause: Cause): void {
    const gone = this.meters.apply(mod, this.clock.now())
    if (gone.length === 0) return
    this.change(cause, (journal) => {
      for (const flow of this.flows.all()) {
        if (gone.includes(flow.program.meter)) {
          this.flows.remove(flow, removedReason.meter_delete, journal)
        }
      }
    })
  }

  #checkReferences(program: Program): void {
    if (program.meter !== 0 && !this.meters.all.has(program.meter)) {
      refuse('meter_mod_failed.unknown_meter', `${program.meter}`)
    }
    const unknown = program.groups.find((id) => !this.groups.all.has(id))
    if (unknown !== undefined) refuse('bad_action.bad_out_group', `group ${unknown}`)
  }

  #expireLater(): void {
    this.#cancelExpiry = this.clock.after(EXPIRY_MS, () => {
      this.#cancelExpiry = undefined
      const journal = newJournal()
      if (this.flows.expire(this.clock.now(), journal)) this.#expireLater()
      this.#publish(journal, undefined)
    })
  }

  /** Ends sessions and lets go of all ports. */
  close(): void {
    this.#cancelExpiry?.()
    for (const session of [...this.sessions]) session.close()
    for (const ofport of [...this.ports.keys()]) this.removePort(ofport)
  }
}
