/**
 * Where a packet leaves a bridge: to ports, the reserved ones too, and to controllers. What cannot
 * leave is a drop with a name.
 * Neighbours: pipeline.ts decides, bridge.ts has the ports and sessions, normal.ts is behind NORMAL.
 */
import { packetInReason } from '../../southbound/openflow/message.ts'
import * as reserved from '../../southbound/openflow/port.ts'
import { type PacketIn, packetIn } from '../openflow/packet-in.ts'
import { DROP, type DropCounters } from '../packet/drop.ts'
import { IN_PORT } from '../packet/key-layout.ts'
import { CONTROLLER_METER, METER, type Meters } from '../pipeline/meters.ts'
import type { ControllerTarget, Run } from '../pipeline/run.ts'
import { SENT } from '../tunnel/underlay.ts'
import type { Bonds } from './bonds.ts'
import type { BridgePort } from './bridge-port.ts'
import { normal } from './normal.ts'
import type { Session } from './session.ts'

export interface DeliveryHost {
  readonly ports: ReadonlyMap<number, BridgePort>
  readonly bonds: Pick<Bonds, 'of' | 'active'>
  readonly sessions: Iterable<Session>
  readonly meters: Meters
  readonly drops: DropCounters
  /** What OFPP_TABLE asks for. */
  enterTables(run: Run): void
}

export interface Delivery {
  /** To a port by its number. `maxLen` counts for the controller port alone. */
  output(run: Run, port: number, maxLen: number): void
  /** As Datapath.controller. */
  toControllers(run: Run, reason: number, maxLen: number, to?: ControllerTarget): boolean
  /** The port is gone, and whoever was behind it. */
  forget(ofport: number): void
}

/** `random` from 0 to 1. */
export function delivery(host: DeliveryHost, random: () => number): Delivery {
  const { ports, bonds, sessions, meters, drops } = host
  const stations = normal({ ports, bonds, send, drop }, random)

  function output(run: Run, port: number, maxLen: number): void {
    const inPort = run.key[IN_PORT]!
    switch (port) {
      case reserved.IN_PORT:
        return send(run, inPort)
      case reserved.TABLE:
        return host.enterTables(run)
      case reserved.NORMAL:
        return stations.output(run)
      case reserved.CONTROLLER: {
        const { flow } = run
        const miss = flow !== undefined && flow.priority === 0 && flow.match.length === 0
        const reason = miss ? packetInReason.no_match : packetInReason.action
        if (!toControllers(run, reason, maxLen)) drop(run, DROP.no_controller)
        return
      }
      case reserved.ALL:
      case reserved.FLOOD:
        for (const [ofport, { config }] of ports) {
          const left = reserved.portConfig.no_fwd | reserved.portConfig.port_down
          if (ofport !== inPort && (config & left) === 0) send(run, ofport)
        }
        return
      default:
        if (port !== inPort) send(run, port)
        else run.held = DROP.output_in_port
    }
  }

  function send(run: Run, ofport: number): void {
    const port = ports.get(ofport)
    let result: number = DROP.port_unknown
    if (port) {
      const isPlain = port.config === 0 && port.egress === undefined
      result = isPlain ? port.transmit(run) : sendGuarded(run, port)
    }
    if (result === SENT) {
      run.sent++
      return
    }
    if (port) port.counters.txDropped++
    drop(run, result)
  }

  function toControllers(run: Run, reason: number, maxLen: number, to?: ControllerTarget): boolean {
    const inPort = ports.get(run.key[IN_PORT]!)
    if (inPort && (inPort.config & reserved.portConfig.no_packet_in) !== 0) {
      drop(run, DROP.port_no_packet_in)
      return true
    }
    const meter = meters.all.get(CONTROLLER_METER)
    const size = run.packet.end - run.packet.start
    if (meter && meters.pass(meter, size, run.now) === METER.drop) {
      drop(run, DROP.meter_exceeded)
      return true
    }
    let message: PacketIn | undefined
    let taken = false
    const id = to?.controller_id ?? 0
    for (const session of sessions) {
      if ((session.controllerId ?? 0) !== id || !session.takesPacketIn(reason)) continue
      message ??= packetIn(run, reason)
      taken = session.packetIn(message, maxLen, to?.userdata) || taken
    }
    if (taken) run.sent++
    return taken
  }

  function drop(run: Run, reason: number): void {
    run.dropped++
    drops.count(reason)
  }

  return { output, toControllers, forget: stations.forget }
}

/** Out of a port that a port_mod has changed, or that has a QoS. */
function sendGuarded(run: Run, port: BridgePort): number {
  const { port_down, no_fwd } = reserved.portConfig
  if ((port.config & port_down) !== 0) return DROP.port_down
  if ((port.config & no_fwd) !== 0) return DROP.port_no_fwd
  return port.egress ? port.egress.send(run) : port.transmit(run)
}
