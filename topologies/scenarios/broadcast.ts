/** Broadcasts of guests: who sees them. */
import { BROADCAST_MAC, parseIpv4 } from '../../southbound/wire/address.ts'
import { markedPacket } from '../lab/checks/frames.ts'
import { plainPairs, type ScenarioLab } from './scenario.ts'

/** One from each guest arrives at every guest of its network, once, and at no other. */
export async function broadcasts(lab: ScenarioLab): Promise<void> {
  const everybody = { mac: BROADCAST_MAC, address: parseIpv4('10.0.0.255') }
  const sent = [...Map.groupBy(plainPairs(lab), (pair) => pair.from)].map(([from, pairs]) => {
    const mark = lab.mark()
    return { from, pairs, mark, frame: markedPacket(mark, from, everybody) }
  })
  for (const { from, frame } of sent) await lab.send(from.name, frame)
  for (const { pairs, mark, frame } of sent) {
    for (const { to } of pairs) await lab.expectAt(to.name, frame)
    await lab.expectOnly(mark, ['underlay', ...pairs.map(({ to }) => to.name)])
  }
}
