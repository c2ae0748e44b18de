/**
 * Our switch as a peer: a bridge in this process over ports that hand frames on at once, driven by a
 * controller's connection as any other. Neighbours: peer.ts, session.ts.
 */
import { duplexPair } from 'node:stream'
import type { NewMatcher } from '../../../dataplane/classifier/matcher.ts'
import { serveOpenflow } from '../../../dataplane/openflow/agent.ts'
import { dropCounters } from '../../../dataplane/packet/drop.ts'
import { packetPool } from '../../../dataplane/packet/packet.ts'
import type { FrameListener, FramePort } from '../../../dataplane/ports/frame-port.ts'
import { Bridge } from '../../../dataplane/switch/bridge.ts'
import type { Session } from '../../../dataplane/switch/session.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { controllerRole } from '../../../southbound/openflow/message.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import {
  DOWN_PORT,
  frameLine,
  type Input,
  MTU_BYTES,
  type Outcome,
  type Peer,
  PORTS,
} from './peer.ts'
import { controllerEnd } from './session.ts'

export interface OwnSwitch extends Peer {
  readonly bridge: Bridge
}

interface Plug extends FramePort {
  receive: FrameListener
}

/** A port whose frames go to `out` within transmit(). */
function plug(name: string, up: boolean, out: FrameListener): Plug {
  const state: Plug = {
    name,
    mac: 0,
    mtuBytes: MTU_BYTES,
    up,
    transmit: out,
    receive: () => {},
    onReceive(listener) {
      state.receive = listener
      return () => {}
    },
    onState: () => () => {},
  }
  return state
}

/** What a fault of the switch is told as: never equal to what another switch does. */
const FAULT = 'fault '

const none = () => ({ frames: [], punts: [], matched: 0 })
const matchedOf = (bridge: Bridge) =>
  bridge.flows.counts.reduce((sum, { matched }) => sum + matched, 0)

export async function ourSwitch(name: string, matcher: NewMatcher): Promise<OwnSwitch> {
  let outcome: { frames: string[]; punts: string[]; matched: number } = none()
  let expected = 0
  const tell = (_fields: object, event: string) => {
    const { error } = _fields as { error?: Error }
    outcome.frames.push(`${FAULT}${event} ${error?.stack ?? error}`)
  }
  const bridge = new Bridge({
    name,
    datapathId: 1n,
    clock: systemClock,
    drops: dropCounters(),
    pool: packetPool(),
    log: { info: () => {}, warn: tell },
    matcher,
  })
  const plugs = new Map<number, Plug>()
  for (const ofport of [...PORTS, DOWN_PORT]) {
    const one = plug(`p${ofport}`, ofport !== DOWN_PORT, (bytes, start, end) => {
      outcome.frames.push(frameLine(ofport, bytes.subarray(start, end)))
    })
    plugs.set(ofport, one)
    bridge.addDevice(ofport, one.name, one)
  }
  const [near, far] = duplexPair()
  const opening = Connection.open(near)
  const connection = await Connection.open(far, { echoIntervalMs: 1e6 })
  serveOpenflow(bridge, await opening)
  const end = controllerEnd(connection)
  await end.barrier()
  // Packet-ins reach the controller later: here is counted to which frame each of them belongs.
  const [session] = bridge.sessions
  const observer: Session = {
    ...(session as Session),
    role: controllerRole.equal,
    packetIn() {
      expected++
      return false
    },
    portStatus() {},
    flowsChanged() {},
  }
  bridge.sessions.add(observer)

  return {
    name,
    bridge,
    install: (messages) => end.install(messages),
    async run(inputs: readonly Input[]) {
      const outcomes: Outcome[] = []
      const counts: number[] = []
      end.takePunts()
      for (const { port, bytes } of inputs) {
        outcome = none()
        expected = 0
        const before = matchedOf(bridge)
        plugs.get(port)!.receive(bytes, 0, bytes.length)
        outcome.matched = matchedOf(bridge) - before
        outcomes.push(outcome)
        counts.push(expected)
      }
      await end.barrier()
      const punts = end.takePunts()
      let at = 0
      outcomes.forEach(({ punts: own }, i) => {
        own.push(...punts.slice(at, at + counts[i]!))
        at += counts[i]!
      })
      if (at !== punts.length) throw new Error(`${punts.length} packet-ins came of ${at} sent`)
      return outcomes
    },
    async close() {
      connection.close()
      bridge.close()
    },
  }
}
