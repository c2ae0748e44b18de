/** Packets of 9,000 bytes, and one link that carries less than the NICs at its ends. */
import type { MtuLimit } from '../../controller/northbound/realization.ts'
import { fullPing, SHORT_PING } from '../lab/checks/ping.ts'
import { holds, isWell, PATIENCE_MS, pairOf, whenMtu } from './mtu.ts'
import { ALL_SWITCHES, type Scenario } from './scenario.ts'

const topology = 'jumbo'
const [STORAGE, WEB] = ['tenants/acme/networks/storage', 'tenants/acme/networks/web']
const [MTU, NARROW] = [9000, 8000]
/** A VTEP may lose the first frame to a peer whose MAC it has yet to resolve. */
const ATTEMPTS = 4

export const jumbo: readonly Scenario[] = [
  {
    name: 'packets of 9,000 bytes pass where every link carries them, though another link of the network does not',
    topology,
    shows: { jumbo: ALL_SWITCHES },
    async run(lab) {
      const [one, other] = [lab.guest('h1.disk1'), lab.guest('h2.disk2')]
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const)
        for (const bytes of [SHORT_PING, fullPing(MTU)]) {
          let answered = false
          for (let attempt = 0; attempt < ATTEMPTS && !answered; attempt++)
            answered = await from.ping(to.address, { bytes, timeoutMs: 1000, signal: lab.signal })
          if (!answered) throw new Error(`${from.name} -> ${to.name}, ${bytes} bytes: lost`)
        }
    },
  },
  {
    name: 'a link narrower than its NICs is found: the status names VTEPs and size, that much passes and no more, and other networks are well',
    topology,
    shows: { mtuStatus: ALL_SWITCHES },
    timeoutMs: 2 * PATIENCE_MS,
    async run(lab) {
      // Hosts of flows are probed from one another; the kernel's agent probes by itself, the one with weft switch does not.
      const agents = lab.realizer('h2') === 'linux-bridge' ? ['h2 h3'] : []
      const concerned = ['h1 h3', 'h3 h1', ...agents]
      const isNamed = (limits: readonly MtuLimit[]) =>
        concerned.every((pair) => limits.some((each) => pairOf(each) === pair))
      const { limitedBy, effective } = await whenMtu(
        lab,
        `${concerned.join(', ')} are named`,
        (status) => isNamed(status.limitedBy),
        { path: STORAGE },
      )
      // A cable of the kernel lets four bytes more pass, the room of a tag.
      const most = NARROW + (lab.backend === 'memory' ? 0 : 4)
      for (const limit of limitedBy) {
        if (!pairOf(limit).includes('h3')) throw new Error(`well, and named: ${limit.message}`)
        if (limit.packetBytes < NARROW || limit.packetBytes > most) throw new Error(limit.message)
        if (concerned.includes(pairOf(limit))) await holds(lab, limit)
      }
      if (effective < NARROW || effective > most) throw new Error(`${effective} is said to pass`)
      await whenMtu(lab, 'what fits through is well', isWell(1500), { path: WEB })
      lab.tell(limitedBy.map(({ message }) => message).join('\n'))
    },
  },
  {
    name: 'a ping over a link of 5 ms takes 10 ms and more, one beside it is answered too',
    topology,
    not: { netns: 'delay wants netem, which the kernel of the tests lacks' },
    shows: {},
    async run(lab) {
      const [from, far, near] = ['h1.disk1', 'h3.disk3', 'h2.disk2'].map(lab.guest)
      if (!from || !far || !near) throw new Error('no guests')
      const ask = (to: typeof far) => from.ping(to.address, { bytes: SHORT_PING, timeoutMs: 1000 })
      for (const to of [near, far]) await lab.until(`${to.name} answers`, () => ask(to))
      const began = lab.clock.now()
      if (!(await ask(far))) throw new Error('the ping was lost')
      const tookMs = lab.clock.now() - began
      if (tookMs < 10) throw new Error(`it took ${tookMs} ms, over 5 ms each way`)
    },
  },
]
