/**
 * A bridge by itself with ports that hand frames on at once, a clock of the test and controllers on
 * connections in memory. Frames that leave are there when send() returns; what a controller is told
 * is there behind a barrier.
 */

import { duplexPair } from 'node:stream'
import { type AgentOptions, serveOpenflow } from '../../../dataplane/openflow/agent.ts'
import { type DropReason, dropCounters } from '../../../dataplane/packet/drop.ts'
import { packetPool } from '../../../dataplane/packet/packet.ts'
import type { Limits } from '../../../dataplane/pipeline/limits.ts'
import { Bridge } from '../../../dataplane/switch/bridge.ts'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { errorName } from '../../../southbound/openflow/error.ts'
import {
  type Body,
  decode,
  encode,
  type Message,
  type MessageOf,
  type Outgoing,
} from '../../../southbound/openflow/message.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'

export interface Plug {
  readonly port: number
  /** Frames that left by the port. */
  readonly received: Uint8Array[]
  /** A frame comes in by the port. */
  send(frame: Uint8Array): void
  /** The link goes down or comes up. */
  setUp(up: boolean): void
}

export interface Controller {
  readonly connection: Connection
  /** All that it was told and nobody waited for, in order. */
  readonly told: Message[]
  /** Sends, and resolves with what came back behind a barrier: only what was told since. */
  ask(...messages: readonly (Outgoing | Uint8Array)[]): Promise<Message[]>
  /** The same in words: see answersOf. */
  answers(...messages: readonly (Outgoing | Uint8Array)[]): Promise<string[]>
  /** What was told of this type since the last call, behind a barrier. */
  take<T extends Body['type']>(type: T): Promise<MessageOf<T>[]>
}

export interface Rig {
  readonly bridge: Bridge
  readonly clock: VirtualClock
  readonly controller: Controller
  plug(port: number, name?: string): Plug
  connect(options?: AgentOptions): Promise<Controller>
  drops(reason: DropReason): number
  close(): void
}

export const PORT_MAC = 0x020000000000

/** The names of the errors among messages, and the types of the others. */
export const answersOf = (messages: readonly Message[]): string[] =>
  messages.map((one) =>
    one.type === 'error' ? errorName(one.error_type, one.code, one.experimenter) : one.type,
  )

/** A controller's end of any connection, to this switch or to another. */
export function controllerOf(connection: Connection): Controller {
  const told: Message[] = []
  // What is kept outlives the connection's buffer.
  connection.onMessage((message) => void told.push(decode(encode(message))))
  const ask: Controller['ask'] = async (...messages) => {
    const before = told.length
    for (const message of messages) {
      await connection.send(message instanceof Uint8Array ? message : { xid: 77, ...message })
    }
    await connection.barrier()
    return told.slice(before)
  }
  return {
    connection,
    told,
    ask,
    answers: async (...messages) => answersOf(await ask(...messages)),
    async take<T extends Body['type']>(type: T) {
      await connection.barrier()
      const found = told.filter((message) => message.type === type)
      told.splice(0, told.length, ...told.filter((message) => message.type !== type))
      return found as MessageOf<T>[]
    },
  }
}

/** Ports 1 and 2 are there from the start. */
export async function startRig(
  limits: Partial<Limits> = {},
): Promise<Rig & { p1: Plug; p2: Plug }> {
  const clock = virtualClock()
  const drops = dropCounters()
  const faults: unknown[] = []
  const bridge = new Bridge({
    name: 'br0',
    datapathId: 0x42n,
    clock,
    drops,
    pool: packetPool(),
    log: { info: () => {}, warn: (fields) => void faults.push(fields) },
    limits,
  })
  const plug = (port: number, name = `p${port}`): Plug => {
    const received: Uint8Array[] = []
    let receive: (bytes: Uint8Array, start: number, end: number) => void = () => {}
    let changed = () => {}
    const device = {
      name,
      mac: PORT_MAC + port,
      mtuBytes: 9000,
      up: true,
      transmit: (bytes: Uint8Array, start: number, end: number) =>
        void received.push(bytes.slice(start, end)),
      onReceive(listener: typeof receive) {
        receive = listener
        return () => {}
      },
      onState(listener: () => void) {
        changed = listener
        return () => {}
      },
    }
    bridge.addDevice(port, name, device)
    return {
      port,
      received,
      send: (frame) => receive(frame, 0, frame.length),
      setUp(up) {
        device.up = up
        changed()
      },
    }
  }
  const connect = async (options: AgentOptions = {}) => {
    const [near, far] = duplexPair()
    const opening = Connection.open(near, { echoIntervalMs: 1e6 })
    const connection = await Connection.open(far, { echoIntervalMs: 1e6 })
    serveOpenflow(bridge, await opening, options)
    return controllerOf(connection)
  }
  const controller = await connect()
  const [p1, p2] = [plug(1), plug(2)]
  await controller.take('port_status')
  return {
    ...{ bridge, clock, controller, plug, connect, p1, p2 },
    drops: (reason) => drops.of(reason),
    close() {
      bridge.close()
      if (faults.length > 0) throw new Error('the switch logged a fault', { cause: faults })
    },
  }
}
