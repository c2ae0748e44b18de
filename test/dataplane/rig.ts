/**
 * What the tests of the dataplane stand on: hosts that are switches, memory ports as workloads, a
 * hub as underlay, and a controller's connection to each bridge. Frames are waited for, not slept
 * for: quiet() returns when the event loop has nothing left to deliver.
 */
import { duplexPair } from 'node:stream'
import { serveOpenflow } from '../../dataplane/openflow/agent.ts'
import { type Hub, hub } from '../../dataplane/ports/hub.ts'
import { type MemoryPort, memoryPair, memoryPort } from '../../dataplane/ports/memory.ts'
import type { Bridge } from '../../dataplane/switch/bridge.ts'
import { addBridge, addPort } from '../../dataplane/switch/operator.ts'
import { Switch } from '../../dataplane/switch/switch.ts'
import type { Action } from '../../southbound/openflow/action.ts'
import { Connection } from '../../southbound/openflow/connection.ts'
import { OpenflowError } from '../../southbound/openflow/error.ts'
import { encodeFlow } from '../../southbound/openflow/flow.ts'
import type { Instruction } from '../../southbound/openflow/instruction.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { type Body, flowMod } from '../../southbound/openflow/message.ts'
import { type Clock, systemClock } from '../../southbound/wire/clock.ts'

export interface Station {
  readonly port: MemoryPort
  readonly received: Uint8Array[]
  send(frame: Uint8Array): void
}

export interface Host {
  readonly host: Switch
  readonly bridge: Bridge
  /** A controller's connection to br-int. */
  readonly controller: Connection
  /** Every message that answers nothing. */
  readonly unsolicited: Body[]
  flow(...of: FlowArguments): Promise<void>
  plug(name: string, ofport: number, mtuBytes?: number): Station
}

export type FlowArguments = readonly [
  table_id: number,
  priority: number,
  match: Match,
  instructions: readonly Instruction[],
  cookie?: bigint,
]

export const apply = (...actions: Action[]): Instruction => ({ kind: 'apply_actions', actions })
export const goto = (table_id: number): Instruction => ({ kind: 'goto_table', table_id })
export const output = (port: number): Action => ({ kind: 'output', port, max_len: 0 })
export const set = (field: string, value: number | bigint): Action =>
  ({ kind: 'set_field', field, value }) as Action

/** A flow-mod that adds. */
export const addFlow = (...[table_id, priority, match, instructions, cookie = 0n]: FlowArguments) =>
  flowMod('add', encodeFlow({ table_id, priority, cookie, match, instructions }))

/** Lets everything that is under way arrive. */
export async function quiet(turns = 30): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** The far end of an OpenFlow connection that the bridge serves. */
export async function connect(bridge: Bridge): Promise<Connection> {
  const [near, far] = duplexPair()
  const opening = Connection.open(near)
  const controller = await Connection.open(far)
  serveOpenflow(bridge, await opening)
  return controller
}

export interface HostOptions {
  readonly clock?: Clock
  readonly underlay?: Hub
  readonly vtep?: string
  readonly mac?: number
  readonly mtuBytes?: number
}

export async function startHost(name: string, options: HostOptions = {}): Promise<Host> {
  const nic = memoryPort({ name: `${name}.eth0`, mtuBytes: options.mtuBytes ?? 9050 })
  options.underlay?.attach(nic)
  const host = new Switch({
    systemId: name,
    statisticsIntervalMs: 0,
    ...(options.clock && { clock: options.clock }),
    dial: () => Promise.reject(new Error('nobody to dial')),
    ...(options.vtep === undefined
      ? {}
      : {
          underlay: {
            port: nic,
            mac: options.mac ?? 0x0a0000000001,
            addresses: [options.vtep],
            mtuBytes: options.mtuBytes ?? 9050,
          },
        }),
  })
  addBridge(host, 'br-int')
  const bridge = await host.whenBridge('br-int', AbortSignal.timeout(1000))
  const controller = await connect(bridge)
  const unsolicited: Body[] = []
  controller.onMessage((message) => void unsolicited.push(message))
  return {
    host,
    bridge,
    controller,
    unsolicited,
    async flow(...of) {
      void controller.send(addFlow(...of))
      await controller.barrier()
      const error = unsolicited.find((message) => message.type === 'error')
      if (error) throw new OpenflowError({ ...error, xid: 0 })
    },
    plug(port, ofport, mtuBytes = 65_535) {
      const [inside, outside] = memoryPair({ name: port, mtuBytes }, { name: `${port}.vm` })
      host.register(port, inside)
      addPort(host, 'br-int', port, { ofport_request: ofport })
      const received: Uint8Array[] = []
      outside.onFrame((frame) => void received.push(frame))
      return { port: outside, received, send: (frame) => outside.send(frame) }
    },
  }
}

export const TUNNEL = 100

/** Two hosts on one underlay with a flow-based tunnel port each, as the controller makes them. */
export async function startPair(
  clock: Clock = systemClock,
): Promise<{ h1: Host; h2: Host; underlay: Hub }> {
  const underlay = hub({ mtuBytes: 9050 })
  const h1 = await startHost('h1', { clock, underlay, vtep: '192.0.2.11', mac: 0x0a0000000001 })
  const h2 = await startHost('h2', { clock, underlay, vtep: '192.0.2.12', mac: 0x0a0000000002 })
  for (const { host } of [h1, h2]) {
    addPort(host, 'br-int', 'vxlan0', {
      type: 'vxlan',
      options: { key: 'flow', remote_ip: 'flow' },
      ofport_request: TUNNEL,
    })
  }
  await quiet(3)
  return { h1, h2, underlay }
}
