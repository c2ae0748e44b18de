/**
 * Bundles: many flow-mods and group-mods that a switch takes as one, in order, or not at all (ONF
 * EXT-230, which Open vSwitch accepts on OpenFlow 1.3; it refuses meters in them). And batches: many
 * messages at once where each stands for itself. Neighbours: connection.ts, message.ts.
 */
import { Writer } from '../wire/writer.ts'
import type { Connection, WaitOptions } from './connection.ts'
import { ConnectionError, OpenflowError } from './error.ts'
import { encode, header, MAX_MESSAGE, type Outgoing, write } from './message.ts'

export const bundleControl = {
  open_request: 0,
  open_reply: 1,
  close_request: 2,
  close_reply: 3,
  commit_request: 4,
  commit_reply: 5,
  discard_request: 6,
  discard_reply: 7,
} as const
export const bundleFlags = { atomic: 1, ordered: 2 } as const

const FLAGS = bundleFlags.atomic | bundleFlags.ordered
const NOTHING = new Uint8Array(0)
/** The event loop gets a turn after so many messages: about 1 ms of encoding. */
const TURN = 256

/**
 * Sends the messages as one atomic, ordered bundle and resolves when it is committed: then all of
 * them hold. They are taken from the iterable as they are sent, as fast as the switch takes them, and
 * the event loop gets turns. Rejects with OpenflowError whose `index` is the position of the message
 * that failed (undefined when the bundle itself was refused), and nothing of it holds; with
 * ConnectionError when the connection ends, and then it may hold or not; with the signal's reason or
 * what the iterable throws, and it is discarded unless its commit was already sent. The iterable is
 * closed in every case.
 */
export async function commitBundle(
  connection: Connection,
  messages: Iterable<Outgoing>,
  { signal }: WaitOptions = {},
): Promise<void> {
  const list = messages[Symbol.iterator]()
  const head = list.next()
  if (head.done) return
  const bundle_id = connection.nextXid()
  const control = (control_type: number) =>
    ({
      type: 'bundle_control',
      bundle_id,
      control_type,
      flags: FLAGS,
      properties: NOTHING,
    }) as const
  const add = envelope(bundle_id)
  let failed: OpenflowError | undefined
  const onError = (error: OpenflowError) => {
    failed ??= error
  }
  let stage: 'opening' | 'open' | 'committing' = 'opening'
  let forget = () => {}
  try {
    await connection.request(control(bundleControl.open_request), { signal })
    stage = 'open'
    forget = await sendAll(connection, head, list, add, { signal, onError, isOver: () => !!failed })
    // Open vSwitch refuses a bad message when it is added and would commit the rest all the same:
    // the reply to close comes after every such refusal.
    await connection.request(control(bundleControl.close_request), { signal })
    if (failed) throw failed
    stage = 'committing'
    await connection.request(control(bundleControl.commit_request), { signal })
    if (failed) throw failed
  } catch (error) {
    // One whose opening was given up may be open all the same; one that was refused is not.
    const isOpen = stage === 'open' || (stage === 'opening' && !(error instanceof OpenflowError))
    if (isOpen) connection.dismiss(control(bundleControl.discard_request))
    if (stage === 'opening') list.return?.()
    throw failed ?? error
  } finally {
    forget()
  }
}

/**
 * Sends messages that ask for no answer, each for itself, and a barrier. Resolves when the switch has
 * done what it took, with an error for each message that it refused (`index`: its position). Rejects
 * with ConnectionError, the signal's reason or what the iterable throws; part of it is done then.
 */
export async function sendBatch(
  connection: Connection,
  messages: Iterable<Outgoing>,
  { signal }: WaitOptions = {},
): Promise<OpenflowError[]> {
  const errors: OpenflowError[] = []
  const onError = (error: OpenflowError) => errors.push(error)
  const keep = (message: Outgoing, xid: number) => {
    scratch.length = 0
    write(scratch, message)
    header.set.xid(scratch.bytes, 0, xid)
    return scratch.bytes.subarray(0, scratch.length)
  }
  const list = messages[Symbol.iterator]()
  const forget = await sendAll(connection, list.next(), list, keep, { signal, onError })
  try {
    await connection.barrier({ signal })
  } finally {
    forget()
  }
  return errors
}

/** What a message is written in on its way to the connection, which copies it. */
const scratch = new Writer(4096)

/**
 * Puts messages into `bundle_add`. All that comes before the message is encoded once, for a bundle of
 * 100,000 is 100,000 times the same but for lengths and xids. The bytes are good until the next call.
 */
function envelope(bundle_id: number): (message: Outgoing, xid: number) => Uint8Array {
  const message = encode({ type: 'barrier_request' })
  const first = {
    type: 'bundle_add',
    bundle_id,
    flags: FLAGS,
    message,
    properties: NOTHING,
  } as const
  const whole = encode(first)
  const head = whole.slice(0, whole.length - message.length)
  return (message, xid) => {
    scratch.length = 0
    scratch.append(head)
    const size = head.length + write(scratch, message)
    if (size > MAX_MESSAGE) throw new RangeError(`${message.type} is too long for a bundle`)
    const { bytes } = scratch
    scratch.patch16(2, size)
    header.set.xid(bytes, 0, xid)
    header.set.xid(bytes, head.length, xid)
    return bytes.subarray(0, size)
  }
}

interface SendOptions extends WaitOptions {
  onError(error: OpenflowError): void
  /** Whether there is no more use in sending. */
  isOver?(): boolean
}

/**
 * Sends all, as fast as the peer takes them, and watches their xids for errors until the returned
 * function is called. When it rejects nothing is watched any more. Closes the iterator.
 *
 * No generator of ours passes the messages on: it would keep each in its frame, a marking collector
 * takes all that it passes meanwhile for lasting, and V8 then makes every flow-mod among the old
 * objects, with pauses of 15 to 20 ms for what hangs on them.
 */
async function sendAll(
  connection: Connection,
  head: IteratorResult<Outgoing>,
  list: Iterator<Outgoing>,
  wrap: (message: Outgoing, xid: number) => Uint8Array,
  { signal, onError, isOver }: SendOptions,
): Promise<() => void> {
  const watches: (() => void)[] = []
  const forget = () => {
    for (const end of watches) end()
  }
  let sent = Promise.resolve()
  let first = 0
  let count = TURN
  try {
    let index = 0
    for (let next = head; !next.done; next = list.next()) {
      if (count === TURN) {
        if (index > 0) await turn(sent, signal)
        signal?.throwIfAborted()
        if (!connection.isOpen) throw new ConnectionError('closed', 'the connection has ended')
        if (isOver?.()) break
        const start = index
        const from = connection.reserveXids(TURN)
        const fail = (error: Error) => {
          if (error instanceof OpenflowError) onError(at(error, start + error.xid - from))
        }
        watches.push(connection.watch(from, TURN, { answer() {}, fail }))
        first = from
        count = 0
      }
      sent = connection.send(wrap(next.value, first + count++))
      index++
    }
    return forget
  } catch (error) {
    forget()
    throw error
  } finally {
    list.return?.()
  }
}

/** Waits until the peer has taken what was sent, at least a turn of the event loop. */
async function turn(sent: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  await unlessAborted(sent, signal)
  await new Promise(setImmediate)
}

const at = (error: OpenflowError, index: number): OpenflowError =>
  new OpenflowError(
    {
      error_type: error.type,
      code: error.code,
      experimenter: error.experimenter,
      xid: error.xid,
      data: error.data,
    },
    index,
    { cause: error },
  )

/** Waits for a promise, or rejects with the signal's reason when that comes first. */
function unlessAborted(wait: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return wait
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    void wait.then(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
  })
}
