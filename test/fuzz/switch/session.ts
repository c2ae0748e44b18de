/**
 * The controller's side of a peer: empties the switch, sends messages, hears of those that were refused,
 * and keeps packet-ins until they are asked for. Neighbours: ours.ts, open-vswitch.ts.
 */
import type { Connection } from '../../../southbound/openflow/connection.ts'
import { errorName } from '../../../southbound/openflow/error.ts'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { ALL_GROUPS } from '../../../southbound/openflow/group.ts'
import { type Body, encode, flowMod, groupMod } from '../../../southbound/openflow/message.ts'
import { ALL_METERS } from '../../../southbound/openflow/meter.ts'
import { puntLine } from './peer.ts'

export interface ControllerEnd {
  install(messages: readonly Body[]): Promise<ReadonlyMap<number, string>>
  /** Packet-ins since the last call, one line each. */
  takePunts(): string[]
  barrier(): Promise<void>
}

const everything = encodeFlow({ table_id: 0, priority: 0, cookie: 0n, match: {}, instructions: [] })
const EMPTYING: readonly Body[] = [
  { ...flowMod('delete', everything), table_id: 0xff },
  groupMod('delete', { group_id: ALL_GROUPS, group_type: 0, buckets: new Uint8Array(0) }),
  { type: 'meter_mod', command: 2, flags: 0, meter_id: ALL_METERS, bands: [] },
]

const NOTHING = {
  packet_in_slave: 0,
  port_status: 0,
  port_status_slave: 0,
  flow_removed: 0,
  flow_removed_slave: 0,
}

export function controllerEnd(connection: Connection): ControllerEnd {
  let punts: string[] = []
  const errors = new Map<number, string>()
  connection.onMessage((message) => {
    if (message.type === 'packet_in') punts.push(puntLine(message))
    else if (message.type === 'error') {
      const { error_type, code, experimenter } = message
      errors.set(message.xid, errorName(error_type, code, experimenter))
    }
  })
  void connection.send({ type: 'set_config', flags: 0, miss_send_len: 0xffff })
  // Packet-ins for every reason, nothing else.
  void connection.send({ type: 'set_async', ...NOTHING, packet_in: 0b111 })
  return {
    async install(messages) {
      errors.clear()
      for (const message of EMPTYING) void connection.send(encode(message))
      const first = connection.reserveXids(messages.length)
      for (let i = 0; i < messages.length; i++) {
        await connection.send(encode({ ...messages[i]!, xid: first + i }))
      }
      await connection.barrier()
      return new Map([...errors].map(([xid, name]) => [xid - first, name]))
    },
    takePunts() {
      const taken = punts
      punts = []
      return taken
    },
    barrier: () => connection.barrier(),
  }
}
