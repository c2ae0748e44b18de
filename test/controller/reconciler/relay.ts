/**
 * Somebody between a switch and the controller: passes OpenFlow messages on, keeps what the controller sent, and answers
 * some of it with an error in the switch's name. So a good switch becomes an odd one.
 */
import type { Duplex } from 'node:stream'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { errorNumber } from '../../../southbound/openflow/error.ts'
import { decode, encode, type Message } from '../../../southbound/openflow/message.ts'

export interface Relay {
  /** What the controller sent, in order; the messages of bundles taken out of them. */
  readonly sent: Message[]
  /** The error to answer a message with, as 'bad_action.eperm'; undefined: the switch may have it. */
  refuse: (message: Message) => string | undefined
}

export function relay(): Relay {
  return { sent: [], refuse: () => undefined }
}

/** Relays until one of the two ends. */
export async function relayBetween(
  toSwitch: Duplex,
  toController: Duplex,
  rules: Relay,
): Promise<void> {
  const [device, controller] = await Promise.all([
    Connection.open(toSwitch),
    Connection.open(toController),
  ])
  void device.closed.then((reason) => controller.close(reason))
  void controller.closed.then((reason) => device.close(reason))
  device.onMessage((message) => void controller.send(message))
  controller.onMessage((message) => {
    const kept = decode(encode(message))
    const inner = kept.type === 'bundle_add' ? decode(kept.message) : kept
    rules.sent.push(inner)
    const error = rules.refuse(inner)
    if (error === undefined) return void device.send(message)
    const [type = '', code = ''] = error.split('.')
    const data = encode(message).slice(0, 64)
    void controller.send({ type: 'error', xid: message.xid, ...errorNumber(type, code), data })
  })
}
