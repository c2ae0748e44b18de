/**
 * One bridge: ports, flow tables, groups, meters and the pipeline over them, and the sessions of
 * its controllers. Changes of flows and groups go through change(), all or nothing.
 * Neighbours: pipeline.ts (life of a packet), delivery.ts (its end), openflow/agent.ts (sessions),
 * switch.ts (owner).
 */
import type { Action } from '../../southbound/openflow/action.ts'
import { fragmentHandling } from '../../southbound/openflow/message.ts'
import * as reserved from '../../southbound/openflow/port.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import { type Random, systemRandom } from '../../southbound/wire/random.ts'
import type { NewMatcher } from '../classifier/matcher.ts'
import { type Conntrack, conntrack } from '../conntrack/conntrack.ts'
import type { PortMod } from '../openflow/port-mod.ts'
import { applyPortMod } from '../openflow/port-mod.ts'
import { checkFlowsFit, checkGroupFits } from '../openflow/reply-size.ts'
import { DROP, type DropCounters } from '../packet/drop.ts'
import type { PacketPool } from '../packet/packet.ts'
import { compileActions } from '../pipeline/actions.ts'
import type { CompileFlow } from '../pipeline/compiled-flow.ts'
import { type FlowMod, type FlowTables, flowTables } from '../pipeline/flow-table.ts'
import { frameMatch } from '../pipeline/frame-match.ts'
import { type GroupMod, type Groups, groups } from '../pipeline/groups.ts'
import { type Journal, newJournal, removedReason, rollBack } from '../pipeline/journal.ts'
import { defaultLimits, type Limits } from '../pipeline/limits.ts'
import { type MeterMod, type Meters, meters } from '../pipeline/meters.ts'
import { type Pipeline, pipeline } from '../pipeline/pipeline.ts'
import type { Program } from '../pipeline/program.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Step } from '../pipeline/run.ts'
import type { FramePort } from '../ports/frame-port.ts'
import type { TunnelOptions } from '../tunnel/tunnel-options.ts'
import { type TunnelPort, tunnelPort } from '../tunnel/tunnel-port.ts'
import type { Underlay } from '../tunnel/underlay.ts'
import { type Bonds, bondsOf } from './bonds.ts'
import { type BridgePort, devicePort } from './bridge-port.ts'
import { type Delivery, delivery } from './delivery.ts'
import { type Lessons, lessons } from './lessons.ts'
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
  /** For the secrets of hashes. Default: the system's. */
  readonly random?: Random | undefined
  /** Left out, each flow is compiled for this bridge alone. */
  readonly compileFlow?: CompileFlow | undefined
}

const EXPIRY_MS = 1000
const TO_NORMAL: readonly Step[] = [(run) => run.datapath.output(run, reserved.NORMAL, 0)]

export class Bridge {
  readonly name: string
  datapathId: bigint
  readonly clock: Clock
  readonly ports = new Map<number, BridgePort>()
  readonly bonds: Bonds = bondsOf((ofport) => this.#isUp(ofport))
  readonly sessions = new Set<Session>()
  readonly flows: FlowTables
  readonly limits: Limits
  readonly groups: Groups
  readonly meters: Meters
  readonly conntrack: Conntrack
  /** OFPC_FRAG_*, as the last set_config had it. */
  fragments: number = fragmentHandling.normal
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
  readonly #delivery: Delivery
  #cancelExpiry: (() => void) | undefined

  constructor(options: BridgeOptions) {
    this.name = options.name
    this.datapathId = options.datapathId
    this.clock = options.clock
    this.#drops = options.drops
    this.#pool = options.pool
    this.log = options.log
    const { random = systemRandom } = options
    this.conntrack = options.conntrack ?? conntrack({ random })
    this.limits = { ...defaultLimits, ...options.limits }
    this.groups = groups(this.limits)
    this.meters = meters(this.limits)
    this.flows = flowTables(
      (program) => this.#checkReferences(program),
      options.matcher,
      this.limits,
      random,
      options.compileFlow,
    )
    this.#delivery = delivery(
      {
        ...{
          ports: this.ports,
          bonds: this.bonds,
          sessions: this.sessions,
          meters: this.meters,
          drops: options.drops,
        },
        enterTables: (run) => this.#pipeline.enterTables(run),
      },
      random,
    )
    this.lessons = lessons(this)
    const bridge = this
    this.#pipeline = pipeline({
      get dropsFragments() {
        return bridge.fragments === fragmentHandling.drop
      },
      get instead() {
        return bridge.failsOpen ? TO_NORMAL : undefined
      },
      tables: this.flows,
      groups: this.groups,
      meters: this.meters,
      pool: options.pool,
      conntrack: this.conntrack,
      output: this.#delivery.output,
      controller: this.#delivery.toControllers,
      learn: (mod) => this.lessons.learn(mod),
      shorten: (flow, idle, hard) => {
        this.flows.shorten(flow, idle, hard)
        if (!this.#cancelExpiry) this.#expireLater()
      },
      drop: (reason) => this.#drops.count(reason),
      isUp: (ofport) => this.#isUp(ofport),
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
        if (this.#takes(port)) this.#pipeline.receive(bytes, start, end, ofport)
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
        if (this.#takes(port)) this.#pipeline.receiveTunneled(bytes, start, end, ofport, outer)
      },
    })
    this.#addPort(port)
    return port
  }

  #isUp(ofport: number): boolean {
    const port = this.ports.get(ofport)
    return port?.up === true && (port.config & reserved.portConfig.port_down) === 0
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
    this.#delivery.forget(ofport)
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

  // ---- packet-outs ----------------------------------------------------------------------------

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
