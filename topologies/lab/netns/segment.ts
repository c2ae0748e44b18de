/**
 * A physical network of a netns lab as ../lab.ts has it. What is sent enters its bridge at the bridge itself, which learns
 * no MAC from there: whoever is said to be there is looked for everywhere. Neighbours: wiring.ts, underlay.ts.
 */
import type { Segment } from '../lab.ts'
import type { SitePlan } from './plan.ts'
import { frameSender, frameTap } from './raw-socket.ts'

/** A segment with its sockets. */
export interface NetnsSegment extends Segment {
  close(): void
}

/** Those of a plan, whose bridges are up, by id of the physical network. */
export function netnsSegments({ underlay, uplinks }: SitePlan): Map<string, NetnsSegment> {
  const { namespace } = underlay
  const byNetwork = Map.groupBy(uplinks, ({ physicalNetwork }) => physicalNetwork)
  return new Map(
    [...byNetwork].map(([id, ports]) => {
      const sender = frameSender({ namespace, device: ports[0]?.segment ?? '' })
      const tap = frameTap(
        namespace,
        ports.map(({ segmentPort }) => segmentPort),
      )
      const close = () => {
        sender.close()
        tap.close()
      }
      return [id, { send: sender.send, onFrame: tap.onFrame, close }]
    }),
  )
}
