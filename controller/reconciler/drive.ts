/**
 * A bridge that is driven: it waits for its turn to be opened, and has its flows kept as they should be until its connection
 * ends. Neighbours: `flow-channel.ts` (what is done), `openings.ts` (turns); `reconciler.ts` says which bridge.
 */
import type { MessageOf } from '../../southbound/openflow/message.ts'
import { FlowChannel, type FlowChannelOptions } from './flow-channel.ts'
import type { Openings } from './openings.ts'

export interface DriveOptions extends Omit<FlowChannelOptions, 'othersWait'> {
  readonly openings: Openings
  readonly onPacketIn: (message: MessageOf<'packet_in'>) => void
  /** Called once, when the connection has ended. */
  readonly onEnd: (channel: FlowChannel, reason: Error) => void
}

export function drive({ openings, onPacketIn, onEnd, ...options }: DriveOptions): FlowChannel {
  const { hostId, connection } = options
  let leave = () => {}
  const channel = new FlowChannel({
    ...options,
    othersWait: () => openings.waiting > 0,
    onProgress: () => {
      if (channel.confirmed > 0) leave()
      options.onProgress()
    },
  })
  const end = new AbortController()
  void connection.closed.then((reason) =>
    end.abort(reason ?? new Error('the bridge ended the connection')),
  )
  connection.onMessage((message) => {
    if (message.type === 'packet_in') onPacketIn(message)
  })
  const run = async () => {
    leave = await openings.bridge(hostId, connection, end.signal)
    await channel.run(end.signal)
  }
  run().catch((reason: Error) => {
    leave()
    connection.close(reason)
    onEnd(channel, reason)
  })
  return channel
}
