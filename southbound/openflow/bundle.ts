/**
 * Bundles: many flow-mods and group-mods that a switch takes as one, in order, or not at all (ONF
 * EXT-230, which Open vSwitch accepts on OpenFlow 1.3; it refuses meters in them). Neighbours: connection.ts, message.ts.
 */
import type { Connection, WaitOptions } from './connection.ts'
import { OpenflowError } from './error.ts'
import { encode, type Outgoing } from './message.ts'

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
/** The event loop gets a turn after so many messages. */
const TURN = 1000

/**
 * Sends the messages as one atomic, ordered bundle and resolves when it is committed: then all of
 * them hold. Rejects with OpenflowError whose `index` is the position of the message that failed
 * (undefined when the bundle itself was refused), and nothing of it holds; with ConnectionError when
 * the connection ends, and then it may hold or not; with the signal's reason, and it is discarded
 * unless its commit was already sent.
 */
export async function commitBundle(
  connection: Connection,
  messages: Iterable<Outgoing>,
  { signal }: WaitOptions = {},
): Promise<void> {
  const list = Array.isArray(messages) ? (messages as readonly Outgoing[]) : [...messages]
  if (list.length === 0) return
  const bundle_id = connection.nextXid()
  const control = (control_type: number) =>
    ({
      type: 'bundle_control',
      bundle_id,
      control_type,
      flags: FLAGS,
      properties: NOTHING,
    }) as const
  await connection.request(control(bundleControl.open_request), { signal })
  const first = connection.reserveXids(list.length)
  let failed: Error | undefined
  const forget = connection.watch(first, list.length, {
    answer() {},
    fail(error) {
      failed ??= error instanceof OpenflowError ? at(error, error.xid - first) : error
    },
  })
  let committing = false
  try {
    for (let i = 0; i < list.length && !failed; i++) {
      const xid = first + i
      const message = encode({ ...(list[i] as Outgoing), xid })
      const sent = connection.send({
        type: 'bundle_add',
        xid,
        bundle_id,
        flags: FLAGS,
        message,
        properties: NOTHING,
      })
      if (i % TURN === TURN - 1) {
        await unlessAborted(sent, signal)
        await new Promise(setImmediate)
        signal?.throwIfAborted()
      }
    }
    // Open vSwitch refuses a bad message when it is added and would commit the rest all the same:
    // the reply to close comes after every such refusal.
    await connection.request(control(bundleControl.close_request), { signal })
    if (failed) throw failed
    committing = true
    await connection.request(control(bundleControl.commit_request), { signal })
    if (failed) throw failed
  } catch (error) {
    if (!committing) void connection.send(control(bundleControl.discard_request))
    throw failed ?? error
  } finally {
    forget()
  }
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
