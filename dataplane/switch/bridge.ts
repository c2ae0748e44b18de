/**
 * One bridge: ports, flow tables, groups, meters and the pipeline over them, and the sessions of
 * its controllers. Changes of flows and groups go through change(), all or nothing.
 * Neighbours: pipeline.ts (life of a packet), openflow/agent.ts (sessions), switch.ts (owner).
 */
import type { Action } from '../../southbound/openflow/action.ts'
import { packetInReason } from '../../southbound/openflow/message.ts'
import * as reserved from '../../southbound/openflow/port.ts'
import type { NewMatcher } from '../classifier/matcher.ts'
import { type Conntrack, conntrack } from '../conntrack/conntrack.ts'
import { type PacketIn, packetIn } from '../openflow/packet-in.ts'
import type { PortMod } from '../openflow/port-mod.ts'
import { applyPortMod } from '../openflow/port-mod.ts'
import { checkFlowsFit, checkGroupFits } from '../openflow/reply-size.ts'
import { DROP, type DropCounters } from '../packet/drop.ts'
import { IN_PORT } from '../packet/key-layout.ts'
import type { PacketPool } from '../packet/packet.ts'
import { compileActions } from '../pipeline/actions.ts'
import { type FlowMod, type FlowTables, flowTables } from '../pipeline/flow-table.ts'
import { frameMatch } from '../pipeline/frame-match.ts'
import { type GroupMod, type Groups, groups } from '../pipeline/groups.ts'
import { type Journal, newJournal, removedReason, rollBack } from '../pipeline/journal.ts'
import { defaultLimits, type Limits } from '../pipeline/limits.ts'
import { CONTROLLER_METER, METER, type MeterMod, type Meters, meters } from '../pipeline/meters.ts'
import { type Pipeline, pipeline } from '../pipeline/pipeline.ts'
import type { Program } from '../pipeline/program.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { ControllerTarget, Run, Step } from '../pipeline/run.ts'
import type { FramePort } from '../ports/frame-port.ts'
import type { TunnelOptions } from '../tunnel/tunnel-options.ts'
import { type TunnelPort, tunnelPort } from '../tunnel/tunnel-port.ts'
import { SENT, type Underlay } from '../tunnel/underlay.ts'
import { type BridgePort, devicePort } from './bridge-port.ts'
import type { Clock } from './clock.ts'
import { type Lessons, lessons } from './lessons.ts'
import { type Normal, normal } from './normal.ts'
import type { Cause, Session } from './session.ts'

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
  /** Shared by the bridges of a switch. Default: one of its own. */
  readonly conntrack?: Conntrack | undefined
  readonly log: SwitchLog
  /** Default: what flow-table.ts takes. */
  readonly matcher?: NewMatcher | undefined
  /** Bounds of what controllers can make grow. Default: limits.ts. */
  readonly limits?: Partial<Limits> | undefined
  /** From 0 to 1, for the secrets of hashes. Default Math.random. */
  readonly random?: (() => number) | undefined
}

const EXPIRY_MS = 1000
const TO_NORMAL: readonly Step[] = [(run) => run.datapath.output(run, reserved.NORMAL, 0)]

export class Bridge {
  readonly name: string
  datapathId: bigint
  readonly clock: Clock
  readonly ports = new Map<number, BridgePort>()
  readonly sessions = new Set<Session>()
  readonly flows: FlowTables
  readonly limits: Limits
  readonly groups: Groups
  readonly meters: Meters
  readonly conntrack: Conntrack
  /** OFPC_FRAG_DROP is set. */
  dropsFragments = false
  /** Every packet goes to NORMAL and no table is asked: fail-mode.ts. */
  failsOpen = false
  /** Last generation_id of a role request, OpenFlow 1.3.5 §6.3.5. */
  generationId: bigint | undefined
  /** What the open bundles of all controllers are charged with: bundles.ts. */
  bundleBytes = 0
  readonly lessons: Lessons
  readonly #drops: DropCounters
  readonly #pool: PacketPool
  readonly log: SwitchLog
  readonly #pipeline: Pipeline
  readonly #normal: Normal
  #cancelExpiry: (() => void) | undefined

  constructor(options: BridgeOptions) {
    this.name = options.name
    this.datapathId = options.datapathId
    this.clock = options.clock
    this.#drops = options.drops
    this.#pool = options.pool
    this.log = options.log
    const { random = Math.random } = options
    this.conntrack = options.conntrack ?? conntrack({ random })
    this.limits = { ...defaultLimits, ...options.limits }
    this.groups = groups(this.limits)
    this.meters = meters(this.limits)
    this.flows = flowTables(
      (program) => this.#checkReferences(program),
      options.matcher,
      this.limits,
      random,
    )
    this.#normal = normal(
      {
        ports: this.ports,
        send: (run, ofport) => this.#send(run, ofport),
        drop: (run, reason) => this.#drop(run, reason),
      },
      random,
    )
    this.lessons = lessons(this)
    const bridge = this
    this.#pipeline = pipeline({
      get dropsFragments() {
        return bridge.dropsFragments
      },
      tables: this.flows,
      groups: this.groups,
      meters: this.meters,
      pool: options.pool,
      conntrack: this.conntrack,
      output: (run, port, maxLen) => this.#output(run, port, maxLen),
      controller: (run, reason, maxLen, to) => this.#toControllers(run, reason, maxLen, to),
      learn: (mod) => this.lessons.learn(mod),
      drop: (reason) => this.#drops.count(reason),
      isUp: (ofport) => {
        const port = this.ports.get(ofport)
        return port?.up === true && (port.config & reserved.portConfig.port_down) === 0
      },
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
      receive: (bytes, start, end) => {
        if (!this.#takes(port)) return
        if (this.failsOpen) this.#pipeline.execute(bytes, ofport, TO_NORMAL, start, end)
        else this.#pipeline.receive(bytes, start, end, ofport)
      },
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
      tunnel: options,
      ofport,
      name,
      mac,
      now: this.clock.now(),
      underlay,
      closed,
      receive: (bytes, start, end, outer) => {
        if (!this.#takes(port)) return
        this.#pipeline.receiveTunneled(bytes, start, end, ofport, outer)
      },
    })
    this.#addPort(port)
    return port
  }

  /** Whether frames that come in by the port are looked at. */
  #takes({ config }: BridgePort): boolean {
    const { port_down, no_recv } = reserved.portConfig
    if ((config & (port_down | no_recv)) === 0) return true
    this.#drops.count((config & port_down) !== 0 ? DROP.port_down : DROP.port_no_recv)
    return false
  }

  /** Throws a Refusal. Sessions are told of it when the journal holds. */
  applyPortMod(mod: PortMod, journal: Journal): void {
    const port = applyPortMod(this.ports, mod, journal)
    if (port) journal.told.push(() => this.#tellPort(reserved.portReason.modify, port))
  }

  #addPort(port: BridgePort): void {
    this.ports.set(port.ofport, port)
    this.#tellPort(reserved.portReason.add, port)
  }

  removePort(ofport: number): void {
    const port = this.ports.get(ofport)
    if (!port) return
    this.ports.delete(ofport)
    this.#normal.forget(ofport)
    port.close()
    this.#tellPort(reserved.portReason.delete, port)
  }

  #tellPort(reason: number, port: BridgePort): void {
    this.#tell((session) => session.portStatus(reason, port))
  }

  /** What fails for one session is not held against the others, nor against who caused it. */
  #tell(one: (session: Session) => void): void {
    for (const session of this.sessions) {
      try {
        one(session)
      } catch (error) {
        this.log.warn({ bridge: this.name, error }, 'a controller could not be told')
      }
    }
  }

  // ---- forwarding -----------------------------------------------------------------------------

  /** A packet-out: runs actions on a frame. Throws a Refusal for actions that cannot be. */
  execute(frame: Uint8Array, inPort: number, actions: readonly Action[]): void {
    const compiled = compileActions(actions, { match: frameMatch(this.#pool, frame) })
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
      case reserved.NORMAL:
        return this.#normal.output(run)
      case reserved.CONTROLLER: {
        const { flow } = run
        const miss = flow !== undefined && flow.priority === 0 && flow.match.length === 0
        const reason = miss ? packetInReason.no_match : packetInReason.action
        if (!this.#toControllers(run, reason, maxLen)) this.#drop(run, DROP.no_controller)
        return
      }
      case reserved.ALL:
      case reserved.FLOOD:
        for (const [ofport, { config }] of this.ports) {
          const left = reserved.portConfig.no_fwd | reserved.portConfig.port_down
          if (ofport !== inPort && (config & left) === 0) this.#send(run, ofport)
        }
        return
      default:
        if (port !== inPort) this.#send(run, port)
        else run.held = DROP.output_in_port
    }
  }

  #send(run: Run, ofport: number): void {
    const port = this.ports.get(ofport)
    let result: number = DROP.port_unknown
    if (port) result = port.config === 0 ? port.transmit(run) : this.#sendGuarded(run, port)
    if (result === SENT) {
      run.sent++
      const queue = port?.queues.get(run.queue)
      if (queue) {
        queue.packets++
        queue.bytes += run.packet.end - run.packet.start
      }
      return
    }
    if (port) port.counters.txDropped++
    this.#drop(run, result)
  }

  /** Out of a port that a port_mod has changed. */
  #sendGuarded(run: Run, port: BridgePort): number {
    const { port_down, no_fwd } = reserved.portConfig
    if ((port.config & port_down) !== 0) return DROP.port_down
    return (port.config & no_fwd) !== 0 ? DROP.port_no_fwd : port.transmit(run)
  }

  #toControllers(run: Run, reason: number, maxLen: number, to?: ControllerTarget): boolean {
    const inPort = this.ports.get(run.key[IN_PORT]!)
    if (inPort && (inPort.config & reserved.portConfig.no_packet_in) !== 0) {
      this.#drop(run, DROP.port_no_packet_in)
      return true
    }
    const meter = this.meters.all.get(CONTROLLER_METER)
    const size = run.packet.end - run.packet.start
    if (meter && this.meters.pass(meter, size, run.now) === METER.drop) {
      this.#drop(run, DROP.meter_exceeded)
      return true
    }
    let message: PacketIn | undefined
    let taken = false
    const id = to?.controller_id ?? 0
    for (const session of this.sessions) {
      if ((session.controllerId ?? 0) !== id || !session.takesPacketIn(reason)) continue
      message ??= packetIn(run, reason)
      taken = session.packetIn(message, maxLen, to?.userdata) || taken
    }
    if (taken) run.sent++
    return taken
  }

  #drop(run: Run, reason: number): void {
    run.dropped++
    this.#drops.count(reason)
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
    for (const tell of journal.told) tell()
    if (events.length === 0) return
    this.lessons.changed(events)
    const timed = events.some(({ flow }) => flow.idle_timeout + flow.hard_timeout > 0)
    if (timed && !this.#cancelExpiry) this.#expireLater()
    this.#tell((session) => session.flowsChanged(events, cause))
  }

  applyFlowMod(mod: FlowMod, journal: Journal): void {
    const before = journal.events.length
    this.flows.apply(mod, this.clock.now(), journal)
    checkFlowsFit(journal.events, before)
  }

  applyGroupMod(mod: GroupMod, journal: Journal): void {
    for (const id of this.groups.apply(mod, this.clock.now(), journal)) {
      for (const flow of this.flows.usersOfGroup(id)) {
        this.flows.remove(flow, removedReason.group_delete, journal)
      }
    }
    checkGroupFits(this.groups.all.get(mod.group_id))
  }

  /** No bundle takes these, so none is ever rolled back. */
  applyMeterMod(mod: MeterMod, cause: Cause): void {
    const gone = this.meters.apply(mod, this.clock.now())
    if (gone.length === 0) return
    this.change(cause, (journal) => {
      for (const id of gone) {
        for (const flow of this.flows.usersOfMeter(id)) {
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
