/** A host dies, with all that it knew, and comes back. */
import { reaches, type Way } from './pinging.ts'
import { ALL_SWITCHES, type Scenario, type ScenarioLab } from './scenario.ts'

const topology = 'host-failure'
const DEAD = 'h2'
/** Between hosts that live on, both ways. */
const WAYS: readonly Way[] = [
  ['h1.acme-vm1', 'h3.acme-vm3'],
  ['h3.acme-vm3', 'h1.acme-vm1'],
]
const PATIENCE_MS = 40_000
/** For the others to go on without it. */
const AWAY_MS = 2000
/** Between two pings of one way. */
const PAUSE_MS = 20

export const hostFailure: readonly Scenario[] = [
  {
    name: 'a host dies and comes back with an empty database: no ping between the others is lost, its guests are told to be away and are served again',
    topology,
    shows: { hostFailure: ALL_SWITCHES },
    timeoutMs: 3 * PATIENCE_MS,
    async run(lab) {
      for (const { from, to } of lab.pairs()) await reaches(lab, from.name, to.name)
      const { length } = await lab.events('host_disconnected')
      const pings = WAYS.map((way) => pinging(lab, way))
      try {
        await lab.faults().hostOff(DEAD)
        const isTold = async () => {
          const told = (await lab.events('host_disconnected')).slice(length)
          return told.some((message) => message.startsWith(`${DEAD}: `))
        }
        // As long as silence takes to be noticed: three echoes that nobody answers.
        await lab.until('its end is told', isTold, PATIENCE_MS)
        for (const { tenant, portId } of guestsOf(lab)) {
          const { realized, hosts } = await statusOf(lab, `${tenant}/ports/${portId}`)
          const state = hosts[DEAD]?.state
          if (realized || state !== 'disconnected') throw new Error(`${portId} is ${state}`)
        }
        const there = await statusOf(lab, 'acme/ports/vm1')
        const others = Object.entries(there.hosts).filter(([id]) => id !== DEAD)
        for (const [id, { state }] of others)
          if (state !== 'realized') throw new Error(`vm1 is ${state} on ${id}`)
        await lab.clock.sleep(AWAY_MS)
        await lab.faults().hostOn(DEAD)
        for (const { tenant, portId } of guestsOf(lab))
          await lab.until(
            `${portId} is realized again`,
            async () => (await statusOf(lab, `${tenant}/ports/${portId}`)).realized,
            PATIENCE_MS,
          )
        for (const { from, to } of lab.pairs()) await reaches(lab, from.name, to.name)
      } finally {
        for (const each of pings) each.end()
      }
      for (const [at, each] of pings.entries()) {
        const { sent, lost } = await each.result
        if (lost > 0 || sent === 0)
          throw new Error(`${WAYS[at]?.join(' -> ')}: ${lost} of ${sent} lost`)
        lab.tell(`${WAYS[at]?.join(' -> ')}: ${sent} pings, none lost`)
      }
    },
  },
]

const guestsOf = (lab: ScenarioLab) =>
  [...new Set(lab.pairs().map(({ from }) => from))].filter(({ hostId }) => hostId === DEAD)

interface Status {
  readonly realized: boolean
  readonly hosts: Readonly<Record<string, { readonly state: string }>>
}

const statusOf = async (lab: ScenarioLab, path: string): Promise<Status> =>
  (await lab.get<{ status: Status }>(`tenants/${path}`)).status

/** One echo after the other by the guest's own stack, until it is ended. */
function pinging(lab: ScenarioLab, [from, to]: Way) {
  let isOn = true
  const target = lab.guest(to).address
  const options = { bytes: 56, timeoutMs: 5000, signal: lab.signal }
  const go = async () => {
    let [sent, lost] = [0, 0]
    while (isOn && !lab.signal.aborted) {
      sent++
      if (!(await lab.guest(from).ping(target, options))) lost++
      await lab.clock.sleep(PAUSE_MS)
    }
    return { sent, lost }
  }
  const result = go()
  // Looked at when all is over.
  result.catch(() => {})
  const end = () => {
    isOn = false
  }
  return { result, end }
}
