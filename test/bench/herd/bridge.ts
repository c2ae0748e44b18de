/**
 * br-int of a host of the bench `herd`: OpenFlow 1.3 as far as the controller speaks it. It holds flows, groups and meters as
 * bytes and forwards nothing; equal flows of the process's thousand bridges are one object, since as bridges of our own switch
 * they would take 4 KB each. A probe of the MTU comes out at the VTEP that it is for. Neighbour: `hosts.ts`.
 */
import { setImmediate } from 'node:timers/promises'
import { bundleControl } from '../../../southbound/openflow/bundle.ts'
import type { Connection } from '../../../southbound/openflow/connection.ts'
import { flowKey } from '../../../southbound/openflow/flow.ts'
import { type GroupBytes, groupCommand } from '../../../southbound/openflow/group.ts'
import {
  decode,
  flowCommand,
  type Message,
  type MessageOf,
  type Outgoing,
} from '../../../southbound/openflow/message.ts'
import { type MeterBand, meterCommand } from '../../../southbound/openflow/meter.ts'
import type { FlowEntry } from '../../../southbound/openflow/multipart.ts'

/** Messages of a bundle that are carried out in one go. */
const TURN = 500
/** Bytes of elements in one message of an answer. */
const BUDGET = 60_000
const NOTHING = new Uint8Array(0)
const answered: Readonly<Record<number, number>> = {
  [bundleControl.open_request]: bundleControl.open_reply,
  [bundleControl.close_request]: bundleControl.close_reply,
  [bundleControl.commit_request]: bundleControl.commit_reply,
  [bundleControl.discard_request]: bundleControl.discard_reply,
}

/** A message that changes a bridge; of a flow its identity, and how it is told of. */
interface Change {
  readonly message: Message
  readonly key: string
  readonly entry: FlowEntry | undefined
}

const HEADER_BYTES = 8
/** Of all bridges, by all bytes but the header, whose xid differs: a thousand hosts in one process have to be lean. */
const interned = new Map<string, Change>()
function changeOf(bytes: Uint8Array): Change {
  const { buffer, byteOffset, length } = bytes
  const view = Buffer.from(buffer, byteOffset, length)
  const name = `${view[1]} ${view.toString('latin1', HEADER_BYTES)}`
  const known = interned.get(name)
  if (known) return known
  const made = newChange(decode(bytes.slice()))
  interned.set(name, made)
  return made
}

function newChange(message: Message): Change {
  if (message.type !== 'flow_mod') return { message, key: '', entry: undefined }
  const { table_id, priority, idle_timeout, hard_timeout, flags, cookie } = message
  const entry: FlowEntry = {
    ...{ table_id, priority, idle_timeout, hard_timeout, flags, cookie },
    ...{ duration_sec: 0, duration_nsec: 0, packet_count: 0n, byte_count: 0n },
    ...{ match: message.match, instructions: message.instructions },
  }
  return { message, key: flowKey(message), entry }
}

export class Bridge {
  readonly #datapathId: bigint
  /** What leaves by the tunnel. */
  readonly #transmit: (to: unknown, frame: Uint8Array) => void
  /** Resolves when a reading of all flows may be answered. */
  readonly #mayTell: () => Promise<void>
  readonly #flows = new Map<string, FlowEntry>()
  readonly #groups = new Map<number, GroupBytes>()
  readonly #meters = new Map<number, { flags: number; bands: readonly MeterBand[] }>()
  readonly #bundles = new Map<number, Change[]>()
  #connection: Connection | undefined

  constructor(
    datapathId: bigint,
    transmit: (to: unknown, frame: Uint8Array) => void,
    mayTell: () => Promise<void> = async () => {},
  ) {
    this.#datapathId = datapathId
    this.#transmit = transmit
    this.#mayTell = mayTell
  }

  serve(connection: Connection): void {
    this.#connection = connection
    this.#bundles.clear()
    connection.onMessage((message) => this.#take(message))
  }

  /** A probe that came out of the tunnel. */
  receive(data: Uint8Array, table_id: number): void {
    const head = { buffer_id: 0xffffffff, total_len: data.length, reason: 1, table_id, cookie: 0n }
    void this.#connection?.send({ type: 'packet_in', xid: 0, ...head, match: NOTHING, data })
  }

  #take(message: Message): void {
    const { xid } = message
    const send = (answer: Outgoing) => void this.#connection?.send(answer)
    if (message.type === 'features_request')
      send({
        ...{ type: 'features_reply', xid, datapath_id: this.#datapathId, n_buffers: 0 },
        ...{ n_tables: 254, auxiliary_id: 0, capabilities: 0, reserved: 0 },
      })
    else if (message.type === 'barrier_request') send({ type: 'barrier_reply', xid })
    else if (message.type === 'multipart_request') this.#answer(message, send)
    else if (message.type === 'bundle_control') this.#control(message, send)
    else if (message.type === 'bundle_add')
      this.#bundles.get(message.bundle_id)?.push(changeOf(message.message))
    else if (message.type === 'packet_out') {
      const to = message.actions.find(
        (each) => each.kind === 'set_field' && each.field === 'tun_dst',
      )
      if (to?.kind === 'set_field') this.#transmit(to.value, message.data.slice())
    } else this.#change(newChange(message))
  }

  #control(message: MessageOf<'bundle_control'>, send: (answer: Outgoing) => void): void {
    const { xid, bundle_id, control_type } = message
    const answer = () => send({ ...message, xid, control_type: answered[control_type] ?? 0 })
    const bundle = this.#bundles.get(bundle_id) ?? []
    if (control_type === bundleControl.open_request) this.#bundles.set(bundle_id, [])
    if (control_type >= bundleControl.commit_request) this.#bundles.delete(bundle_id)
    if (control_type === bundleControl.commit_request) void this.#commit(bundle).then(answer)
    else answer()
  }

  /** The process's other hosts have a turn now and then: each would have a machine of its own. */
  async #commit(bundle: readonly Change[]): Promise<void> {
    for (const [at, each] of bundle.entries()) {
      if (at % TURN === TURN - 1) await setImmediate()
      this.#change(each)
    }
  }

  #change({ message, key, entry }: Change): void {
    if (message.type === 'flow_mod' && entry) {
      if (message.command === flowCommand.add) this.#flows.set(key, entry)
      else if (message.command === flowCommand.delete_strict) this.#flows.delete(key)
      else throw new Error(`flow_mod ${message.command} is none that a controller sends`)
    } else if (message.type === 'group_mod') {
      const { group_id, group_type, buckets } = message
      if (message.command === groupCommand.delete) this.#groups.delete(group_id)
      else this.#groups.set(group_id, { group_id, group_type, buckets: buckets.slice() })
    } else if (message.type === 'meter_mod') {
      const { meter_id, flags, bands } = message
      if (message.command === meterCommand.delete) this.#meters.delete(meter_id)
      else this.#meters.set(meter_id, { flags, bands })
    }
  }

  #answer(message: MessageOf<'multipart_request'>, send: (answer: Outgoing) => void): void {
    const { kind, xid } = message
    const parts = <T>(list: Iterable<T>, size: (element: T) => number) => {
      let [body, room] = [[] as T[], BUDGET]
      const tell = (more: boolean) =>
        send({ type: 'multipart_reply', xid, kind, body, more } as never)
      for (const each of list) {
        if (size(each) > room) {
          tell(true)
          body = []
          room = BUDGET
        }
        body.push(each)
        room -= size(each)
      }
      tell(false)
    }
    if (kind === 'flow')
      void this.#mayTell().then(() =>
        parts(
          this.#flows.values(),
          ({ match, instructions }) => 64 + match.length + instructions.length,
        ),
      )
    else if (kind === 'group_desc')
      parts(this.#groups.values(), ({ buckets }) => 8 + buckets.length)
    else if (kind === 'meter_config')
      parts(
        [...this.#meters].map(([meter_id, of]) => ({ meter_id, ...of })),
        ({ bands }) => 8 + 16 * bands.length,
      )
    else if (kind === 'aggregate') {
      const body = { packet_count: 0n, byte_count: 0n, flow_count: this.#flows.size }
      send({ type: 'multipart_reply', xid, kind, body, more: false })
    } else if (kind === 'flow_monitor') parts([], () => 0)
    else throw new Error(`nothing is known of multipart ${kind}`)
  }
}
