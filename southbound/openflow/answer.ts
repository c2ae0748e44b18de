/** Which message answers which, and which ask for nothing. Neighbours: connection.ts, multipart.ts. */
import { WireError } from '../wire/error.ts'
import { errorNumber } from './error.ts'
import { header, type Message, type MessageOf, type Outgoing, VERSION } from './message.ts'
import type { MultipartReply } from './multipart.ts'

/** A multipart of a kind that no row of multipart.ts has. */
export interface ExperimenterRequest {
  readonly kind: 'experimenter'
  readonly experimenter: number
  readonly exp_type: number
  /** Default: none. */
  readonly body?: Uint8Array
}

/** What asks: what answers it. */
const replies = {
  echo_request: 'echo_reply',
  features_request: 'features_reply',
  get_config_request: 'get_config_reply',
  multipart_request: 'multipart_reply',
  barrier_request: 'barrier_reply',
  queue_get_config_request: 'queue_get_config_reply',
  role_request: 'role_reply',
  get_async_request: 'get_async_reply',
  bundle_control: 'bundle_control',
  tlv_table_request: 'tlv_table_reply',
} as const
/** The message that answers one of type T; of those that no row declares, any. */
export type AnswerTo<T extends Message['type']> = T extends keyof typeof replies
  ? MessageOf<(typeof replies)[T]>
  : T extends 'experimenter' | 'unknown'
    ? Message
    : never

/** Why nothing would ever answer a message of this type; undefined when something does. */
export const whyUnanswered = (type: Message['type']): string | undefined =>
  type in replies || type === 'experimenter' || type === 'unknown'
    ? undefined
    : `nothing answers a ${type}: send() it, or sendBatch() it to learn whether it was refused`

/** The error of an answer of another type than was asked for; undefined when it fits. */
export function mismatch(type: Message['type'], answer: Message): WireError | undefined {
  const wanted = replies[type as keyof typeof replies]
  if (wanted === undefined || wanted === answer.type) return undefined
  return new WireError(`a ${answer.type} answers a ${type}`, 0)
}

/** Whether a message can answer one of ours; xids of what the peer starts are its own. */
export const isAnswer = ({ type }: Message): boolean =>
  type.endsWith('_reply') ||
  type === 'error' ||
  type === 'bundle_control' ||
  type === 'experimenter'

/** Whether a reply is of the kind that was asked for. */
export function isReplyTo(
  request: { readonly kind: string } | ExperimenterRequest,
  reply: MultipartReply,
): boolean {
  if (reply.kind !== 'experimenter' || !('experimenter' in request)) {
    return reply.kind === request.kind
  }
  return reply.experimenter === request.experimenter && reply.exp_type === request.exp_type
}

/** Messages that answer nothing and ask nothing: sent with xid 0, as Open vSwitch does. */
export const unasked: ReadonlySet<string> = new Set([
  ...['multipart_reply', 'packet_in', 'port_status', 'flow_removed'],
  ...['flow_monitor_paused', 'flow_monitor_resumed'],
])

/** Of the message that failed, as much as an error has to carry (OpenFlow 1.3.5 §7.4.4). */
const DATA_BYTES = 64

/** The error that answers a whole message which cannot be decoded, for Connection.onMalformed(). */
export function malformedReply(bytes: Uint8Array): Outgoing {
  const { version, xid } = header.read(bytes, 0)
  const code = version === VERSION ? 'bad_len' : 'bad_version'
  const data = bytes.slice(0, DATA_BYTES)
  return { type: 'error', xid, ...errorNumber('bad_request', code), data }
}
