/** What guests on different hosts have of the MTU of their network: all of it, and not a byte more. */
import { together } from '../lab/checks/manners.ts'
import { oversize } from '../lab/checks/mtu.ts'
import { fullPing, SHORT_PING } from '../lab/checks/ping.ts'
import type { ScenarioLab } from './scenario.ts'

export interface FullSize {
  /** Of all networks, as the scenario says it. */
  readonly mtuBytes: number
  /** Pings until one is answered: who has yet to resolve a MAC on the way may lose a frame. */
  readonly attempts: number
}

/** Every pair pings, short and up to the MTU with DF; between hosts one byte more is dropped, and counted. */
export async function everyPairFits(lab: ScenarioLab, size: FullSize): Promise<void> {
  const { mtuBytes, attempts } = size
  for (const { from, to } of lab.pairs())
    for (const bytes of [SHORT_PING, fullPing(mtuBytes)]) {
      let answered = false
      for (let attempt = 0; attempt < attempts && !answered; attempt++)
        answered = await from.ping(to.address, { bytes, timeoutMs: 1000, signal: lab.signal })
      if (!answered) throw new Error(`${from.name} -> ${to.name}, ${bytes} bytes: lost`)
    }
  await lab.prove((site) =>
    together(
      site.networks.flatMap((network) =>
        network.workloads.flatMap((sender) =>
          network.workloads
            .filter(({ hostId }) => hostId !== sender.hostId)
            .map((peer) => oversize(site.lab, { network, sender, peer }, 1)),
        ),
      ),
    ),
  )
}
